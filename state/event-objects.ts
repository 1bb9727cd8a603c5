/** Reads the objects, other than subscriptions, that events carry. */
import {
  asInteger,
  asList,
  asMetadata,
  asObject,
  asText,
  asTime,
  at,
  idOf,
  type Json,
} from './raw.ts';
import { nextPhaseOf } from './subscription-facts.ts';
import type { ItemFacts, SubscriptionFacts } from './types.ts';

export interface InvoiceFacts {
  id: string;
  number: string | null;
  status: string | null;
  /** Minor units. */
  amountDue: number;
  amountPaid: number;
  currency: string;
  /** First attempt and automatic retries. */
  attemptCount: number;
  nextAttemptAt: number | null;
  billingReason: string | null;
  hostedUrl: string | null;
  pdfUrl: string | null;
  subscriptionId: string | null;
  customerId: string | null;
  declineCode: string | null;
  paymentIntentId: string | null;
  /** What its lines bill, as far as they name a price. */
  items: BilledItem[];
  metadata: Record<string, string>;
  createdAt: number | null;
}

/** A price on an invoice, in the words of an item. */
export type BilledItem = Pick<ItemFacts, 'priceId' | 'productId'>;

export interface CheckoutFacts {
  sessionId: string;
  /** `subscription`, `payment` or `setup`. */
  mode: string;
  status: string | null;
  /** `paid`, `unpaid` or `no_payment_required`. */
  paymentStatus: string | null;
  subscriptionId: string | null;
  customerId: string | null;
  clientReferenceId: string | null;
  amountTotal: number | null;
  currency: string | null;
  metadata: Record<string, string>;
}

export interface CustomerFacts {
  id: string;
  email: string | null;
  name: string | null;
  /** The first of `preferred_locales`. */
  locale: string | null;
  deleted: boolean;
  metadata: Record<string, string>;
}

export interface ScheduleFacts {
  id: string;
  status: string | null;
  subscriptionId: string | null;
  nextPhase: SubscriptionFacts['nextPhase'];
}

/** Facts of an invoice; null when it has no id (`invoice.upcoming`). */
export function readInvoice(raw: Json): InvoiceFacts | null {
  const id = asText(raw['id']);
  if (id === null) return null;
  const intent = paymentIntentOf(raw);
  return {
    id,
    number: asText(raw['number']),
    status: asText(raw['status']),
    amountDue: asInteger(raw['amount_due']) ?? 0,
    amountPaid: asInteger(raw['amount_paid']) ?? 0,
    currency: (asText(raw['currency']) ?? '').toLowerCase(),
    attemptCount: asInteger(raw['attempt_count']) ?? 0,
    nextAttemptAt: asTime(raw['next_payment_attempt']),
    billingReason: asText(raw['billing_reason']),
    hostedUrl: asText(raw['hosted_invoice_url']),
    pdfUrl: asText(raw['invoice_pdf']),
    subscriptionId: invoiceSubscription(raw),
    customerId: idOf(raw['customer']),
    declineCode: declineCodeOf(intent) ?? declineCodeOf(raw['charge']),
    paymentIntentId: idOf(intent),
    items: billedItems(raw),
    metadata: asMetadata(raw['metadata']),
    createdAt: asTime(raw['created']),
  };
}

/** The subscription that an invoice bills: under `parent` since basil, at the top before. */
export function invoiceSubscription(raw: Json): string | null {
  return (
    idOf(at(raw, 'parent', 'subscription_details', 'subscription')) ?? idOf(raw['subscription'])
  );
}

/** Prices of an invoice's lines: under `pricing` since basil, `price` or `plan` before. */
function billedItems(raw: Json): BilledItem[] {
  return asList(raw['lines']).flatMap((line) => {
    const details = at(line, 'pricing', 'price_details');
    const old = at(line, 'price') ?? at(line, 'plan');
    const priceId = idOf(at(details, 'price')) ?? idOf(old);
    if (priceId === null) return [];
    return [{ priceId, productId: idOf(at(details, 'product')) ?? idOf(at(old, 'product')) }];
  });
}

/** Facts of a Checkout session; null when it has no id. */
export function readCheckout(raw: Json): CheckoutFacts | null {
  const sessionId = asText(raw['id']);
  if (sessionId === null) return null;
  return {
    sessionId,
    mode: asText(raw['mode']) ?? 'payment',
    status: asText(raw['status']),
    paymentStatus: asText(raw['payment_status']),
    subscriptionId: idOf(raw['subscription']),
    customerId: idOf(raw['customer']),
    clientReferenceId: asText(raw['client_reference_id']),
    amountTotal: asInteger(raw['amount_total']),
    currency: asText(raw['currency']),
    metadata: asMetadata(raw['metadata']),
  };
}

/** Facts of a customer, deleted ones included (`deleted: true`, or a `customer.deleted` event). */
export function readCustomer(raw: Json, eventType: string): CustomerFacts | null {
  const id = asText(raw['id']);
  if (id === null) return null;
  return {
    id,
    email: asText(raw['email']),
    name: asText(raw['name']),
    locale: asText((raw['preferred_locales'] as unknown[] | undefined)?.[0]),
    deleted: raw['deleted'] === true || eventType === 'customer.deleted',
    metadata: asMetadata(raw['metadata']),
  };
}

/** What a subscription schedule will change next; null when it has no id. */
export function readSchedule(raw: Json): ScheduleFacts | null {
  const id = asText(raw['id']);
  if (id === null) return null;
  return {
    id,
    status: asText(raw['status']),
    subscriptionId: idOf(raw['subscription']) ?? idOf(raw['released_subscription']),
    nextPhase: nextPhaseOf(raw, []),
  };
}

function paymentIntentOf(raw: Json): unknown {
  if (raw['payment_intent']) return raw['payment_intent'];
  const payments = asList(raw['payments']).map((payment) => asObject(payment));
  const chosen = payments.find((payment) => payment?.['is_default'] === true) ?? payments[0];
  return at(chosen, 'payment', 'payment_intent');
}

function declineCodeOf(payment: unknown): string | null {
  return (
    asText(at(payment, 'last_payment_error', 'decline_code')) ??
    asText(at(payment, 'last_payment_error', 'code')) ??
    asText(at(payment, 'outcome', 'reason')) ??
    asText(at(payment, 'failure_code'))
  );
}
