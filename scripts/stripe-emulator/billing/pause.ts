import type Stripe from 'stripe';
import { plain, type Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { attempt, fill, reserve } from '../kernel/journal.ts';
import { reschedule } from './due-dates.ts';
import { restart } from './items-change.ts';
import { holdLine } from './pending-items.ts';
import { boundaryAfter, boundaryUntil } from './periods.ts';
import { everyOf } from './prices.ts';
import { creditUnused, debitRemaining } from './proration.ts';
import { draftFor, finalizeNow } from './subscription-invoice.ts';
import { followPeriodEnd, isFlexible, periodStart } from './subscription-object.ts';
import { usageBilledUntil, usageLines } from './usage-lines.ts';

type PauseReason = Stripe.Subscription.StatusDetails.Paused.Subscription.Type;
const RESUME_SECONDS = 23 * 3_600;

/** The status `paused`, with its reason; emits paused, updated. */
export function pauseSubscription(
  ctx: Context,
  subscription: Stripe.Subscription,
  reason: PauseReason,
): void {
  const now = ctx.nowFor(idOf(subscription.customer));
  const apply = () => {
    subscription.status = 'paused';
    subscription.status_details = {
      paused: { subscription: { type: reason }, transitioned_at: now, type: 'subscription' },
    };
    ctx.emit('customer.subscription.paused', subscription);
  };
  ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
  reschedule(ctx, subscription);
  ctx.services.entitlements.refresh(ctx, idOf(subscription.customer));
}

/** What a pause bills before it stops everything. */
export interface PauseRequest {
  /** From when on the paid time is given back: this moment, or the start of each item's period. */
  creditFrom: 'none' | 'now' | 'item_current_period_start';
  billUsage: boolean;
  invoice: boolean;
}

/** `POST /v1/subscriptions/:id/pause`: no invoices from now on; the current periods end here. */
export function requestPause(
  ctx: Context,
  subscription: Stripe.Subscription,
  how: PauseRequest,
): void {
  refusePause(subscription);
  attempt(ctx, idOf(subscription.customer), () => {
    const now = ctx.nowFor(idOf(subscription.customer));
    const start = periodStart(subscription);
    const lines = how.billUsage ? usageLines(ctx, subscription, now) : [];
    if (how.billUsage) usageBilledUntil(ctx, subscription, now);
    const credits = subscription.items.data.flatMap((item) =>
      how.creditFrom === 'none'
        ? []
        : creditUnused(ctx, subscription, {
            item,
            at: how.creditFrom === 'now' ? now : item.current_period_start,
          }),
    );
    for (const item of subscription.items.data) {
      ctx.account.journal?.protect(item);
      item.current_period_end = now;
    }
    pauseSubscription(ctx, subscription, 'pause_requested');
    for (const credit of credits) ctx.emit('invoiceitem.created', credit);
    if (!how.invoice) for (const line of lines) holdLine(ctx, subscription, line);
    else if (lines.length + credits.length > 0) {
      const period = { start, end: now };
      const invoice = draftFor(ctx, subscription, { reason: 'subscription_update', lines, period });
      ctx.emit('invoice.created', invoice);
      finalizeNow(ctx, invoice, { confirm: true, offSession: true, paidBy: null });
    }
  });
}

function refusePause(subscription: Stripe.Subscription): void {
  const problem = !isFlexible(subscription)
    ? 'Only subscriptions with `billing_mode` set to `flexible` can be paused.'
    : subscription.collection_method !== 'charge_automatically'
      ? 'Only subscriptions with `collection_method` set to `charge_automatically` can be paused.'
      : subscription.schedule !== null
        ? 'A subscription with a schedule cannot be paused: release the schedule first.'
        : !['active', 'past_due', 'unpaid'].includes(subscription.status)
          ? `A subscription with the status \`${subscription.status}\` cannot be paused.`
          : null;
  if (problem !== null) throw invalidRequest(problem, { param: 'subscription' });
}

/** How a paused subscription starts again. */
export interface ResumeRequest {
  anchor: 'now' | 'unchanged';
  prorate: boolean;
  at: number | null;
  /** `resume_on_payment_success` tries to take the money in the request; the default waits for a call to pay. */
  payNow: boolean;
}

/** `POST /v1/subscriptions/:id/resume` */
export function resumeSubscription(
  ctx: Context,
  subscription: Stripe.Subscription,
  how: ResumeRequest,
): void {
  if (subscription.status !== 'paused') {
    throw invalidRequest('Only subscriptions with the status `paused` can be resumed.', {
      param: 'subscription',
    });
  }
  attempt(ctx, idOf(subscription.customer), () => {
    const before = plain(subscription);
    const slot = ctx.account.journal?.rehearsal === true ? null : reserve(ctx);
    const invoice = resumeInvoice(ctx, subscription, how);
    followPeriodEnd(subscription);
    if (invoice === null) {
      finishResume(ctx, subscription);
      return;
    }
    if (slot !== null)
      fill(ctx, slot, { type: 'customer.subscription.updated', object: subscription, before });
    ctx.emit('invoice.created', invoice);
    const note = ctx.note('subscription', subscription.id);
    note['resumeInvoice'] = invoice.id;
    note['resumeOnSuccess'] = how.payNow;
    finalizeNow(ctx, invoice, { confirm: how.payNow, offSession: true, paidBy: null });
    if (subscription.status !== 'paused') return;
    invoice.auto_advance = false;
    invoice.next_payment_attempt = null;
    ctx.unschedule('invoice.retry', invoice.id);
    const clock = ctx.clockOf(idOf(invoice.customer));
    ctx.schedule(invoice.created + RESUME_SECONDS, clock, {
      job: 'invoice.void_unpaid_resume',
      ref: invoice.id,
    });
  });
}

/** Anchor now: whole new periods. Unchanged: the rest of the grid's period, prorated. */
function resumeInvoice(
  ctx: Context,
  subscription: Stripe.Subscription,
  how: ResumeRequest,
): Stripe.Invoice | null {
  const now = how.at ?? ctx.nowFor(idOf(subscription.customer));
  const period = { start: periodStart(subscription), end: now };
  ctx.account.journal?.protect(subscription);
  if (how.anchor === 'now') {
    const lines = restart(ctx, subscription, now);
    return lines.length === 0
      ? null
      : draftFor(ctx, subscription, { reason: 'subscription_update', lines, period });
  }
  for (const item of subscription.items.data) {
    ctx.account.journal?.protect(item);
    const every = everyOf(item.price);
    item.current_period_start = boundaryUntil(subscription.billing_cycle_anchor, every, now);
    item.current_period_end = boundaryAfter(subscription.billing_cycle_anchor, every, now);
  }
  if (!how.prorate) return null;
  const debits = subscription.items.data.flatMap((item) =>
    debitRemaining(ctx, subscription, { item, at: now }),
  );
  for (const debit of debits) ctx.emit('invoiceitem.created', debit);
  if (debits.length === 0) return null;
  return draftFor(ctx, subscription, { reason: 'subscription_update', lines: [], period });
}

/** Active again; emits resumed, updated. */
export function finishResume(ctx: Context, subscription: Stripe.Subscription): void {
  ctx.note('subscription', subscription.id)['resumeInvoice'] = null;
  const apply = () => {
    subscription.status = 'active';
    delete subscription.status_details;
    ctx.emit('customer.subscription.resumed', subscription);
  };
  ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
  reschedule(ctx, subscription);
  ctx.services.entitlements.refresh(ctx, idOf(subscription.customer));
}

/** Classic → flexible, for good. */
export function migrate(
  ctx: Context,
  subscription: Stripe.Subscription,
  mode: Stripe.Subscription.BillingMode,
): void {
  const apply = () => {
    subscription.billing_mode = { ...mode, updated_at: ctx.nowFor(idOf(subscription.customer)) };
  };
  ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
}
