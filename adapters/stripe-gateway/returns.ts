import type Stripe from 'stripe';
import { call } from './errors.ts';

/** Refunds, disputes and credit notes of payments, and what those payments were for. */
export function returnCalls(stripe: Stripe) {
  return {
    retrieveCharge: (id: string): Promise<Stripe.Charge> => call(() => stripe.charges.retrieve(id)),

    /** All refunds of a charge. */
    refundsOf: (chargeId: string): Promise<Stripe.Refund[]> =>
      call(() =>
        stripe.refunds.list({ charge: chargeId, limit: 100 }).autoPagingToArray({ limit: 500 }),
      ),

    /** All disputes of a charge. */
    disputesOf: (chargeId: string): Promise<Stripe.Dispute[]> =>
      call(() =>
        stripe.disputes.list({ charge: chargeId, limit: 100 }).autoPagingToArray({ limit: 500 }),
      ),

    retrieveFraudWarning: (id: string): Promise<Stripe.Radar.EarlyFraudWarning> =>
      call(() => stripe.radar.earlyFraudWarnings.retrieve(id)),

    retrieveCreditNote: (id: string): Promise<Stripe.CreditNote> =>
      call(() => stripe.creditNotes.retrieve(id)),

    /** The invoice that a payment paid; null for a payment without one. */
    invoiceOfPayment: (paymentIntentId: string): Promise<Stripe.Invoice | null> =>
      call(async () => {
        const { data } = await stripe.invoicePayments.list({
          payment: { type: 'payment_intent', payment_intent: paymentIntentId },
          expand: ['data.invoice'],
          limit: 1,
        });
        const invoice = data[0]?.invoice;
        return typeof invoice === 'object' && !invoice.deleted ? invoice : null;
      }),
  };
}

export type ReturnCalls = ReturnType<typeof returnCalls>;
