import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { hasEnded, periodEnd } from './subscription-object.ts';

const DAY = 86_400;
const THREE_DAYS = 3 * DAY;
const JOBS = [
  'cycle',
  'upcoming',
  'trial_will_end',
  'expire',
  'resume_collection',
  'pending_expires',
  'pending_items',
];

/** Plans all due work of a subscription from its dates; what no longer applies is dropped. */
export function reschedule(ctx: Context, subscription: Stripe.Subscription): void {
  const plan = planOf(ctx, subscription);
  const clock = idOf(subscription.test_clock);
  for (const name of JOBS) {
    const at = plan[name];
    const job = `subscription.${name}`;
    if (at === undefined) ctx.unschedule(job, subscription.id);
    else if (ctx.account.scheduler.dueAt(job, subscription.id) !== at)
      ctx.schedule(at, clock, { job, ref: subscription.id });
  }
}

function planOf(ctx: Context, subscription: Stripe.Subscription): Record<string, number> {
  if (hasEnded(subscription)) return {};
  const { status } = subscription;
  if (status === 'incomplete') return { expire: subscription.created + 23 * 3_600 };
  const plan: Record<string, number> = {};
  if (subscription.pending_update !== null)
    plan['pending_expires'] = subscription.pending_update.expires_at;
  if (status === 'paused') return plan;
  const now = ctx.nowFor(idOf(subscription.customer));
  const end = periodEnd(subscription);
  plan['cycle'] = Math.min(end, subscription.cancel_at ?? end);
  addTrial(subscription, plan, now);
  const upcoming = end - ctx.settings.upcomingDays * DAY;
  const ends = subscription.cancel_at_period_end || (subscription.cancel_at ?? Infinity) <= end;
  if (ctx.settings.upcomingDays > 0 && upcoming > now && !ends) plan['upcoming'] = upcoming;
  const resumesAt = subscription.pause_collection?.resumes_at ?? null;
  const itemsAt = subscription.next_pending_invoice_item_invoice;
  if (itemsAt !== null) plan['pending_items'] = itemsAt;
  if (resumesAt !== null) plan['resume_collection'] = resumesAt;
  return plan;
}

function addTrial(
  subscription: Stripe.Subscription,
  plan: Record<string, number>,
  now: number,
): void {
  const { trial_end: end, status } = subscription;
  if (status !== 'trialing' || end === null) return;
  if (end - THREE_DAYS > now) plan['trial_will_end'] = end - THREE_DAYS;
}
