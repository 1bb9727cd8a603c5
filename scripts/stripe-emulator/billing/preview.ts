import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf, newId } from '../kernel/ids.ts';
import { rehearse } from '../kernel/journal.ts';
import { cancelSubscription } from './cancel.ts';
import { requestPause, resumeSubscription, type PauseRequest } from './pause.ts';
import { draftInvoice } from './invoice-draft.ts';
import { pendingItems, takePending } from './pending-items.ts';
import { renew } from './cycle.ts';
import { createSubscription, type NewSubscription } from './subscription-create.ts';
import { hasEnded, periodEnd } from './subscription-object.ts';
import { updateSubscription, type SubscriptionUpdate } from './subscription-update.ts';

/** What is to be previewed: the invoices come from doing it and taking it back, so the quote is the charge. */
export type PreviewOf =
  | { kind: 'create'; params: NewSubscription }
  | { kind: 'update'; subscription: Stripe.Subscription; update: SubscriptionUpdate }
  | { kind: 'renewal'; subscription: Stripe.Subscription }
  /** Only what waits for the customer, and the items given for the preview. */
  | { kind: 'items'; customer: string; currency: string }
  | { kind: 'cancel'; subscription: Stripe.Subscription; prorate: boolean }
  | { kind: 'pause'; subscription: Stripe.Subscription; how: PauseRequest }
  | { kind: 'resume'; subscription: Stripe.Subscription };

/**
 * The invoice that would be made. `prepare` says of what, inside the rehearsal: what it makes (extra items, prices) does not
 * stay either. `known` is whom it is for, if that is known before.
 */
export function preview(
  ctx: Context,
  known: string | null,
  prepare: () => PreviewOf,
): Stripe.Invoice {
  return rehearse(ctx, known, () => {
    const of = prepare();
    const customer = customerOf(of);
    const invoice = made(ctx, of);
    if (invoice === null) {
      throw invalidRequest(`No upcoming invoices for customer: '${customer}'`, {
        code: 'invoice_upcoming_none',
        status: 404,
      });
    }
    return shown(invoice);
  });
}

/** Whom a preview is for. */
export function customerOf(of: PreviewOf): string {
  if (of.kind === 'create') return of.params.customer;
  return of.kind === 'items' ? of.customer : idOf(of.subscription.customer);
}

function made(ctx: Context, of: PreviewOf): Stripe.Invoice | null {
  if (of.kind === 'create') {
    const subscription = createSubscription(ctx, of.params);
    return ctx.store.find('invoice', idOf(subscription.latest_invoice)) ?? null;
  }
  if (of.kind === 'items') return oneOff(ctx, of);
  if (of.kind === 'update')
    return updateSubscription(ctx, of.subscription, of.update) ?? renewal(ctx, of.subscription);
  if (of.kind === 'renewal') return renewal(ctx, of.subscription);
  return newInvoice(ctx, of.subscription, () => {
    if (of.kind === 'pause') requestPause(ctx, of.subscription, of.how);
    else if (of.kind === 'cancel') cancelWithInvoice(ctx, of);
    else {
      const how = { anchor: 'now', prorate: true, at: null, payNow: false } as const;
      resumeSubscription(ctx, of.subscription, how);
    }
  });
}

function oneOff(ctx: Context, of: { customer: string; currency: string }): Stripe.Invoice | null {
  const items = pendingItems(ctx, of.customer, { subscription: null, currency: of.currency });
  if (items.length === 0) return null;
  const customer = ctx.store.need('customer', of.customer, 'customer');
  const now = ctx.nowFor(customer);
  const invoice = draftInvoice(ctx, {
    customer,
    subscription: null,
    reason: 'upcoming',
    currency: of.currency,
    lines: [],
    discounts: customer.discount ? [customer.discount.id] : [],
    collectionMethod: 'charge_automatically',
    daysUntilDue: null,
    period: { start: now, end: now },
    autoAdvance: true,
    description: null,
    metadata: {},
  });
  takePending(ctx, invoice, items);
  return invoice;
}

/** Canceling with a final invoice. */
function cancelWithInvoice(
  ctx: Context,
  of: { subscription: Stripe.Subscription; prorate: boolean },
): void {
  const how = { invoiceNow: true, prorate: of.prorate, reason: 'cancellation_requested' } as const;
  cancelSubscription(ctx, of.subscription, how);
}

/** The invoice that something makes, if it makes one. */
function newInvoice(
  ctx: Context,
  subscription: Stripe.Subscription,
  run: () => void,
): Stripe.Invoice | null {
  const before = idOf(subscription.latest_invoice);
  run();
  const latest = idOf(ctx.store.need('subscription', subscription.id).latest_invoice);
  return latest === before ? null : (ctx.store.find('invoice', latest) ?? null);
}

/** The next invoice of the subscription as it is. */
function renewal(ctx: Context, subscription: Stripe.Subscription): Stripe.Invoice | null {
  const end = periodEnd(subscription);
  const ends =
    subscription.cancel_at_period_end ||
    (subscription.cancel_at !== null && subscription.cancel_at <= end);
  if (hasEnded(subscription) || ends || subscription.status === 'paused') return null;
  let invoice: Stripe.Invoice | null = null;
  ctx.account.at(end, ctx.clockOf(idOf(subscription.customer)), () => {
    invoice = renew(ctx, subscription);
  });
  return invoice;
}

/** A preview has an id that leads nowhere. */
function shown(invoice: Stripe.Invoice): Stripe.Invoice {
  const id = `upcoming_${newId('in')}`;
  const data = invoice.lines.data.map((line) => ({ ...line, id: newId('il_tmp'), invoice: id }));
  const lines = { ...invoice.lines, data, url: `/v1/invoices/upcoming/lines` };
  return { ...invoice, id, lines, status: 'draft' };
}
