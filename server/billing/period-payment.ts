import type Stripe from 'stripe';
import { returnsOfSubscription } from '../../db/payment-returns.ts';
import { holds } from '../../state/access.ts';
import { planOfPrice } from '../../state/catalogue.ts';
import {
  mayCredit,
  periodPayment,
  type PeriodInvoice,
  type PeriodPayment,
} from '../../state/period-payment.ts';
import { planPeriodIsPaid } from '../../state/plan-period.ts';
import { planItem, type ChangeKind } from '../../state/plan-change.ts';
import type { StoredSubscription } from '../../state/types.ts';
import type { Services } from '../lib/services.ts';
import { AppError } from '../http/errors.ts';
import { actionsNow } from './command.ts';
import { netOf } from './price-lines.ts';

/** How the present period of the plan was paid, as Stripe has it: its invoices, refunds, disputes and credit notes. */
export async function periodPaymentOf(
  { stripe, catalogue, clock }: Pick<Services, 'stripe' | 'catalogue' | 'clock'>,
  { id, customerId, facts, restriction }: StoredSubscription,
): Promise<PeriodPayment> {
  if (restriction && holds(restriction, facts, clock.now())) return 'returned';
  const item = planItem(catalogue, facts);
  if (!item || item.periodEnd === null) return 'unknown';
  const end = item.periodEnd / 1000;
  const paysFor = (line: Stripe.InvoiceLineItem): boolean => {
    const priceId = priceOf(line);
    const isPlan = priceId === item.priceId || planOfPrice(catalogue, priceId) !== null;
    return isPlan && line.amount >= 0 && line.period.end === end;
  };
  // What was bought beside the plan is credited as well; only what came back of it counts here.
  const paysBeside = (line: Stripe.InvoiceLineItem): boolean =>
    line.amount > 0 &&
    facts.items.some(
      ({ id: itemId, metered, priceId, periodEnd }) =>
        itemId !== item.id &&
        !metered &&
        priceId === priceOf(line) &&
        periodEnd === line.period.end * 1000,
    );
  const isWhole = (invoice: Stripe.Invoice) =>
    invoice.lines.data.some((line) => paysFor(line) && !isProration(line));
  const { planInvoice, latestInvoiceId } = facts;
  // Nothing was billed since the period was: what paid for it is one invoice, and one call tells all of it.
  if (latestInvoiceId !== null && planInvoice?.id === latestInvoiceId) {
    const latest = await withCharges(stripe, latestInvoiceId);
    if (latest && isWhole(latest.invoice)) {
      return periodPayment([invoiceOf(latest.invoice, latest.charges)]);
    }
  }
  const [invoices, charges] = await Promise.all([
    stripe.invoicesOf(id, 100),
    stripe.chargesOf(customerId),
  ]);
  const found = invoices.flatMap((invoice) => {
    const isPart = invoice.lines.data.some(paysFor);
    const isBeside = !isPart && invoice.lines.data.some(paysBeside);
    // A change that was not paid did not happen; one that was counts with what it cost.
    if (!isWhole(invoice) && (!(isPart || isBeside) || invoice.status !== 'paid')) return [];
    const intents = (invoice.payments?.data ?? []).map(({ payment }) =>
      idOf(payment.payment_intent),
    );
    const own = charges.filter(({ payment_intent: by }) => intents.includes(idOf(by) ?? ''));
    const paid = invoiceOf(invoice, own);
    return isBeside && paid.returned === 0 && !paid.disputed ? [] : [paid];
  });
  return periodPayment(found);
}

