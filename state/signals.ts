/** What events other than the subscription's own say about it: hints that explain a change. */
import type { EventFacts } from './event-facts.ts';

interface SignalBase {
  eventId: string;
  at: number;
}

export interface PaidSignal extends SignalBase {
  type: 'paid';
  invoiceId: string;
  amount: number;
  currency: string;
  billingReason: string | null;
}

export interface FailedSignal extends SignalBase {
  type: 'payment_failed';
  invoiceId: string;
  /** From 1. */
  attempt: number;
  amount: number;
  currency: string;
  nextAttemptAt: number | null;
  declineCode: string | null;
}

export interface CheckoutSignal extends SignalBase {
  type: 'checkout_completed';
  sessionId: string;
}

export type Signal = PaidSignal | FailedSignal | CheckoutSignal;

/** The hint in an event, or null. Both `invoice.paid` and `invoice.payment_succeeded` say `paid`. */
export function signalOf(event: EventFacts): Signal | null {
  const { id: eventId, createdAt: at, type: told, invoice, checkout } = event;
  if (invoice && (told === 'invoice.paid' || told === 'invoice.payment_succeeded')) {
    const { id: invoiceId, amountPaid: amount, currency, billingReason } = invoice;
    return { eventId, at, type: 'paid', invoiceId, amount, currency, billingReason };
  }
  if (invoice && told === 'invoice.payment_failed') {
    const { id: invoiceId, amountDue: amount, currency, nextAttemptAt, declineCode } = invoice;
    return {
      eventId,
      at,
      type: 'payment_failed',
      invoiceId,
      attempt: Math.max(1, invoice.attemptCount),
      amount,
      currency,
      nextAttemptAt,
      declineCode,
    };
  }
  if (checkout && told === 'checkout.session.completed') {
    return { eventId, at, type: 'checkout_completed', sessionId: checkout.sessionId };
  }
  return null;
}

/** When the first payment after a moment was made that events tell of; null without any, or without a moment. */
export function firstPaymentSince(
  events: readonly EventFacts[],
  since: number | null,
): number | null {
  const times = events.flatMap((event) => {
    const signal = signalOf(event);
    return signal?.type === 'paid' && since !== null && signal.at >= since ? [signal.at] : [];
  });
  return times.length > 0 ? Math.min(...times) : null;
}

/** The failures among signals, one for each attempt of an invoice, first attempts first. */
export function failuresIn(signals: readonly Signal[]): FailedSignal[] {
  const found = new Map<string, FailedSignal>();
  for (const signal of signals) {
    if (signal.type !== 'payment_failed') continue;
    const key = `${signal.invoiceId} ${signal.attempt}`;
    const known = found.get(key);
    if (!known || isBefore(signal, known)) found.set(key, signal);
  }
  return [...found.values()].sort((a, b) => a.attempt - b.attempt || (isBefore(a, b) ? -1 : 1));
}

function isBefore(a: SignalBase, b: SignalBase): boolean {
  return a.at === b.at ? a.eventId < b.eventId : a.at < b.at;
}
