import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { invoiceDiscounts } from './discounted.ts';
import { collect, finalizeInvoice, methodFor, settle } from './collect.ts';
import { draftInvoice } from './invoice-draft.ts';
import { intentOf, paymentOf } from './invoice-state.ts';
import type { LineDraft } from './line-drafts.ts';
import { dueWith, takePending } from './pending-items.ts';

/** Makes a draft of a subscription with these lines and all pending items; it becomes the latest invoice. */
export function draftFor(
  ctx: Context,
  subscription: Stripe.Subscription,
  draft: {
    reason: Stripe.Invoice.BillingReason;
    lines: LineDraft[];
    period: { start: number; end: number };
    autoAdvance?: boolean;
  },
): Stripe.Invoice {
  const customer = ctx.store.need('customer', idOf(subscription.customer));
  const pending = dueWith(ctx, subscription);
  const invoice = draftInvoice(ctx, {
    customer,
    subscription,
    reason: draft.reason,
    currency: subscription.currency,
    lines: draft.lines,
    discounts: invoiceDiscounts(ctx, subscription),
    collectionMethod: subscription.collection_method,
    daysUntilDue: subscription.days_until_due,
    period: draft.period,
    autoAdvance: draft.autoAdvance ?? true,
    description: subscription.description,
    metadata: {},
  });
  if (pending.length > 0) {
    takePending(ctx, invoice, pending);
    const own = invoice.lines.data.slice(0, draft.lines.length);
    invoice.lines.data = [...invoice.lines.data.slice(draft.lines.length), ...own];
  }
  ctx.account.journal?.protect(subscription);
  subscription.latest_invoice = invoice.id;
  return invoice;
}

/** How an immediate invoice is to be paid. */
export interface ImmediatePayment {
  /** False for `default_incomplete`: the customer will confirm. */
  confirm: boolean;
  offSession: boolean;
  /** Checkout has taken the money already. */
  paidBy: { paymentIntent: string; charge: string | null } | null;
}

/** Finalizes an invoice at once and settles it; says whether the money is there (or on its way, or not due). */
export function finalizeNow(
  ctx: Context,
  invoice: Stripe.Invoice,
  payment: ImmediatePayment,
): { paid: boolean; error: Error | null } {
  if (ctx.account.journal?.rehearsal === true) return { paid: true, error: null };
  if (invoice.collection_method === 'send_invoice' && invoice.amount_due > 0) {
    sendSoon(ctx, invoice);
    return { paid: true, error: null };
  }
  finalizeInvoice(ctx, invoice);
  if (invoice.amount_due === 0) return { paid: true, error: null };
  if (payment.paidBy !== null) {
    paymentOf(ctx, invoice, payment.paidBy.paymentIntent);
    const intent = ctx.store.find('payment_intent', payment.paidBy.paymentIntent);
    // A bank debit that is on its way settles the invoice when it arrives.
    if (intent?.status !== 'processing')
      settle(ctx, invoice, { ...payment.paidBy, outOfBand: false });
    return { paid: true, error: null };
  }
  if (!payment.confirm) {
    prepare(ctx, invoice);
    return { paid: false, error: null };
  }
  const how = { method: null, offSession: payment.offSession, kind: 'first' } as const;
  const outcome = collect(ctx, invoice, how);
  const paid = outcome.status === 'succeeded' || outcome.status === 'processing';
  return { paid, error: paid ? null : ctx.services.payments.errorOf(outcome, 'subscription') };
}

/** The first invoice of `send_invoice` is finalized and sent after the usual hour. */
export function sendSoon(ctx: Context, invoice: Stripe.Invoice): void {
  const at = invoice.created + ctx.settings.draftSeconds;
  invoice.automatically_finalizes_at = at;
  const clock = ctx.clockOf(idOf(invoice.customer));
  ctx.schedule(at, clock, { job: 'invoice.advance', ref: invoice.id });
}

/** An intent that waits for the customer to confirm it. */
function prepare(ctx: Context, invoice: Stripe.Invoice): void {
  const intent = ctx.services.payments.preparePayment(ctx, {
    customer: idOf(invoice.customer) ?? '',
    amount: invoice.amount_due,
    currency: invoice.currency,
    paymentMethod: methodFor(ctx, invoice),
    offSession: false,
    invoice,
    paymentIntent: intentOf(ctx, invoice),
    setupFutureUsage: 'off_session',
    description:
      invoice.billing_reason === 'subscription_create'
        ? 'Subscription creation'
        : 'Subscription update',
    metadata: {},
  });
  paymentOf(ctx, invoice, intent.id);
}
