import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf, randomText } from '../kernel/ids.ts';
import { minimumCharge } from './money.ts';

/** What pays an invoice when its money did not come through `attemptPayment` here. */
export interface Payer {
  paymentIntent: string | null;
  charge: string | null;
  outOfBand: boolean;
}

/** Draft → open: number, addresses of its pages, balance; emits `invoice.finalized`. */
export function finalize(ctx: Context, invoice: Stripe.Invoice, isPaidFor = false): void {
  if (invoice.status !== 'draft') throw alreadyFinal(invoice);
  const now = ctx.nowFor(idOf(invoice.customer));
  const secret = `${ctx.account.id}/${randomText(32)}`;
  const customer = ctx.store.find('customer', idOf(invoice.customer));
  const apply = () => {
    invoice.status = 'open';
    invoice.number ??= nextNumber(customer, ctx);
    invoice.effective_at ??= now;
    invoice.status_transitions.finalized_at = now;
    invoice.automatically_finalizes_at = null;
    if (invoice.rendering?.pdf?.page_size === 'auto')
      invoice.rendering.pdf.page_size = pageSize(ctx);
    invoice.hosted_invoice_url = `${ctx.baseUrl}/i/${secret}?s=ap&in=${invoice.id}`;
    invoice.invoice_pdf = `${ctx.baseUrl}/i/${secret}/pdf?s=ap&in=${invoice.id}`;
    if (isPaidFor) {
      leaveBalance(invoice);
      return;
    }
    ctx.services.balance.applyCreditGrants(ctx, invoice);
    useBalance(ctx, invoice, customer);
  };
  ctx.update('invoice', invoice, { event: null, apply });
  ctx.unschedule('invoice.advance', invoice.id);
  consumeDiscounts(ctx, invoice);
  ctx.emit('invoice.finalized', invoice);
}

/** `auto` is settled by the account's country when the invoice is final. */
const pageSize = (ctx: Context): 'letter' | 'a4' =>
  /^(US|CA|MX)$/.test(ctx.settings.country) ? 'letter' : 'a4';

function alreadyFinal(invoice: Stripe.Invoice): Error {
  return invalidRequest(
    `Invoice is already finalized: you can't finalize invoices that are ${invoice.status ?? 'final'}.`,
    { code: 'invoice_not_editable' },
  );
}

function nextNumber(customer: Stripe.Customer | undefined, ctx: Context): string {
  const sequence = customer?.next_invoice_sequence ?? ctx.account.count('invoice');
  if (customer !== undefined) {
    ctx.account.journal?.protect(customer);
    customer.next_invoice_sequence = sequence + 1;
  }
  return `${customer?.invoice_prefix ?? 'INV'}-${String(sequence).padStart(4, '0')}`;
}

/** The money of a Checkout payment was taken before its invoice is made: no credit is used for it. */
function leaveBalance(invoice: Stripe.Invoice): void {
  invoice.starting_balance = 0;
  invoice.ending_balance = 0;
  invoice.amount_due = invoice.total;
  invoice.amount_remaining = invoice.total;
}

/** Credit pays first; what is negative or too small to charge goes to the balance. */
function useBalance(
  ctx: Context,
  invoice: Stripe.Invoice,
  customer: Stripe.Customer | undefined,
): void {
  if (customer === undefined) return;
  invoice.starting_balance = customer.balance;
  const due = invoice.total + customer.balance;
  const tooSmall = due > 0 && due < minimumCharge(invoice.currency);
  const charged = due > 0 && !tooSmall && invoice.total > 0 ? due : 0;
  const ending = due - charged;
  invoice.amount_due = charged;
  invoice.amount_remaining = charged;
  invoice.ending_balance = ending;
  const change = ending - customer.balance;
  if (change === 0) return;
  const type = tooSmall ? 'invoice_too_small' : 'applied_to_invoice';
  const { currency } = invoice;
  ctx.services.balance.adjust(ctx, {
    customer: customer.id,
    amount: change,
    currency,
    type,
    invoice: invoice.id,
  });
}

function consumeDiscounts(ctx: Context, invoice: Stripe.Invoice): void {
  const used = new Set([
    ...invoice.discounts.map((discount) => idOf(discount)),
    ...invoice.lines.data.flatMap((line) => line.discounts.map((discount) => idOf(discount))),
  ]);
  if (used.size > 0) ctx.services.discounts.consumed(ctx, [...used]);
}

