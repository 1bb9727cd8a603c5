import { randomUUID } from 'node:crypto';
import type Stripe from 'stripe';
import { z } from 'zod';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { freshKey, runCommand, type Commander } from '../command.ts';
import { stripeCustomerOf } from '../account.ts';
import { findPromotion, promotionFor, withCode } from '../promotion-code.ts';
import { subscriptionAnswer } from '../subscription-view.ts';
import { AppError } from '../../http/errors.ts';
import { defineRoute, json } from '../../http/define-route.ts';

const code = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, 'letters, digits, - and _');
const duration = z.enum(['once', 'forever', 'repeating']);

const promotionSchema = z.object({
  code: z.string(),
  percentOff: z.number().nullable(),
  /** Minor units of `currency`. */
  amountOff: z.int().nullable(),
  currency: z.string().nullable(),
  duration: z.string(),
  months: z.int().nullable(),
  expiresAt: z.iso.datetime().nullable(),
});

/** What a code is worth, for a form that shows it before anybody pays. */
export const promotionRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/promotion-codes/:code',
  auth: 'user',
  asksStripe: true,
  triesCodes: true,
  summary: 'What a promotion code is worth',
  response: promotionSchema,
  errors: ['not_found'],
  handler: async (_request, { services, account, params }) => {
    const customerId = await stripeCustomerOf(services, account.id);
    const found = await findPromotion(services, customerId, params['code'] ?? '');
    if (!found) throw new AppError('not_found', 'This code does not exist or has ended.');
    return json(promotionView(found));
  },
});

/** Puts a promotion code on the running subscription; the next invoices are smaller. */
export const discountRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/discount',
  auth: 'user',
  summary: 'Apply a promotion code to the subscription, or take its discount off',
  description: 'It replaces the discount that is there. `promotionCode: null` takes it off.',
  body: z.strictObject({ promotionCode: code.nullable() }),
  response: subscriptionAnswer,
  errors: ['unknown_promotion_code', 'not_allowed'],
  handler: (_request, context) => {
    const { services, body } = context;
    return runCommand(context, 'change', async ({ id, customerId }) => {
      const wanted = body.promotionCode?.toLowerCase();
      // A second click on a code that may be used once must not find it used up.
      const [there, ...more] = await services.stripe.promotionsOn(id);
      if (wanted !== undefined && there?.toLowerCase() === wanted && more.length === 0) return null;
      const code = body.promotionCode ?? undefined;
      const promotion = await promotionFor(services, customerId, code);
      return withCode(() =>
        services.stripe.setDiscount(id, promotion?.id ?? null, freshKey('discount', context)),
      );
    });
  },
});

const newPromotion = z
  .strictObject({
    code,
    percentOff: z.int().min(1).max(100).optional(),
    amountOff: z.int().min(1).optional(),
    currency: z
      .string()
      .regex(/^[a-z]{3}$/)
      .optional(),
    duration: duration.default('once'),
    months: z.int().min(1).max(36).optional(),
    maxRedemptions: z.int().min(1).optional(),
    expiresAt: z.iso.datetime().optional(),
    firstPurchaseOnly: z.boolean().default(false),
  })
  .refine((value) => (value.percentOff === undefined) !== (value.amountOff === undefined), {
    message: 'give either percentOff, or amountOff and currency',
  })
  .refine((value) => (value.amountOff === undefined) === (value.currency === undefined), {
    message: 'amountOff and currency go together',
  })
  .refine((value) => (value.duration === 'repeating') === (value.months !== undefined), {
    message: 'months belongs to the duration "repeating"',
  });

/** A coupon and its code, in one. */
export const createPromotionRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/promotion-codes',
  auth: 'admin',
  role: 'admin',
  summary: 'Make a coupon and its promotion code',
  body: newPromotion,
  response: promotionSchema,
  status: 201,
  handler: async (_request, context) =>
    json(promotionView(await createPromotion(context, context.body)), 201),
});

async function createPromotion(
  context: Commander,
  wanted: z.infer<typeof newPromotion>,
): Promise<Stripe.PromotionCode> {
  const { stripe, log } = context.services;
  const { percentOff, amountOff = 0, currency = '', expiresAt } = wanted;
  const input = {
    ...wanted,
    couponId: `tenure_${randomUUID()}`,
    off: percentOff === undefined ? { amount: amountOff, currency } : { percent: percentOff },
    months: wanted.months ?? null,
    maxRedemptions: wanted.maxRedemptions ?? null,
    expiresAt: expiresAt === undefined ? null : Math.floor(Date.parse(expiresAt) / 1000),
  };
  try {
    await stripe.createCoupon(input, freshKey('coupon', context));
    return await stripe.createPromotionCode(input, freshKey('promotion', context));
  } catch (error) {
    // A coupon without a code is of no use to anybody.
    await stripe.deleteCoupon(input.couponId).catch((second: unknown) => {
      if (isGatewayError(second, 'not_found')) return;
      log.warn({ err: second, coupon: input.couponId }, 'a coupon without a code was left behind');
    });
    if (isGatewayError(error, 'invalid')) {
      throw new AppError('invalid_request', `Stripe refused the code: ${error.message}`);
    }
    throw error;
  }
}

function promotionView(promotion: Stripe.PromotionCode): z.infer<typeof promotionSchema> {
  const { coupon } = promotion.promotion;
  if (coupon === null || typeof coupon === 'string') {
    throw new Error(`Promotion code ${promotion.id} came without its coupon`);
  }
  return {
    code: promotion.code,
    percentOff: coupon.percent_off,
    amountOff: coupon.amount_off,
    currency: coupon.currency,
    duration: coupon.duration,
    months: coupon.duration_in_months,
    expiresAt:
      promotion.expires_at === null ? null : new Date(promotion.expires_at * 1000).toISOString(),
  };
}
