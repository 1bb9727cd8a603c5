import type Stripe from 'stripe';
import type { ScheduleService } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { advance, end, plan } from './engine.ts';
import { attachSchedule } from './from-subscription.ts';
import { addInterval } from './phases.ts';

type Items = Parameters<ScheduleService['changeAtPeriodEnd']>[2];

/** A second phase with the new items begins when the present period ends; after it, the subscription goes on alone. */
function changeAtPeriodEnd(
  ctx: Context,
  subscription: Stripe.Subscription,
  items: Items,
): Stripe.SubscriptionSchedule {
  const schedule =
    ctx.store.find('subscription_schedule', idOf(subscription.schedule)) ??
    attachSchedule(ctx, subscription);
  const start = schedule.current_phase?.start_date;
  const current = schedule.phases.find((phase) => phase.start_date === start);
  if (current === undefined) return schedule;
  const changed = current.items.map((item) => changedItem(subscription, item, items));
  const recurring = ctx.store.find('price', idOf(changed[0]?.price))?.recurring;
  const next = {
    ...current,
    items: changed,
    proration_behavior: 'none' as const,
    start_date: current.end_date,
    end_date: addInterval(
      current.end_date,
      INTERVALS.find((each) => each === recurring?.interval) ?? 'month',
      recurring?.interval_count ?? 1,
    ),
    trial_end: null,
  };
  ctx.update('subscription_schedule', schedule, {
    event: 'subscription_schedule.updated',
    apply() {
      schedule.phases = [current, next];
      schedule.end_behavior = 'release';
    },
  });
  plan(ctx, schedule);
  return schedule;
}

const INTERVALS = ['day', 'week', 'month', 'year'] as const;
type PhaseItem = Stripe.SubscriptionSchedule.Phase['items'][number];

function changedItem(subscription: Stripe.Subscription, item: PhaseItem, items: Items): PhaseItem {
  const price = idOf(item.price);
  const own = subscription.items.data.find((candidate) => candidate.price.id === price);
  const change = items.find((candidate) => candidate.id === own?.id);
  if (change === undefined) return item;
  const to = change.price ?? price;
  return {
    ...item,
    price: to,
    plan: to,
    ...(item.quantity === undefined ? {} : { quantity: change.quantity ?? item.quantity }),
  };
}

/** Schedules as the subscription engine sees them. */
export const scheduleService: ScheduleService = {
  onSubscriptionEnded(ctx, subscription) {
    const schedule = ctx.store.find('subscription_schedule', idOf(subscription.schedule));
    if (schedule?.status !== 'active') return;
    const unpaid = subscription.cancellation_details?.reason === 'payment_failed';
    end(ctx, schedule, unpaid ? 'subscription_schedule.aborted' : 'subscription_schedule.canceled');
  },
  beforeRenewal(ctx, subscription, at) {
    const schedule = ctx.store.find('subscription_schedule', idOf(subscription.schedule));
    if (schedule !== undefined) advance(ctx, schedule, at);
  },
  changeAtPeriodEnd,
};