/** Open (or uncollectible) → paid; emits `invoice.paid`, `invoice.payment_succeeded`, `invoice_payment.paid`. */
export function markPaid(ctx: Context, invoice: Stripe.Invoice, payer: Payer): void {
  const now = ctx.nowFor(idOf(invoice.customer));
  const apply = () => {
    invoice.status = 'paid';
    invoice.status_transitions.paid_at = now;
    invoice.amount_paid = invoice.amount_due;
    if (payer.outOfBand) invoice.amount_paid_off_stripe = invoice.amount_due;
    invoice.amount_remaining = 0;
    invoice.attempted = true;
    invoice.next_payment_attempt = null;
    if (invoice.auto_advance === true) invoice.auto_advance = false;
    delete invoice.status_details;
  };
  ctx.update('invoice', invoice, { event: null, apply });
  stopCollection(ctx, invoice);
  const payment =
    payer.paymentIntent === null ? null : paymentOf(ctx, invoice, payer.paymentIntent);
  if (payment !== null) {
    const paid = () => {
      payment.status = 'paid';
      payment.amount_paid = payment.amount_requested;
      payment.status_transitions.paid_at = now;
    };
    ctx.update('invoice_payment', payment, { event: null, apply: paid });
  }
  ctx.emit('invoice.paid', invoice);
  if (!payer.outOfBand) ctx.emit('invoice.payment_succeeded', invoice);
  if (payment !== null) ctx.emit('invoice_payment.paid', payment);
}

/** The record that an intent is to pay, or has paid, an invoice. */
export function paymentOf(
  ctx: Context,
  invoice: Stripe.Invoice,
  paymentIntent: string,
): Stripe.InvoicePayment {
  const known = ctx.store
    .by('invoice_payment', 'invoice', invoice.id)
    .find((payment) => idOf(payment.payment.payment_intent) === paymentIntent);
  if (known !== undefined) return known;
  return ctx.add('invoice_payment', {
    id: ctx.store.newId('invoice_payment'),
    object: 'invoice_payment',
    amount_paid: null,
    amount_requested: invoice.amount_due,
    created: ctx.nowFor(idOf(invoice.customer)),
    currency: invoice.currency,
    invoice: invoice.id,
    is_default: true,
    livemode: false,
    payment: { payment_intent: paymentIntent, type: 'payment_intent' },
    status: 'open',
    status_transitions: { canceled_at: null, paid_at: null },
  });
}

/** The intent that is to pay an invoice, if there is one. */
export function intentOf(ctx: Context, invoice: Stripe.Invoice): string | null {
  const payment = ctx.store
    .by('invoice_payment', 'invoice', invoice.id)
    .findLast((candidate) => candidate.is_default && candidate.status !== 'canceled');
  return idOf(payment?.payment.payment_intent);
}

/** No more automatic work on an invoice. */
export function stopCollection(ctx: Context, invoice: Stripe.Invoice): void {
  for (const job of ['invoice.advance', 'invoice.retry', 'invoice.overdue'])
    ctx.unschedule(job, invoice.id);
}

/** Open or uncollectible → void; its intent is canceled. */
export function markVoid(ctx: Context, invoice: Stripe.Invoice): void {
  const now = ctx.nowFor(idOf(invoice.customer));
  const intent = intentOf(ctx, invoice);
  const apply = () => {
    invoice.status = 'void';
    invoice.status_transitions.voided_at = now;
    invoice.next_payment_attempt = null;
    if (invoice.auto_advance === true) invoice.auto_advance = false;
  };
  ctx.update('invoice', invoice, { event: null, apply });
  stopCollection(ctx, invoice);
  returnBalance(ctx, invoice);
  ctx.emit('invoice.voided', invoice);
  if (intent === null) return;
  const payment = paymentOf(ctx, invoice, intent);
  payment.status = 'canceled';
  payment.status_transitions.canceled_at = now;
  ctx.services.payments.cancelPayment(ctx, intent);
}

/** What a finalized invoice took from or put on the balance goes back when it is voided. */
function returnBalance(ctx: Context, invoice: Stripe.Invoice): void {
  const change = invoice.starting_balance - (invoice.ending_balance ?? invoice.starting_balance);
  if (change === 0) return;
  const customer = idOf(invoice.customer);
  if (customer === null) return;
  ctx.services.balance.adjust(ctx, {
    customer,
    amount: change,
    currency: invoice.currency,
    type: 'unapplied_from_invoice',
    invoice: invoice.id,
  });
}

/** Open → uncollectible, with the reason. */
export function markUncollectible(
  ctx: Context,
  invoice: Stripe.Invoice,
  reason: Stripe.Invoice.StatusDetails.Uncollectible.Reason,
): void {
  const apply = () => {
    invoice.status = 'uncollectible';
    invoice.status_details = { uncollectible: { reason } };
    invoice.status_transitions.marked_uncollectible_at = ctx.nowFor(idOf(invoice.customer));
    invoice.next_payment_attempt = null;
    if (invoice.auto_advance === true) invoice.auto_advance = false;
  };
  ctx.update('invoice', invoice, { event: null, apply });
  stopCollection(ctx, invoice);
  ctx.emit('invoice.marked_uncollectible', invoice);
}
