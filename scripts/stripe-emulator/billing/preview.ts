import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf, newId } from '../kernel/ids.ts';
import { rehearse } from '../kernel/journal.ts';
import { cancelSubscription } from './cancel.ts';
import { renew } from './cycle.ts';
import { createSubscription, type NewSubscription } from './subscription-create.ts';
import { hasEnded, periodEnd } from './subscription-object.ts';
import { updateSubscription, type SubscriptionUpdate } from './subscription-update.ts';

/** What is to be previewed: the invoices come from doing it and taking it back, so the quote is the charge. */
export type PreviewOf =
  | { kind: 'create'; params: NewSubscription }
  | { kind: 'update'; subscription: Stripe.Subscription; update: SubscriptionUpdate }
  | { kind: 'renewal'; subscription: Stripe.Subscription }
  | { kind: 'cancel'; subscription: Stripe.Subscription; prorate: boolean };

/** The invoice that would be made; `prepare` runs first inside the rehearsal (extra items, discounts). */
export function preview(ctx: Context, of: PreviewOf, prepare: () => void): Stripe.Invoice {
  const customer = of.kind === 'create' ? of.params.customer : idOf(of.subscription.customer);
  return rehearse(ctx, customer, () => {
    prepare();
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

function made(ctx: Context, of: PreviewOf): Stripe.Invoice | null {
  if (of.kind === 'create') {
    const subscription = createSubscription(ctx, of.params);
    return ctx.store.find('invoice', idOf(subscription.latest_invoice)) ?? null;
  }
  if (of.kind === 'update')
    return updateSubscription(ctx, of.subscription, of.update) ?? renewal(ctx, of.subscription);
  return of.kind === 'renewal' ? renewal(ctx, of.subscription) : finalInvoice(ctx, of);
}

/** What canceling with a final invoice would bill. */
function finalInvoice(
  ctx: Context,
  of: { subscription: Stripe.Subscription; prorate: boolean },
): Stripe.Invoice | null {
  const before = idOf(of.subscription.latest_invoice);
  const how = { invoiceNow: true, prorate: of.prorate, reason: 'cancellation_requested' } as const;
  const latest = idOf(cancelSubscription(ctx, of.subscription, how).latest_invoice);
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
