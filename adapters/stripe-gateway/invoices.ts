import type Stripe from 'stripe';
import { call } from './errors.ts';

/** Invoices: reads, and what ends dunning. */
export function invoiceCalls(stripe: Stripe) {
  return {
    retrieveInvoice: (id: string): Promise<Stripe.Invoice> =>
      call(() => stripe.invoices.retrieve(id, { expand: ['payments'] })),

    /** Gives the invoice up, as the `unpaid` end of dunning does. */
    markUncollectible: (id: string, idempotencyKey: string): Promise<Stripe.Invoice> =>
      call(() => stripe.invoices.markUncollectible(id, {}, { idempotencyKey })),
  };
}

export type InvoiceCalls = ReturnType<typeof invoiceCalls>;
