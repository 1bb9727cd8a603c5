import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { plain } from '../kernel/context.ts';
import { attempt, fill, reserve } from '../kernel/journal.ts';
import { collect, finalizeInvoice, methodOf } from './collect.ts';
import { endOfPeriod, partOfPeriod, periodLines } from './cut-periods.ts';
import { reschedule } from './due-dates.ts';
import { markUncollectible, markVoid } from './invoice-state.ts';
import { itemLines, type LineDraft } from './line-drafts.ts';
import { isMetered } from './prices.ts';
import { draftFor } from './subscription-invoice.ts';
import { hasEnded, periodEnd } from './subscription-object.ts';
import { unbilledFrom } from './usage-lines.ts';

/** The end of a period: cancel, end the trial, or renew. */
export function runCycle(ctx: Context, subscription: Stripe.Subscription): void {
  const now = ctx.nowFor(idOf(subscription.customer));
  if (
    hasEnded(subscription) ||
    subscription.status === 'paused' ||
    subscription.status === 'incomplete'
  )
    return;
  if (periodEnd(subscription) <= now) ctx.services.schedules.beforeRenewal(ctx, subscription, now);
  if (hasEnded(subscription)) return;
  const cancels =
    (subscription.cancel_at !== null && subscription.cancel_at <= now) ||
    (subscription.cancel_at_period_end && periodEnd(subscription) <= now);
  if (cancels) {
    const how = { invoiceNow: false, prorate: false, reason: 'cancellation_requested' } as const;
    ctx.services.billing.cancelSubscription(ctx, subscription, how);
  } else if (periodEnd(subscription) > now) {
    reschedule(ctx, subscription);
  } else if (subscription.status === 'trialing' && trialEndsWithoutMethod(ctx, subscription)) {
    endWithoutMethod(ctx, subscription);
  } else {
    attempt(ctx, null, () => renew(ctx, subscription));
  }
}

function trialEndsWithoutMethod(ctx: Context, subscription: Stripe.Subscription): boolean {
  const behavior =
    subscription.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice';
  if (behavior === 'create_invoice' || subscription.collection_method === 'send_invoice')
    return false;
  return methodOf(ctx, idOf(subscription.customer), subscription) === null;
}

/** A trial that ends with no way to pay is canceled or paused, as the subscription says. */
export function endWithoutMethod(ctx: Context, subscription: Stripe.Subscription): void {
  const { billing } = ctx.services;
  if (subscription.trial_settings?.end_behavior.missing_payment_method === 'pause')
    billing.pauseSubscription(ctx, subscription, 'trial_end_without_payment_method');
  else
    billing.cancelSubscription(ctx, subscription, {
      invoiceNow: false,
      prorate: false,
      reason: 'cancellation_requested',
    });
}

/** A new period: items move on, `customer.subscription.updated`, then the draft invoice. */
export function renew(ctx: Context, subscription: Stripe.Subscription): Stripe.Invoice | null {
  const now = ctx.nowFor(idOf(subscription.customer));
  const before = plain(subscription);
  const rehearsal = ctx.account.journal?.rehearsal === true;
  const slot = rehearsal ? null : reserve(ctx);
  ctx.account.journal?.protect(subscription);
  const period = { start: lastStart(subscription), end: now };
  const lines = moveOn(ctx, subscription, now);
  if (subscription.status === 'trialing') subscription.status = 'active';
  const invoice = lines.length === 0 ? null : cycleInvoice(ctx, subscription, { lines, period });
  if (slot !== null)
    fill(ctx, slot, { type: 'customer.subscription.updated', object: subscription, before });
  if (invoice !== null && !rehearsal) ctx.emit('invoice.created', invoice);
  reschedule(ctx, subscription);
  if (slot !== null) ctx.services.entitlements.refresh(ctx, idOf(subscription.customer));
  return invoice;
}

function lastStart(subscription: Stripe.Subscription): number {
  return Math.min(...subscription.items.data.map((item) => item.current_period_start));
}

/** Items whose period is over start the next one; the lines bill ahead for fixed prices and behind for usage. */
function moveOn(ctx: Context, subscription: Stripe.Subscription, now: number): LineDraft[] {
  const trialing = subscription.status === 'trialing';
  return subscription.items.data.flatMap((item) => {
    const { current_period_end: end } = item;
    if (end > now) return [];
    ctx.account.journal?.protect(item);
    const from = unbilledFrom(ctx, item);
    item.current_period_start = end;
    item.current_period_end = endOfPeriod(subscription, item);
    if (isMetered(item.price))
      return trialing ? [] : itemLines(ctx, subscription, { item, start: from, end });
    // Without prorations, the time between a trial and the anchor is free.
    if (trialing && leadsToAnchor(ctx, subscription, item)) return [];
    return periodLines(ctx, subscription, item);
  });
}

function leadsToAnchor(
  ctx: Context,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
): boolean {
  const free = ctx.note('subscription', subscription.id)['freeUntilAnchor'] === true;
  return free && partOfPeriod(subscription, item) < 1;
}

function cycleInvoice(
  ctx: Context,
  subscription: Stripe.Subscription,
  made: { lines: LineDraft[]; period: { start: number; end: number } },
): Stripe.Invoice {
  const stays =
    subscription.status === 'unpaid' || subscription.pause_collection?.behavior === 'keep_as_draft';
  const invoice = draftFor(ctx, subscription, {
    reason: 'subscription_cycle',
    ...made,
    autoAdvance: !stays,
  });
  if (stays) return invoice;
  const at = invoice.created + ctx.settings.draftSeconds;
  invoice.automatically_finalizes_at = at;
  if (invoice.collection_method === 'charge_automatically') invoice.next_payment_attempt = at;
  ctx.schedule(at, ctx.clockOf(idOf(invoice.customer)), {
    job: 'invoice.advance',
    ref: invoice.id,
  });
  return invoice;
}

/** The hour after a draft was made: finalize it, then take the money, or do what paused collection says. */
export function advanceInvoice(ctx: Context, invoice: Stripe.Invoice): void {
  if (invoice.status !== 'draft' || invoice.auto_advance === false) return;
  const behavior = pausedBehavior(ctx, invoice);
  finalizeInvoice(ctx, invoice);
  if (invoice.amount_due === 0) return;
  if (behavior === 'void') markVoid(ctx, invoice);
  else if (behavior === 'mark_uncollectible')
    markUncollectible(ctx, invoice, 'subscription_paused');
  else if (invoice.collection_method === 'send_invoice') ctx.emit('invoice.sent', invoice);
  else collect(ctx, invoice, { method: null, offSession: true, kind: 'first' });
}

function pausedBehavior(ctx: Context, invoice: Stripe.Invoice): string | null {
  const id = idOf(invoice.parent?.subscription_details?.subscription);
  return ctx.store.find('subscription', id)?.pause_collection?.behavior ?? null;
}
