import type Stripe from 'stripe';
import { call } from './errors.ts';

/** Invoices: reads, and what ends dunning. */
export function invoiceCalls(stripe: Stripe) {
  return {
    retrieveInvoice: (id: string): Promise<Stripe.Invoice> =>
      call(() => stripe.invoices.retrieve(id, { expand: ['payments'] })),

    /** The newest invoices of a subscription, newest first; at most 100. */
    invoicesOf: async (subscriptionId: string, limit: number): Promise<Stripe.Invoice[]> =>
      (
        await call(() =>
          stripe.invoices.list({
            subscription: subscriptionId,
            limit,
            expand: ['data.payments'],
          }),
        )
      ).data,

    /** Of one status, the newest first; at most 100. */
    invoicesWith: async (
      subscriptionId: string,
      status: 'draft' | 'open' | 'uncollectible',
    ): Promise<Stripe.Invoice[]> =>
      (await call(() => stripe.invoices.list({ subscription: subscriptionId, status, limit: 100 })))
        .data,

    /** The payments of an invoice with their charges, and the invoice itself in each. */
    paymentsOfInvoice: async (invoiceId: string): Promise<Stripe.InvoicePayment[]> =>
      (
        await call(() =>
          stripe.invoicePayments.list({
            invoice: invoiceId,
            limit: 100,
            expand: ['data.invoice', 'data.payment.payment_intent.latest_charge'],
          }),
        )
      ).data,

    markUncollectible: (id: string, idempotencyKey: string): Promise<Stripe.Invoice> =>
      call(() => stripe.invoices.markUncollectible(id, {}, { idempotencyKey })),

    /** Makes no more attempts to collect an invoice; it can still be paid. */
    stopAttempts: (id: string, idempotencyKey: string): Promise<Stripe.Invoice> =>
      call(() => stripe.invoices.update(id, { auto_advance: false }, { idempotencyKey })),
  };
}

export type InvoiceCalls = ReturnType<typeof invoiceCalls>;