/** An invoice with the charges that paid it; null where the list of its payments does not tell. */
async function withCharges(
  stripe: Services['stripe'],
  invoiceId: string,
): Promise<{ invoice: Stripe.Invoice; charges: Stripe.Charge[] } | null> {
  const payments = await stripe.paymentsOfInvoice(invoiceId);
  const invoice = payments[0]?.invoice;
  if (!invoice || typeof invoice === 'string' || invoice.deleted || invoice.lines.has_more) {
    return null;
  }
  const charges: Stripe.Charge[] = [];
  for (const { payment } of payments) {
    const intent = payment.payment_intent;
    if (!intent || typeof intent === 'string') return null;
    const charge = intent.latest_charge;
    if (typeof charge === 'string') return null;
    if (charge) charges.push(charge);
  }
  return { invoice, charges };
}

/**
 * The same before anything is charged, for a price that is only shown: what is stored says so where the period is paid and
 * nothing is known to have come back. The change itself asks Stripe.
 */
export async function requireQuotable(
  services: Services,
  subscription: StoredSubscription,
  kind: ChangeKind,
): Promise<void> {
  const { facts, id } = subscription;
  const isKept =
    facts.billingMode === 'flexible' &&
    planPeriodIsPaid(facts) &&
    (await returnsOfSubscription(services.database.knex, id)).length === 0;
  if (!isKept) await requireCreditable(services, subscription, kind);
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

/**
 * Classic billing credits the price, whatever was paid: throws 409 where a change would credit more than what was paid for
 * the rest of the period, after discounts that the subscription has no more.
 */
export async function requireWorth(
  services: Services,
  subscription: StoredSubscription,
  invoice: Stripe.Invoice,
): Promise<void> {
  const { facts, id } = subscription;
  if (facts.billingMode === 'flexible') return;
  const credit = -sumOf(invoice.lines.data.filter((line) => isProration(line) && line.amount < 0));
  if (credit <= 0) return;
  const now = services.clock.now() / 1000;
  const licensed = new Set(facts.items.flatMap((item) => (item.metered ? [] : [item.priceId])));
  const paid = (await services.stripe.invoicesOf(id, 100))
    .filter(({ status }) => status === 'paid')
    .flatMap(({ lines }) => lines.data)
    .filter((line) => licensed.has(priceOf(line)) && line.period.end > now);
  const worth = paid.reduce((sum, line) => {
    const { start, end } = line.period;
    return sum + (netOf(line) * (end - Math.max(start, now))) / (end - start);
  }, 0);
  // Each line is rounded.
  if (credit <= worth + paid.length + 1) return;
  throw new AppError('not_allowed', WORDS.discounted, {
    fields: {
      state: subscription.state,
      actions: actionsNow(services, subscription),
      reason: 'period_discounted',
    },
  });
}

const sumOf = (lines: readonly Stripe.InvoiceLineItem[]) =>
  lines.reduce((sum, line) => sum + netOf(line), 0);

const LATER = 'Only a change with the next period ("when": "period_end") is possible.';
const WORDS: Record<PeriodPayment | 'discounted', string> = {
  paid: '',
  unknown: '',
  free: `Nothing was paid for the present period, so nothing of it can be credited. ${LATER}`,
  discounted: `The present period was paid with a discount that is over, so its rest cannot be credited at the full price. ${LATER}`,
  draft: `The invoice of the present period is not collected yet; try again in an hour. ${LATER}`,
  unpaid: `The present period is not paid, so nothing of it can be credited. Pay its invoice first. ${LATER}`,
  returned: `What was paid for the present period was sent back or is disputed, so it cannot be credited. ${LATER}`,
};

function invoiceOf(invoice: Stripe.Invoice, own: Stripe.Charge[]): PeriodInvoice {
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

export function priceOf(line: Stripe.InvoiceLineItem): string {
  return idOf(line.pricing?.price_details?.price) ?? '';
}

export function isProration({ parent }: Stripe.InvoiceLineItem): boolean {
  return (parent?.subscription_item_details ?? parent?.invoice_item_details)?.proration === true;
}

function idOf(value: string | { id: string } | null | undefined): string | null {
  return typeof value === 'string' ? value : (value?.id ?? null);
}
