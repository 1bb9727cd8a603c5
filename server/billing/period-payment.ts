import type Stripe from 'stripe';
import { planOfPrice } from '../../state/catalogue.ts';
import {
  mayCredit,
  periodPayment,
  type PeriodInvoice,
  type PeriodPayment,
} from '../../state/period-payment.ts';
import { planItem, type ChangeKind } from '../../state/plan-change.ts';
import type { StoredSubscription } from '../../state/types.ts';
import type { Services } from '../lib/services.ts';
import { AppError } from '../http/errors.ts';
import { actionsNow } from './command.ts';

/** How the present period of the plan was paid, as Stripe has it: its invoices, refunds, disputes and credit notes. */
export async function periodPaymentOf(
  { stripe, catalogue }: Pick<Services, 'stripe' | 'catalogue'>,
  { id, customerId, facts }: StoredSubscription,
): Promise<PeriodPayment> {
  const item = planItem(catalogue, facts);
  if (!item || item.periodEnd === null) return 'unknown';
  const end = item.periodEnd / 1000;
  const [invoices, charges] = await Promise.all([
    stripe.invoicesOf(id, 100),
    stripe.chargesOf(customerId),
  ]);
  const paysFor = (line: Stripe.InvoiceLineItem): boolean => {
    const priceId = priceOf(line);
    const isPlan = priceId === item.priceId || planOfPrice(catalogue, priceId) !== null;
    return isPlan && line.amount >= 0 && line.period.end === end;
  };
  const found = invoices.flatMap((invoice) => {
    const lines = invoice.lines.data.filter(paysFor);
    const whole = lines.some((line) => !isProration(line));
    // A change that was not paid did not happen; one that was counts with what it cost.
    if (!whole && (lines.length === 0 || invoice.status !== 'paid')) return [];
    return [invoiceOf(invoice, charges)];
  });
  return periodPayment(found);
}

/** Throws 409 where a change now would credit time that was not paid for; else how it was, or will be, paid. */
export async function requireCreditable(
  services: Services,
  subscription: StoredSubscription,
  kind: ChangeKind,
): Promise<PeriodPayment> {
  const payment = await periodPaymentOf(services, subscription);
  const { billingMode, latestInvoice, latestInvoiceId } = subscription.facts;
  if (mayCredit(payment, { kind, billingMode })) return payment;
  throw new AppError('not_allowed', WORDS[payment], {
    fields: {
      state: subscription.state,
      actions: actionsNow(services, subscription),
      reason: `period_${payment}`,
      unpaidInvoiceId: latestInvoice?.status === 'open' ? latestInvoiceId : null,
    },
  });
}

const LATER = 'Only a change with the next period ("when": "period_end") is possible.';
const WORDS: Record<PeriodPayment, string> = {
  paid: '',
  unknown: '',
  free: `Nothing was paid for the present period, so nothing of it can be credited. ${LATER}`,
  draft: `The invoice of the present period is not collected yet; try again in an hour. ${LATER}`,
  unpaid: `The present period is not paid, so nothing of it can be credited. Pay its invoice first. ${LATER}`,
  returned: `What was paid for the present period was sent back or is disputed, so it cannot be credited. ${LATER}`,
};

function invoiceOf(invoice: Stripe.Invoice, charges: Stripe.Charge[]): PeriodInvoice {
  const intents = (invoice.payments?.data ?? []).map(({ payment }) => idOf(payment.payment_intent));
  const own = charges.filter(({ payment_intent }) => intents.includes(idOf(payment_intent) ?? ''));
  const refunded = own.reduce((sum, charge) => sum + charge.amount_refunded, 0);
  const { pre_payment_credit_notes_amount: before, post_payment_credit_notes_amount: after } =
    invoice;
  return {
    status: invoice.status,
    total: invoice.total,
    returned: refunded + before + after,
    disputed: own.some(({ disputed }) => disputed),
  };
}

function priceOf(line: Stripe.InvoiceLineItem): string {
  return idOf(line.pricing?.price_details?.price) ?? '';
}

function isProration({ parent }: Stripe.InvoiceLineItem): boolean {
  return (parent?.subscription_item_details ?? parent?.invoice_item_details)?.proration === true;
}

function idOf(value: string | { id: string } | null | undefined): string | null {
  return typeof value === 'string' ? value : (value?.id ?? null);
}
