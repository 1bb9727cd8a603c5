import type Stripe from 'stripe';
import type { OwnerMetadata } from './client.ts';
import { call } from './errors.ts';

/** Metadata of a credit grant: the purchase that paid for it, and what was left of it when that was returned. */
export const PURCHASE_KEY = 'tenure_purchase';
export const TAKEN_BACK_KEY = 'tenure_taken_back';

/** Whether one of ours may pay for usage at `now`, in ms. */
export function isOpenPack(grant: Stripe.Billing.CreditGrant, now: number): boolean {
  const { voided_at: voided, expires_at: expires, metadata } = grant;
  const isOver = voided !== null || (expires !== null && expires * 1000 <= now);
  return !isOver && metadata[PURCHASE_KEY] !== undefined;
}

/** Prepaid credit for metered usage (Stripe: credit grants), which is used before usage is charged. */
export function creditPackCalls(stripe: Stripe, owner: OwnerMetadata) {
  return {
    /** All that a customer was ever given, newest first. */
    listCreditGrants: (customerId: string): Promise<Stripe.Billing.CreditGrant[]> =>
      call(() =>
        stripe.billing.creditGrants
          .list({ customer: customerId, limit: 100 })
          .autoPagingToArray({ limit: 1_000 }),
      ),

    /** `priceIds` null: usage of every meter. */
    createCreditGrant: (
      input: {
        customerId: string;
        userId: string;
        purchaseId: string;
        name: string;
        amount: number;
        currency: string;
        priceIds: readonly string[] | null;
        /** Seconds; null for never. */
        expiresAt: number | null;
      },
      idempotencyKey: string,
    ): Promise<Stripe.Billing.CreditGrant> =>
      call(() =>
        stripe.billing.creditGrants.create(
          {
            customer: input.customerId,
            name: input.name,
            category: 'paid',
            amount: {
              type: 'monetary',
              monetary: { value: input.amount, currency: input.currency },
            },
            applicability_config: {
              scope:
                input.priceIds === null
                  ? { price_type: 'metered' }
                  : { prices: input.priceIds.map((id) => ({ id })) },
            },
            ...(input.expiresAt === null ? {} : { expires_at: input.expiresAt }),
            metadata: { ...owner(input.userId), [PURCHASE_KEY]: input.purchaseId },
          },
          { idempotencyKey },
        ),
      ),

    /** What is left of one, in minor units. */
    creditLeft: async (customerId: string, grantId: string): Promise<number> => {
      const { balances } = await call(() =>
        stripe.billing.creditBalanceSummaries.retrieve({
          customer: customerId,
          filter: { type: 'credit_grant', credit_grant: grantId },
        }),
      );
      return balances.reduce(
        (sum, { available_balance: left }) => sum + (left.monetary?.value ?? 0),
        0,
      );
    },

    /** Ends it; `left` is noted first, so that it can be given again. */
    takeBackCreditGrant: async (grantId: string, left: number): Promise<void> => {
      const metadata = { [TAKEN_BACK_KEY]: String(left) };
      await call(() => stripe.billing.creditGrants.update(grantId, { metadata }));
      await call(() => stripe.billing.creditGrants.expire(grantId));
    },
  };
}

export type CreditPackCalls = ReturnType<typeof creditPackCalls>;
