import type Stripe from 'stripe';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { invoiceSubscription } from '../../state/event-objects.ts';
import type { MoneyReturn } from '../../state/returns.ts';
import type { StripeReader } from '../lib/engine-types.ts';

/** Which payment to look at: the event named its charge, a credit note, or an early fraud warning. */
export interface ReturnQuestion {
  objectType: string;
  objectId: string;
  chargeId: string | null;
}

/** What came back of a payment. */
export interface ReadReturns {
  returns: MoneyReturn[];
  /** Of the payment and of its invoice: whose they are. */
  metadata: Record<string, string>[];
}

const NOTHING: ReadReturns = { returns: [], metadata: [] };

/** Everything that came back of the payment that an event is about, read from Stripe; nothing when Stripe has none of it. */
export async function readReturns(
  reader: Pick<StripeReader, 'read'>,
  question: ReturnQuestion,
): Promise<ReadReturns> {
  try {
    if (question.objectType === 'credit_note') {
      return await readCreditNote(reader, question.objectId);
    }
    if (question.chargeId === null) return NOTHING;
    return await readCharge(reader, question.chargeId, question);
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return NOTHING;
    throw error;
  }
}

async function readCharge(
  reader: Pick<StripeReader, 'read'>,
  chargeId: string,
  question: ReturnQuestion,
): Promise<ReadReturns> {
  const charge = await reader.read((stripe) => stripe.retrieveCharge(chargeId));
  const intent = idOf(charge.payment_intent);
  const [refunds, disputes, warning, invoice] = await Promise.all([
    reader.read((stripe) => stripe.refundsOf(chargeId)),
    reader.read((stripe) => stripe.disputesOf(chargeId)),
    question.objectType === 'radar.early_fraud_warning'
      ? reader.read((stripe) => stripe.retrieveFraudWarning(question.objectId))
      : null,
    intent === null ? null : reader.read((stripe) => stripe.invoiceOfPayment(intent)),
  ]);
  const shared = {
    chargeId,
    ...billOf(invoice),
    customerId: idOf(charge.customer),
    currency: charge.currency,
    paid: { amount: paidAmount(charge, invoice), ...paidPeriod(invoice) },
  };
  const returns: MoneyReturn[] = [
    ...refunds.map((refund) => ({
      ...shared,
      id: refund.id,
      kind: 'refund' as const,
      amount: refund.amount,
      status: refund.status ?? 'succeeded',
      reason: refund.reason,
      createdAt: refund.created * 1000,
    })),
    ...disputes.map((dispute) => ({
      ...shared,
      id: dispute.id,
      kind: 'dispute' as const,
      amount: dispute.amount,
      status: dispute.status,
      reason: dispute.reason,
      createdAt: dispute.created * 1000,
    })),
    ...(warning === null
      ? []
      : [
          {
            ...shared,
            id: warning.id,
            kind: 'early_fraud_warning' as const,
            amount: charge.amount,
            status: warning.actionable ? 'actionable' : 'closed',
            reason: warning.fraud_type,
            createdAt: warning.created * 1000,
          },
        ]),
  ];
  return { returns, metadata: [charge.metadata, invoice?.metadata ?? {}] };
}

async function readCreditNote(
  reader: Pick<StripeReader, 'read'>,
  id: string,
): Promise<ReadReturns> {
  const note = await reader.read((stripe) => stripe.retrieveCreditNote(id));
  const invoiceId = idOf(note.invoice);
  const invoice =
    invoiceId === null ? null : await reader.read((stripe) => stripe.retrieveInvoice(invoiceId));
  const returned: MoneyReturn = {
    id: note.id,
    kind: 'credit_note',
    chargeId: null,
    ...billOf(invoice),
    customerId: idOf(note.customer),
    amount: note.total,
    currency: note.currency,
    status: note.status,
    reason: note.reason,
    createdAt: note.created * 1000,
    paid: { amount: invoice?.amount_paid ?? 0, ...paidPeriod(invoice) },
  };
  return { returns: [returned], metadata: [invoice?.metadata ?? {}] };
}

function billOf(invoice: Stripe.Invoice | null): Pick<MoneyReturn, 'invoiceId' | 'subscriptionId'> {
  if (invoice === null) return { invoiceId: null, subscriptionId: null };
  return { invoiceId: invoice.id ?? null, subscriptionId: invoiceSubscription({ ...invoice }) };
}

/** What a payment paid: with an invoice, credit that was used for it as well. */
export function paidAmount(charge: Stripe.Charge, invoice: Stripe.Invoice | null): number {
  return Math.max(charge.amount, invoice?.total ?? 0);
}

/** The longest whole period among the lines: what a change within it cost pays for no period of its own. */
export function paidPeriod(
  invoice: Stripe.Invoice | null,
): Pick<MoneyReturn['paid'], 'periodStart' | 'periodEnd'> {
  const lines = (invoice?.lines.data ?? []).filter(
    ({ amount, parent }) =>
      amount > 0 && !(parent?.subscription_item_details ?? parent?.invoice_item_details)?.proration,
  );
  const last = lines.toSorted((a, b) => b.period.end - a.period.end)[0];
  if (!last) return { periodStart: null, periodEnd: null };
  return { periodStart: last.period.start * 1000, periodEnd: last.period.end * 1000 };
}

function idOf(value: string | { id: string } | null | undefined): string | null {
  return typeof value === 'string' ? value : (value?.id ?? null);
}
