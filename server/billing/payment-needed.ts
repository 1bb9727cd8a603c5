import type Stripe from 'stripe';
import { z } from 'zod';
import type { Services } from '../lib/services.ts';

/** A payment that waits for the customer. */
export const paymentNeeded = z.object({
  invoiceId: z.string(),
  /** `requires_action`: the bank wants to see the customer. `failed`: it said no. */
  status: z.enum(['requires_action', 'failed']),
  amountDue: z.int(),
  currency: z.string(),
  declineCode: z.string().nullable(),
  /** Stripe's page on which to confirm it, or pay in another way. */
  url: z.url().nullable(),
});
export type PaymentNeeded = z.infer<typeof paymentNeeded>;

/** What an open invoice waits for; null when nothing is to be paid on it. */
export async function paymentNeededFor(
  services: Services,
  invoiceId: string,
): Promise<PaymentNeeded | null> {
  return neededOn(await services.stripe.retrievePayableInvoice(invoiceId));
}

/** The same, of an invoice that was read with its payment intents. */
export function neededOn(invoice: Stripe.Invoice): PaymentNeeded | null {
  if (invoice.status !== 'open' || invoice.amount_remaining === 0) return null;
  const intent = intentOf(invoice);
  const refused = intent?.last_payment_error;
  const asks = refused?.code === 'authentication_required' || intent?.status === 'requires_action';
  return {
    invoiceId: invoice.id,
    status: asks ? 'requires_action' : 'failed',
    amountDue: invoice.amount_remaining,
    currency: invoice.currency,
    declineCode: refused?.decline_code ?? refused?.code ?? null,
    url: invoice.hosted_invoice_url ?? null,
  };
}

function intentOf(invoice: Stripe.Invoice): Stripe.PaymentIntent | null {
  const payments = invoice.payments?.data ?? [];
  const chosen = payments.find(({ is_default }) => is_default) ?? payments[0];
  const intent = chosen?.payment.payment_intent;
  return typeof intent === 'object' ? intent : null;
}
