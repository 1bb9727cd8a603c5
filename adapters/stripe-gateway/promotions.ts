import type Stripe from 'stripe';
import type { OwnerMark } from './client.ts';
import { call } from './errors.ts';

export interface NewPromotion {
  /** The coupon's own id, so that it is known even if Stripe's answer is lost. */
  couponId: string;
  code: string;
  /** Percent, or minor units of a currency. */
  off: { percent: number } | { amount: number; currency: string };
  duration: 'once' | 'forever' | 'repeating';
  months: number | null;
  maxRedemptions: number | null;
  /** Seconds. */
  expiresAt: number | null;
  firstPurchaseOnly: boolean;
}

/** Coupons, and the codes that people type to get them. */
export function promotionCalls(stripe: Stripe, mark: OwnerMark) {
  return {
    /** The active code with its coupon, or null. */
    promotionByCode: async (code: string): Promise<Stripe.PromotionCode | null> => {
      const page = await call(() =>
        stripe.promotionCodes.list({
          code,
          active: true,
          limit: 1,
          expand: ['data.promotion.coupon'],
        }),
      );
      return page.data[0] ?? null;
    },

    /** Coupons that invoices of a customer have used, drafts too. */
    couponsUsedBy: async (customerId: string): Promise<string[]> => {
      const data = await call(() =>
        stripe.invoices
          .list({ customer: customerId, limit: 100, expand: ['data.discounts'] })
          .autoPagingToArray({ limit: 2_000 }),
      );
      const used = data.filter(({ status }) => status !== 'void');
      return used.flatMap(({ discounts, total_discount_amounts: amounts }) =>
        (amounts ?? []).every(({ amount }) => amount === 0)
          ? []
          : discounts.flatMap((discount) => {
              const coupon = typeof discount === 'string' ? null : discount.source.coupon;
              return coupon === null ? [] : [typeof coupon === 'string' ? coupon : coupon.id];
            }),
      );
    },

    createCoupon: (input: NewPromotion, idempotencyKey: string): Promise<Stripe.Coupon> =>
      call(() =>
        stripe.coupons.create(
          {
            id: input.couponId,
            name: input.code,
            metadata: mark(null),
            duration: input.duration,
            duration_in_months: input.months ?? undefined,
            ...('percent' in input.off
              ? { percent_off: input.off.percent }
              : { amount_off: input.off.amount, currency: input.off.currency }),
          },
          { idempotencyKey },
        ),
      ),

    /** The codes that gave a subscription its discounts. */
    promotionsOn: async (subscriptionId: string): Promise<string[]> => {
      const { discounts } = await call(() =>
        stripe.subscriptions.retrieve(subscriptionId, { expand: ['discounts.promotion_code'] }),
      );
      return discounts.flatMap((discount) => {
        const promotion = typeof discount === 'string' ? null : discount.promotion_code;
        return promotion === null || typeof promotion === 'string' ? [] : [promotion.code];
      });
    },

    deleteCoupon: (id: string): Promise<Stripe.DeletedCoupon> => call(() => stripe.coupons.del(id)),

    createPromotionCode: (
      input: NewPromotion,
      idempotencyKey: string,
    ): Promise<Stripe.PromotionCode> =>
      call(() =>
        stripe.promotionCodes.create(
          {
            promotion: { type: 'coupon', coupon: input.couponId },
            code: input.code,
            metadata: mark(null),
            max_redemptions: input.maxRedemptions ?? undefined,
            expires_at: input.expiresAt ?? undefined,
            restrictions: input.firstPurchaseOnly ? { first_time_transaction: true } : undefined,
            expand: ['promotion.coupon'],
          },
          { idempotencyKey },
        ),
      ),
  };
}

export type PromotionCalls = ReturnType<typeof promotionCalls>;
