import type Stripe from 'stripe';
import type { OwnerMetadata } from './client.ts';
import { call } from './errors.ts';

/** Stripe's words for why money goes back. */
export const REFUND_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer'] as const;
export type RefundReason = (typeof REFUND_REASONS)[number];

/** Refunds, disputes and credit notes of payments, and what those payments were for. */
export function returnCalls(stripe: Stripe, ownerMetadata: OwnerMetadata) {
  return {
    /** Sends back some of a charge, or all that is left; Stripe refuses more. */
    refundCharge: (
      input: { chargeId: string; userId: string; amount: number; reason: RefundReason | null },
      idempotencyKey: string,
    ): Promise<Stripe.Refund> =>
      call(() =>
        stripe.refunds.create(
          {
            charge: input.chargeId,
            amount: input.amount,
            metadata: ownerMetadata(input.userId),
            ...(input.reason === null ? {} : { reason: input.reason }),
          },
          { idempotencyKey },
        ),
      ),

    /** The charges of a payment intent, newest first. */
    chargesOfIntent: async (paymentIntentId: string): Promise<Stripe.Charge[]> =>
      (await call(() => stripe.charges.list({ payment_intent: paymentIntentId, limit: 20 }))).data,

    /** Puts money on a customer's balance, for the next invoices; a negative amount takes it off. */
    giveCredit: (
      input: {
        customerId: string;
        userId: string;
        amount: number;
        currency: string;
        description: string;
        metadata?: Record<string, string>;
      },
      idempotencyKey: string,
    ): Promise<Stripe.CustomerBalanceTransaction> =>
      call(() =>
        stripe.customers.createBalanceTransaction(
          input.customerId,
          {
            amount: -input.amount,
            currency: input.currency,
            description: input.description,
            metadata: { ...ownerMetadata(input.userId), ...input.metadata },
          },
          { idempotencyKey },
        ),
      ),

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
