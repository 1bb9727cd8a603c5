import type Stripe from 'stripe';
import { isGatewayError } from '../../../../adapters/stripe-gateway.ts';
import { formatMoney } from '../../../../state/money.ts';
import type { Services } from '../../../lib/services.ts';
import type { MoneyView, ShownInvoice, ShownPayment } from '../views/account-money.ts';

const INVOICES = 24;

/** What an account was billed and paid, as Stripe says now; or why Stripe did not say it. */
export async function moneyOf(
  { stripe }: Pick<Services, 'stripe'>,
  customerId: string,
): Promise<MoneyView | { error: string }> {
  try {
    const [invoices, charges, customer] = await Promise.all([
      stripe.listInvoices({ customerId, limit: INVOICES, startingAfter: null }),
      stripe.chargesOf(customerId),
      stripe.retrieveCustomer(customerId),
    ]);
    return {
      invoices: invoices.data.map((each) => invoiceItem(each)),
      payments: charges.map((each) => paymentItem(each)),
      // Stripe counts what is in the customer's favour below zero.
      credit:
        customer.deleted || customer.balance === 0
          ? null
          : formatMoney(0 - customer.balance, customer.currency ?? 'usd'),
    };
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    return { error: `Stripe did not list invoices and payments: ${error.message}` };
  }
}

export function invoiceItem(invoice: Stripe.Invoice): ShownInvoice {
  const next = invoice.next_payment_attempt;
  return {
    id: invoice.id,
    number: invoice.number,
    status: invoice.status ?? 'draft',
    what: invoice.lines.data.find(({ description }) => description !== null)?.description ?? '',
    amount: formatMoney(invoice.total, invoice.currency),
    open:
      invoice.amount_remaining > 0 ? formatMoney(invoice.amount_remaining, invoice.currency) : null,
    isPaid: invoice.amount_paid > 0,
    isSent: invoice.collection_method === 'send_invoice',
    nextAttemptAt: invoice.status === 'open' && next !== null ? next * 1000 : null,
    createdAt: invoice.created * 1000,
    pdfUrl: invoice.invoice_pdf ?? null,
    hostedUrl: invoice.hosted_invoice_url ?? null,
  };
}

function paymentItem(charge: Stripe.Charge): ShownPayment {
  const { card } = charge.payment_method_details ?? {};
  return {
    id: charge.id,
    status: statusOf(charge),
    method: card ? `${card.brand ?? 'card'} ···· ${card.last4 ?? ''}` : 'other',
    what: charge.description ?? '',
    currency: charge.currency,
    amount: formatMoney(charge.amount, charge.currency),
    refunded:
      charge.amount_refunded > 0 ? formatMoney(charge.amount_refunded, charge.currency) : null,
    canRefund: charge.paid && charge.amount_captured > charge.amount_refunded && !charge.disputed,
    why: charge.failure_message,
    createdAt: charge.created * 1000,
  };
}

function statusOf(charge: Stripe.Charge): string {
  if (charge.disputed) return 'disputed';
  if (charge.refunded) return 'refunded';
  if (charge.amount_refunded > 0) return 'partly refunded';
  return charge.status === 'succeeded' ? 'paid' : charge.status;
}
