import type Stripe from 'stripe';
import type { OneOffInvoice } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { attempt } from '../kernel/journal.ts';
import { collect, finalizeInvoice, methodFor, noMethod, settle } from './collect.ts';
import { draftInvoice } from './invoice-draft.ts';
import { intentOf, paymentOf } from './invoice-state.ts';
import { plainLine } from './line-drafts.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { fullAmount, productName } from './prices.ts';

/** Makes and finalizes an invoice of given lines; paid where the money has been taken already. */
export function createInvoice(ctx: Context, request: OneOffInvoice): Stripe.Invoice {
  const customer = ctx.store.need('customer', request.customer, 'customer');
  return attempt(ctx, customer.id, () => {
    const now = ctx.nowFor(customer);
    const lines = request.items.map((item) => {
      const price = ctx.store.find('price', item.price) ?? null;
      const quantity = item.quantity ?? 1;
      const { currency } = request;
      const amount =
        price === null
          ? (item.amount ?? 0) * quantity
          : fullAmount(ctx, price, { quantity, currency });
      const description = item.description ?? (price === null ? '' : productName(ctx, price));
      const line = plainLine({ amount, description, quantity, at: now }, price);
      return { ...line, taxRates: item.taxRates ?? [] };
    });
    const invoice = draftInvoice(ctx, {
      customer,
      subscription: null,
      reason: 'manual',
      currency: request.currency,
      lines,
      discounts: ctx.services.discounts.create(ctx, request.discounts ?? [], {
        customer: customer.id,
        subscription: null,
        subscriptionItem: null,
        invoice: null,
        at: now,
      }),
      collectionMethod: request.collectionMethod ?? 'charge_automatically',
      daysUntilDue: request.daysUntilDue ?? null,
      period: { start: now, end: now },
      autoAdvance: true,
      description: request.description,
      metadata: request.metadata,
    });
    ctx.emit('invoice.created', invoice);
    finalizeInvoice(ctx, invoice, request.paidBy !== null);
    if (request.paidBy !== null && invoice.status === 'open') {
      paymentOf(ctx, invoice, request.paidBy.paymentIntent);
      settle(ctx, invoice, { ...request.paidBy, outOfBand: false });
    }
    return invoice;
  });
}

/** Pays an invoice now; a decline is a 402 and the failed attempt stays on record. */
export function payInvoice(
  ctx: Context,
  invoice: Stripe.Invoice,
  how: { paymentMethod: string | null; offSession: boolean; outOfBand: boolean },
): Stripe.Invoice {
  refusePay(invoice);
  const outcome = attempt(ctx, idOf(invoice.customer), () => {
    if (invoice.status === 'draft') finalizeInvoice(ctx, invoice);
    if (invoice.status === 'paid') return null;
    if (how.outOfBand) {
      cancelIntent(ctx, invoice);
      settle(ctx, invoice, { paymentIntent: null, charge: null, outOfBand: true });
      return null;
    }
    if (how.paymentMethod === null && methodFor(ctx, invoice) === null) throw noMethod();
    return collect(ctx, invoice, {
      method: how.paymentMethod,
      offSession: how.offSession,
      kind: 'manual',
    });
  });
  if (outcome === null || outcome.status === 'succeeded' || outcome.status === 'processing')
    return invoice;
  throw ctx.services.payments.errorOf(outcome, 'invoice');
}

function refusePay(invoice: Stripe.Invoice): void {
  if (invoice.status === 'paid')
    throw invalidRequest('Invoice is already paid', { code: 'invoice_already_paid' });
  if (invoice.status === 'void')
    throw invalidRequest('Invoice is voided and can no longer be paid.', {
      code: 'invoice_not_editable',
    });
}

/** Money that came another way leaves the intent without purpose. */
function cancelIntent(ctx: Context, invoice: Stripe.Invoice): void {
  const intent = intentOf(ctx, invoice);
  if (intent === null) return;
  const payment = paymentOf(ctx, invoice, intent);
  payment.status = 'canceled';
  payment.status_transitions.canceled_at = ctx.nowFor(idOf(invoice.customer));
  ctx.services.payments.cancelPayment(ctx, intent);
}
