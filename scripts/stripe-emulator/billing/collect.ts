import type Stripe from 'stripe';
import type { PaymentOutcome } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { countLateUsage } from './late-usage.ts';
import { finalize, intentOf, markPaid, paymentOf } from './invoice-state.ts';
import { onInvoiceFailed, onInvoicePaid } from './status.ts';

/** How an invoice is to be paid. */
export interface Payment {
  /** Overrides the default methods. */
  method: string | null;
  offSession: boolean;
  /** `first` and `retry` are automatic; `manual` is a call to pay. */
  kind: 'first' | 'retry' | 'manual';
}

/** Declines after which Stripe does not really try the same method again. */
const HARD_DECLINES = new Set([
  'incorrect_number',
  'lost_card',
  'pickup_card',
  'stolen_card',
  'revocation_of_authorization',
  'revocation_of_all_authorizations',
  'authentication_required',
  'highest_risk_level',
  'transaction_not_allowed',
]);

const DAY = 86_400;

/** The invoice's subscription, if it has one. */
export function subscriptionOf(
  ctx: Context,
  invoice: Stripe.Invoice,
): Stripe.Subscription | undefined {
  return ctx.store.find('subscription', idOf(invoice.parent?.subscription_details?.subscription));
}

/** Method order: invoice, subscription default, its source, customer invoice default, customer source. */
export function methodFor(ctx: Context, invoice: Stripe.Invoice): string | null {
  const subscription = subscriptionOf(ctx, invoice);
  return (
    idOf(invoice.default_payment_method) ??
    idOf(invoice.default_source) ??
    methodOf(ctx, idOf(invoice.customer), subscription ?? null)
  );
}

/** The default method of a subscription, or of its customer. */
export function methodOf(
  ctx: Context,
  customerId: string | null,
  subscription: Stripe.Subscription | null,
): string | null {
  const customer = ctx.store.find('customer', customerId);
  return (
    idOf(subscription?.default_payment_method) ??
    idOf(subscription?.default_source) ??
    idOf(customer?.invoice_settings.default_payment_method) ??
    idOf(customer?.default_source)
  );
}

/** Stripe's refusal to charge a customer who has nothing to charge. */
export function noMethod(): Error {
  return invalidRequest(
    'This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.',
    { code: 'resource_missing' },
  );
}

/** Finalizes a draft and, where nothing is due, settles it; the rest waits for `collect`. */
export function finalizeInvoice(ctx: Context, invoice: Stripe.Invoice, isPaidFor = false): void {
  if (invoice.status === 'draft') countLateUsage(ctx, invoice);
  finalize(ctx, invoice, isPaidFor);
  if (invoice.amount_due === 0) settle(ctx, invoice, null);
  else if (invoice.collection_method === 'send_invoice') awaitDueDate(ctx, invoice);
}

function awaitDueDate(ctx: Context, invoice: Stripe.Invoice): void {
  if (invoice.due_date === null) return;
  ctx.schedule(invoice.due_date, ctx.clockOf(idOf(invoice.customer)), {
    job: 'invoice.overdue',
    ref: invoice.id,
  });
}

/** Paid by this outcome, by an intent of Checkout, or (null) because nothing was due. */
export function settle(
  ctx: Context,
  invoice: Stripe.Invoice,
  by: { paymentIntent: string | null; charge: string | null; outOfBand: boolean } | null,
): void {
  const payer = by ?? { paymentIntent: null, charge: null, outOfBand: false };
  markPaid(ctx, invoice, payer);
  rememberMethod(ctx, invoice, payer.paymentIntent);
  setDelinquent(ctx, invoice, false);
  onInvoicePaid(ctx, invoice);
}

/** `save_default_payment_method: 'on_subscription'`: what paid becomes the subscription's default. */
function rememberMethod(ctx: Context, invoice: Stripe.Invoice, paymentIntent: string | null): void {
  const subscription = subscriptionOf(ctx, invoice);
  const intent = ctx.store.find('payment_intent', paymentIntent);
  const method = idOf(intent?.payment_method);
  if (subscription === undefined || method === null || !method.startsWith('pm_')) return;
  if (subscription.payment_settings?.save_default_payment_method !== 'on_subscription') return;
  ctx.account.journal?.protect(subscription);
  subscription.default_payment_method = method;
}

function setDelinquent(ctx: Context, invoice: Stripe.Invoice, delinquent: boolean): void {
  const customer = ctx.store.find('customer', idOf(invoice.customer));
  if (customer === undefined || customer.delinquent === delinquent) return;
  const apply = () => {
    customer.delinquent = delinquent;
  };
  ctx.update('customer', customer, { event: 'customer.updated', apply });
}

