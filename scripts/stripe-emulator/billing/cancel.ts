import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { attempt } from '../kernel/journal.ts';
import { reschedule } from './due-dates.ts';
import { markVoid, stopCollection } from './invoice-state.ts';
import { dueWith } from './pending-items.ts';
import { creditUnused } from './proration.ts';
import { draftFor, finalizeNow } from './subscription-invoice.ts';
import { followPeriodEnd, periodStart } from './subscription-object.ts';
import { usageLines } from './usage-lines.ts';

export interface Cancellation {
  invoiceNow: boolean;
  prorate: boolean;
  reason: Stripe.Subscription.CancellationDetails.Reason | null;
}

/** Ends a subscription now: final invoice if asked, no more collection, `customer.subscription.deleted`. */
export function cancelSubscription(
  ctx: Context,
  subscription: Stripe.Subscription,
  how: Cancellation,
): Stripe.Subscription {
  return attempt(ctx, idOf(subscription.customer), () => {
    if (subscription.status === 'incomplete') return expire(ctx, subscription);
    const now = ctx.nowFor(idOf(subscription.customer));
    const planned = subscription.cancel_at_period_end || subscription.cancel_at !== null;
    if (how.prorate) credit(ctx, subscription, now);
    const atPeriodEnd =
      planned && subscription.items.data.some((item) => item.current_period_end <= now);
    if (how.invoiceNow || atPeriodEnd)
      finalInvoice(ctx, subscription, how.invoiceNow ? 'manual' : 'subscription_cycle');
    else if (!how.prorate) dropProrations(ctx, subscription);
    stopOpenInvoices(ctx, subscription);
    end(ctx, subscription, {
      status: 'canceled',
      reason: how.reason,
      now,
      planned: reached(subscription, now),
    });
    ctx.emit('customer.subscription.deleted', subscription);
    ctx.services.schedules.onSubscriptionEnded(ctx, subscription);
    ctx.services.entitlements.refresh(ctx, idOf(subscription.customer));
    return subscription;
  });
}

function reached(subscription: Stripe.Subscription, now: number): boolean {
  return (subscription.cancel_at ?? Infinity) <= now;
}

function end(
  ctx: Context,
  subscription: Stripe.Subscription,
  how: {
    status: 'canceled';
    reason: Cancellation['reason'];
    now: number;
    /** The end was planned for now; else plans are forgotten. */
    planned: boolean;
  },
): void {
  const apply = () => {
    subscription.status = how.status;
    subscription.canceled_at ??= how.now;
    subscription.ended_at = how.now;
    if (!how.planned) {
      subscription.cancel_at = null;
      subscription.cancel_at_period_end = false;
    }
    subscription.pause_collection = null;
    subscription.pending_update = null;
    delete subscription.status_details;
    subscription.cancellation_details = {
      comment: subscription.cancellation_details?.comment ?? null,
      feedback: subscription.cancellation_details?.feedback ?? null,
      feedback_option: subscription.cancellation_details?.feedback_option ?? null,
      reason: how.reason,
    };
  };
  ctx.update('subscription', subscription, { event: null, apply });
  reschedule(ctx, subscription);
}

/** An incomplete subscription that is canceled, or unpaid for 23 hours, expires and its invoice is voided. */
export function expire(ctx: Context, subscription: Stripe.Subscription): Stripe.Subscription {
  return attempt(ctx, idOf(subscription.customer), () => {
    const now = ctx.nowFor(idOf(subscription.customer));
    const apply = () => {
      subscription.status = 'incomplete_expired';
      subscription.ended_at = now;
    };
    ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
    reschedule(ctx, subscription);
    const invoice = ctx.store.find('invoice', idOf(subscription.latest_invoice));
    if (invoice?.status === 'open') markVoid(ctx, invoice);
    return subscription;
  });
}

function credit(ctx: Context, subscription: Stripe.Subscription, at: number): void {
  for (const item of subscription.items.data)
    for (const made of creditUnused(ctx, subscription, { item, at }))
      ctx.emit('invoiceitem.created', made);
}

/** Usage that was never billed and what waits; nothing of either, no invoice. */
function finalInvoice(
  ctx: Context,
  subscription: Stripe.Subscription,
  reason: 'manual' | 'subscription_cycle',
): void {
  const now = ctx.nowFor(idOf(subscription.customer));
  const lines = usageLines(ctx, subscription, now);
  if (lines.length === 0 && dueWith(ctx, subscription).length === 0) return;
  const invoice = draftFor(ctx, subscription, {
    reason,
    lines,
    period: { start: periodStart(subscription), end: now },
  });
  ctx.emit('invoice.created', invoice);
  finalizeNow(ctx, invoice, { confirm: true, offSession: true, paidBy: null });
}

/** Pending prorations of a subscription that ends without a final invoice are gone. */
function dropProrations(ctx: Context, subscription: Stripe.Subscription): void {
  for (const item of dueWith(ctx, subscription)) {
    if (!item.proration) continue;
    ctx.emit('invoiceitem.deleted', item);
    ctx.store.remove('invoiceitem', item.id);
  }
}

/** Finalized invoices stay open, but nobody collects them any more. */
function stopOpenInvoices(ctx: Context, subscription: Stripe.Subscription): void {
  for (const invoice of ctx.store.by('invoice', 'subscription', subscription.id)) {
    if (invoice.status !== 'open' && invoice.status !== 'draft') continue;
    const apply = () => {
      invoice.auto_advance = false;
      invoice.next_payment_attempt = null;
      invoice.automatically_finalizes_at = null;
    };
    ctx.update('invoice', invoice, { event: 'invoice.updated', apply });
    stopCollection(ctx, invoice);
  }
}

/** Sets or clears a planned end; `customer.subscription.updated` tells. */
export function setCancellation(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: { cancelAt: number | null; cancelAtPeriodEnd: boolean },
): Stripe.Subscription {
  const apply = () => planEnd(ctx, subscription, change);
  ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
  reschedule(ctx, subscription);
  return subscription;
}

/** The fields of a planned end; without the event. */
export function planEnd(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: { cancelAt: number | null; cancelAtPeriodEnd: boolean },
): void {
  const ends = change.cancelAt !== null || change.cancelAtPeriodEnd;
  subscription.cancel_at = change.cancelAt;
  subscription.cancel_at_period_end = change.cancelAtPeriodEnd;
  followPeriodEnd(subscription);
  subscription.canceled_at = ends ? ctx.nowFor(idOf(subscription.customer)) : null;
  if (subscription.cancellation_details !== null)
    subscription.cancellation_details.reason = ends ? 'cancellation_requested' : null;
}
