import type Stripe from 'stripe';
import { plain, type Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { attempt, fill, Journal, reserve, type Slot } from '../kernel/journal.ts';
import { methodOf, noMethod } from './collect.ts';
import { endWithoutMethod } from './cycle.ts';
import { followPlannedEnd } from './cut-periods.ts';
import { reschedule } from './due-dates.ts';
import { markVoid } from './invoice-state.ts';
import { changeItems, restart, type Billed, type ItemUpdate } from './items-change.ts';
import { recordParked } from './parked-debits.ts';
import { creditUnused } from './proration.ts';
import { setStatus } from './status.ts';
import type { PaymentBehavior } from './subscription-create.ts';
import { draftFor, finalizeNow } from './subscription-invoice.ts';
import { followPeriodEnd, periodStart } from './subscription-object.ts';
import { usageLines } from './usage-lines.ts';

/** All that an update may change; the routes, the portal and schedules fill it. */
export interface SubscriptionUpdate {
  items: ItemUpdate[];
  prorationBehavior: 'create_prorations' | 'always_invoice' | 'none';
  prorationDate: number | null;
  resetAnchor: boolean;
  trialEnd: number | 'now' | null;
  paymentBehavior: PaymentBehavior;
  offSession: boolean;
  /** When a parked change was asked for; else it happens now. */
  askedAt?: number;
  /** Sets the fields that bill nothing. */
  decorate: (subscription: Stripe.Subscription) => void;
}

const PENDING_SECONDS = 23 * 3_600;

/** Changes a subscription, bills what the change costs, and tells about it. Returns the invoice it made, if any. */
export function updateSubscription(
  ctx: Context,
  subscription: Stripe.Subscription,
  update: SubscriptionUpdate,
): Stripe.Invoice | null {
  return attempt(ctx, idOf(subscription.customer), () => {
    const rehearsal = ctx.account.journal?.rehearsal === true;
    const change = {
      before: plain(subscription),
      slot: rehearsal ? null : reserve(ctx),
      undo: undoable(ctx, subscription),
    };
    ctx.account.journal?.protect(subscription);
    const planned = subscription.cancel_at;
    update.decorate(subscription);
    if (update.trialEnd === 'now' && endsWithoutMethod(ctx, subscription)) {
      endWithoutMethod(ctx, subscription);
      return null;
    }
    const billed = applyChange(ctx, subscription, update);
    const prorate = update.prorationBehavior !== 'none';
    if (subscription.cancel_at !== planned)
      billed.prorations.push(...followPlannedEnd(ctx, subscription, { before: planned, prorate }));
    followPeriodEnd(subscription);
    const invoice = invoiceFor(ctx, subscription, { update, billed });
    announce(ctx, subscription, { ...change, billed, invoice });
    if (invoice !== null && !rehearsal) pay(ctx, subscription, { update, invoice, ...change });
    reschedule(ctx, subscription);
    if (!rehearsal) ctx.services.entitlements.refresh(ctx, idOf(subscription.customer));
    return invoice;
  });
}

/** What would have to be put back if the payment decides against the change. */
function undoable(ctx: Context, subscription: Stripe.Subscription): Journal {
  const journal = new Journal(false);
  journal.protect(subscription);
  for (const item of subscription.items.data) {
    journal.protect(item);
    const ledger = ctx.store.find('_ledger', item.id);
    if (ledger !== undefined) journal.protect(ledger);
  }
  return journal;
}

function endsWithoutMethod(ctx: Context, subscription: Stripe.Subscription): boolean {
  const behavior = subscription.trial_settings?.end_behavior.missing_payment_method;
  return (
    subscription.status === 'trialing' &&
    (behavior === 'pause' || behavior === 'cancel') &&
    methodOf(ctx, idOf(subscription.customer), subscription) === null
  );
}

function applyChange(
  ctx: Context,
  subscription: Stripe.Subscription,
  update: SubscriptionUpdate,
): Billed {
  const now = update.askedAt ?? ctx.nowFor(idOf(subscription.customer));
  const at = update.prorationDate ?? now;
  refuseBadDate(subscription, update, now);
  const endsTrial = update.trialEnd === 'now' && subscription.status === 'trialing';
  const billed = changeItems(ctx, subscription, {
    items: update.items,
    prorate: update.prorationBehavior !== 'none',
    at,
    now,
    resetAnchor: update.resetAnchor && !endsTrial,
  });
  if (endsTrial) {
    subscription.status = 'active';
    subscription.trial_end = now;
    return { ...billed, lines: [...billed.lines, ...restart(ctx, subscription, now)] };
  }
  if (typeof update.trialEnd !== 'number') return billed;
  const prorate = update.prorationBehavior !== 'none';
  const unused = freeTime(ctx, subscription, { at, prorate });
  extendTrial(ctx, subscription, { end: update.trialEnd, now });
  return {
    prorations: [...billed.prorations, ...unused.prorations],
    lines: [...billed.lines, ...unused.lines],
  };
}

function refuseBadDate(
  subscription: Stripe.Subscription,
  update: SubscriptionUpdate,
  now: number,
): void {
  const date = update.prorationDate;
  if (date !== null && date < periodStart(subscription)) {
    throw invalidRequest('Cannot specify proration_date outside of the current period.', {
      param: 'proration_date',
    });
  }
  if (typeof update.trialEnd === 'number' && update.trialEnd <= now) {
    throw invalidRequest('Invalid timestamp: must be an integer Unix timestamp in the future.', {
      param: 'trial_end',
    });
  }
}

/** A trial in a running period: what was paid for the rest of it goes back, what was used before is billed. */
function freeTime(
  ctx: Context,
  subscription: Stripe.Subscription,
  from: { at: number; prorate: boolean },
): Billed {
  if (subscription.status !== 'active') return { prorations: [], lines: [] };
  const { at } = from;
  const prorations = subscription.items.data.flatMap((item) =>
    from.prorate ? creditUnused(ctx, subscription, { item, at }) : [],
  );
  return { prorations, lines: usageLines(ctx, subscription, at) };
}

/** A trial (again), until a date at which the billing starts anew. */
function extendTrial(
  ctx: Context,
  subscription: Stripe.Subscription,
  trial: { end: number; now: number },
): void {
  const again = subscription.status === 'active';
  if (again) subscription.trial_start = trial.now;
  subscription.trial_end = trial.end;
  subscription.billing_cycle_anchor = trial.end;
  if (again) subscription.status = 'trialing';
  for (const item of subscription.items.data) {
    ctx.account.journal?.protect(item);
    if (again) item.current_period_start = trial.now;
    item.current_period_end = trial.end;
  }
}

/** The invoice that a change makes at once, if it does: always_invoice, or a period that starts now. */
function invoiceFor(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: { update: SubscriptionUpdate; billed: Billed },
): Stripe.Invoice | null {
  const { update, billed } = change;
  const asked = update.prorationBehavior === 'always_invoice' && billed.prorations.length > 0;
  if (!asked && billed.lines.length === 0) return null;
  const now = ctx.nowFor(idOf(subscription.customer));
  const period = { start: Math.min(periodStart(subscription), now), end: now };
  return draftFor(ctx, subscription, {
    reason: 'subscription_update',
    lines: billed.lines,
    period,
  });
}

interface Change {
  before: unknown;
  slot: Slot | null;
  undo: Journal;
}

function announce(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: Change & { billed: Billed; invoice: Stripe.Invoice | null },
): void {
  const { slot, before, billed, invoice } = change;
  if (slot !== null)
    fill(ctx, slot, { type: 'customer.subscription.updated', object: subscription, before });
  for (const item of billed.prorations) ctx.emit('invoiceitem.created', item);
  if (invoice !== null) ctx.emit('invoice.created', invoice);
}

function pay(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: Change & { update: SubscriptionUpdate; invoice: Stripe.Invoice },
): void {
  const { update, invoice } = change;
  const pending = update.paymentBehavior === 'pending_if_incomplete';
  const note = ctx.note('subscription', subscription.id);
  if (pending) note['pendingInvoice'] = invoice.id;
  const confirm = update.paymentBehavior !== 'default_incomplete';
  if (confirm) refuseUnpayable(ctx, subscription, invoice);
  const done = finalizeNow(ctx, invoice, { confirm, offSession: update.offSession, paidBy: null });
  if (done.paid) note['pendingInvoice'] = null;
  else if (update.paymentBehavior === 'error_if_incomplete')
    throw done.error ?? new Error('unpaid');
  else if (pending) park(ctx, subscription, change);
  else if (subscription.status === 'active') setStatus(ctx, subscription, 'past_due');
}

/** What is to be charged at once asks for something to charge, as a new subscription does. */
function refuseUnpayable(
  ctx: Context,
  subscription: Stripe.Subscription,
  invoice: Stripe.Invoice,
): void {
  const charges = subscription.collection_method === 'charge_automatically';
  if (!charges || invoice.amount_due <= 0) return;
  if (methodOf(ctx, idOf(subscription.customer), subscription) === null) throw noMethod();
}

/** Unpaid: the subscription stays as it was, and the change waits in `pending_update`. */
function park(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: Change & { update: SubscriptionUpdate; invoice: Stripe.Invoice },
): void {
  const { update, invoice, slot, before, undo } = change;
  const wanted = subscription.items.data.map((item) => ({ ...item }));
  const trialEnd = update.trialEnd === null ? null : subscription.trial_end;
  undo.rollBack();
  const now = ctx.nowFor(idOf(subscription.customer));
  invoice.auto_advance = false;
  invoice.next_payment_attempt = null;
  ctx.unschedule('invoice.retry', invoice.id);
  subscription.latest_invoice = invoice.id;
  subscription.pending_update = {
    billing_cycle_anchor: update.resetAnchor ? now : null,
    cancel_at_period_end: null,
    discount: null,
    discounts: null,
    expires_at: now + PENDING_SECONDS,
    metadata: null,
    subscription_items: wanted,
    trial_end: trialEnd,
    trial_from_plan: null,
  };
  const { decorate: _decorate, ...kept } = update;
  const note = ctx.note('subscription', subscription.id);
  note['pendingInvoice'] = invoice.id;
  note['pendingUpdate'] = JSON.stringify({ ...kept, askedAt: now });
  if (slot !== null)
    fill(ctx, slot, { type: 'customer.subscription.updated', object: subscription, before });
}

/** The time that a parked change speaks of, moved into the period that has begun meanwhile. */
function notBefore<U extends Pick<SubscriptionUpdate, 'prorationDate' | 'askedAt'>>(
  update: U,
  start: number,
): U {
  const { prorationDate, askedAt } = update;
  return {
    ...update,
    prorationDate: prorationDate === null ? null : Math.max(prorationDate, start),
    askedAt: askedAt === undefined ? undefined : Math.max(askedAt, start),
  };
}

/** The parked change takes effect: its invoice, prorations included, has been paid. */
export function applyPendingUpdate(ctx: Context, subscription: Stripe.Subscription): void {
  const note = ctx.note('subscription', subscription.id);
  const { pendingUpdate } = note;
  if (subscription.pending_update === null || typeof pendingUpdate !== 'string') return;
  const update: Omit<SubscriptionUpdate, 'decorate'> = JSON.parse(pendingUpdate);
  const paid = note['pendingInvoice'];
  const invoice = typeof paid === 'string' ? ctx.store.find('invoice', paid) : undefined;
  const apply = () => {
    const billed = applyChange(ctx, subscription, {
      ...notBefore(update, periodStart(subscription)),
      decorate: () => undefined,
    });
    if (invoice !== undefined) recordParked(ctx, invoice, billed);
    for (const item of billed.prorations) ctx.store.forget('invoiceitem', item.id);
    subscription.pending_update = null;
  };
  note['pendingInvoice'] = null;
  note['pendingUpdate'] = null;
  ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
  ctx.emit('customer.subscription.pending_update_applied', subscription);
  reschedule(ctx, subscription);
}

/** 23 hours without payment: the change is forgotten and its invoice voided. */
export function expirePendingUpdate(ctx: Context, subscription: Stripe.Subscription): void {
  if (subscription.pending_update === null) return;
  const note = ctx.note('subscription', subscription.id);
  const id = note['pendingInvoice'];
  const invoice = typeof id === 'string' ? ctx.store.find('invoice', id) : undefined;
  note['pendingInvoice'] = null;
  note['pendingUpdate'] = null;
  const apply = () => {
    subscription.pending_update = null;
  };
  ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
  ctx.emit('customer.subscription.pending_update_expired', subscription);
  if (invoice?.status === 'open') markVoid(ctx, invoice);
  reschedule(ctx, subscription);
}