/** Tries to take the money of an open invoice; says what came of it. */
export function collect(ctx: Context, invoice: Stripe.Invoice, payment: Payment): PaymentOutcome {
  const subscription = subscriptionOf(ctx, invoice);
  const first = invoice.billing_reason === 'subscription_create';
  const saves = subscription?.payment_settings?.save_default_payment_method === 'on_subscription';
  const outcome = ctx.services.payments.attemptPayment(ctx, {
    customer: idOf(invoice.customer) ?? '',
    amount: invoice.amount_due,
    currency: invoice.currency,
    paymentMethod: payment.method ?? methodFor(ctx, invoice),
    offSession: payment.offSession,
    invoice,
    paymentIntent: intentOf(ctx, invoice),
    setupFutureUsage:
      first || saves || invoice.billing_reason === 'subscription_update' ? 'off_session' : null,
    description: describe(invoice),
    metadata: {},
  });
  paymentOf(ctx, invoice, outcome.paymentIntent.id);
  // The customer's own first confirmation is no attempt before the bank has decided.
  const undecided = first && outcome.status === 'requires_action';
  countAttempt(ctx, invoice, undecided ? 'undecided' : payment.kind);
  if (outcome.status === 'succeeded') {
    settle(ctx, invoice, {
      paymentIntent: outcome.paymentIntent.id,
      charge: outcome.charge?.id ?? null,
      outOfBand: false,
    });
  } else if (outcome.status === 'processing') {
    onInvoicePaid(ctx, invoice);
  } else {
    failed(ctx, invoice, { outcome, kind: payment.kind });
  }
  return outcome;
}

function describe(invoice: Stripe.Invoice): string {
  if (invoice.billing_reason === 'subscription_create') return 'Subscription creation';
  if (
    invoice.parent?.subscription_details === undefined ||
    invoice.parent.subscription_details === null
  )
    return 'Payment for Invoice';
  return 'Subscription update';
}

/** The first attempt of any kind counts, then automatic retries only. */
function countAttempt(
  ctx: Context,
  invoice: Stripe.Invoice,
  kind: Payment['kind'] | 'undecided',
): void {
  const apply = () => {
    if (kind !== 'undecided' && (invoice.attempt_count === 0 || kind === 'retry'))
      invoice.attempt_count += 1;
    invoice.attempted = true;
  };
  ctx.update('invoice', invoice, { event: null, apply });
}

/** The unpaid invoice, its next try, its events, and what it means for the subscription. */
export function failed(
  ctx: Context,
  invoice: Stripe.Invoice,
  failure: { outcome: PaymentOutcome | null; kind: Payment['kind'] },
): void {
  const { outcome, kind } = failure;
  rememberDecline(ctx, invoice, outcome);
  const next = kind === 'manual' ? invoice.next_payment_attempt : nextAttempt(ctx, invoice);
  const apply = () => {
    invoice.next_payment_attempt = next;
    if (outcome?.status === 'requires_action') ctx.emit('invoice.payment_action_required', invoice);
    ctx.emit('invoice.payment_failed', invoice);
  };
  ctx.update('invoice', invoice, { event: 'invoice.updated', apply });
  if (next === null) ctx.unschedule('invoice.retry', invoice.id);
  else
    ctx.schedule(next, ctx.clockOf(idOf(invoice.customer)), {
      job: 'invoice.retry',
      ref: invoice.id,
    });
  if (invoice.billing_reason !== 'subscription_create') setDelinquent(ctx, invoice, true);
  onInvoiceFailed(ctx, invoice, {
    exhausted: kind !== 'manual' && next === null && retries(ctx, invoice),
  });
}

/** True for invoices that are tried again by themselves: not the first of a subscription, nor one-off ones paid by hand. */
function retries(ctx: Context, invoice: Stripe.Invoice): boolean {
  const status = subscriptionOf(ctx, invoice)?.status;
  return invoice.auto_advance === true && status !== 'incomplete' && status !== 'canceled';
}

function nextAttempt(ctx: Context, invoice: Stripe.Invoice): number | null {
  if (!retries(ctx, invoice)) return null;
  const days = ctx.settings.retryDays[invoice.attempt_count - 1];
  return days === undefined ? null : ctx.nowFor(idOf(invoice.customer)) + days * DAY;
}

function rememberDecline(
  ctx: Context,
  invoice: Stripe.Invoice,
  outcome: PaymentOutcome | null,
): void {
  const note = ctx.note('invoice', invoice.id);
  note['decline'] = outcome?.error?.decline_code ?? outcome?.error?.code ?? null;
  note['method'] = outcome?.error?.payment_method?.id ?? null;
}

/** An automatic retry; a method that declined for good is not asked again, but the try counts. */
export function retry(ctx: Context, invoice: Stripe.Invoice): void {
  if (invoice.status !== 'open' || invoice.auto_advance === false) return;
  const note = ctx.note('invoice', invoice.id);
  const hopeless =
    typeof note['decline'] === 'string' &&
    HARD_DECLINES.has(note['decline']) &&
    note['method'] === methodFor(ctx, invoice);
  if (!hopeless) {
    collect(ctx, invoice, { method: null, offSession: true, kind: 'retry' });
    return;
  }
  countAttempt(ctx, invoice, 'retry');
  failed(ctx, invoice, { outcome: null, kind: 'retry' });
}
