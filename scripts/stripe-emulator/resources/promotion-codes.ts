import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf, randomText } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { withValidity } from './coupons.ts';

const currencyOptions = p.mapOf(p.obj({ minimum_amount: p.amount }));
const restrictions = p.obj({
  currency_options: currencyOptions,
  first_time_transaction: p.bool,
  minimum_amount: p.amount,
  minimum_amount_currency: p.currency,
});
const creation = {
  promotion: p.obj({ type: p.required(p.oneOf(['coupon'])), coupon: p.str }),
  coupon: p.str,
  active: p.bool,
  code: p.str,
  customer: p.str,
  customer_account: p.unserved,
  expires_at: p.timestamp,
  max_redemptions: p.int,
  metadata: p.metadata,
  restrictions,
};
const page = {
  limit: p.int,
  starting_after: p.str,
  ending_before: p.str,
  created: p.timeRange,
  active: p.bool,
  code: p.str,
  coupon: p.str,
  customer: p.str,
};

/** Promotion codes: `/v1/promotion_codes`. */
export function registerPromotionCodes(registry: Registry): void {
  registry.post('/v1/promotion_codes', creation, createPromotionCode);
  registry.get('/v1/promotion_codes', page, (ctx, params) =>
    listStored(ctx, 'promotion_code', {
      url: '/v1/promotion_codes',
      page: params,
      where: (code) =>
        (params.active === undefined || redeemable(ctx, code) === params.active) &&
        (params.code === undefined || code.code.toLowerCase() === params.code.toLowerCase()) &&
        (params.coupon === undefined || idOf(code.promotion.coupon) === params.coupon) &&
        (params.customer === undefined || code.customer === params.customer),
    }),
  );
  registry.get('/v1/promotion_codes/:id', {}, (ctx, _params, { id }) => {
    const code = ctx.store.need('promotion_code', id);
    code.active = redeemable(ctx, code);
    return code;
  });
  registry.includable('promotion_code', 'restrictions.currency_options', (ctx, id) =>
    keptMinimums(ctx, id),
  );
  const change = {
    active: p.bool,
    metadata: p.metadata,
    restrictions: p.obj({ currency_options: currencyOptions }),
  };
  registry.post('/v1/promotion_codes/:id', change, (ctx, params, { id }) => {
    const code = ctx.store.need('promotion_code', id);
    return ctx.update('promotion_code', code, {
      event: 'promotion_code.updated',
      apply() {
        if (params.active !== undefined) code.active = params.active;
        code.metadata = mergeMetadata(code.metadata ?? {}, params.metadata);
        const options = params.restrictions?.currency_options;
        if (options !== undefined) keepMinimums(ctx, code.id, options);
      },
    });
  });
}

function createPromotionCode(ctx: Context, params: Values<typeof creation>): Stripe.PromotionCode {
  const couponId = params.promotion?.coupon ?? params.coupon;
  if (couponId === undefined) {
    throw invalidRequest('Missing required param: promotion.', {
      param: 'promotion',
      code: 'parameter_missing',
    });
  }
  const coupon = ctx.store.need('coupon', couponId, 'promotion[coupon]');
  if (!withValidity(ctx, coupon).valid) {
    throw invalidRequest('This coupon is no longer valid.', {
      param: 'promotion[coupon]',
      code: 'coupon_expired',
    });
  }
  if (params.customer !== undefined) ctx.store.need('customer', params.customer, 'customer');
  const code = params.code ?? randomText(8).toUpperCase();
  if (findCode(ctx, code)?.active === true) {
    throw invalidRequest('An active promotion code with `code: ' + code + '` already exists.', {
      param: 'code',
      code: 'resource_already_exists',
    });
  }
  const given = params.restrictions ?? {};
  const created = ctx.add('promotion_code', {
    id: ctx.store.newId('promotion_code'),
    object: 'promotion_code',
    active: params.active ?? true,
    code,
    created: ctx.now(),
    customer: params.customer ?? null,
    customer_account: null,
    expires_at: params.expires_at ?? coupon.redeem_by,
    livemode: false,
    max_redemptions: params.max_redemptions ?? null,
    metadata: mergeMetadata({}, params.metadata),
    promotion: { type: 'coupon', coupon: coupon.id },
    restrictions: {
      first_time_transaction: given.first_time_transaction ?? false,
      minimum_amount: given.minimum_amount ?? null,
      minimum_amount_currency: given.minimum_amount_currency ?? null,
    },
    times_redeemed: 0,
  });
  keepMinimums(ctx, created.id, given.currency_options ?? {});
  ctx.emit('promotion_code.created', created);
  return created;
}

type Minimums = Record<string, { minimum_amount?: number }>;

function keepMinimums(ctx: Context, id: string, options: Minimums): void {
  ctx.note('promotion_code', id)['minimums'] = JSON.stringify({
    ...keptMinimums(ctx, id),
    ...options,
  });
}

function keptMinimums(ctx: Context, id: string): Minimums {
  const kept = ctx.store.find('_note', `promotion_code:${id}`)?.data['minimums'];
  const options: Minimums = typeof kept === 'string' ? JSON.parse(kept) : {};
  return options;
}

/** The least that an order must come to, by currency. */
export function minimumsOf(ctx: Context, code: Stripe.PromotionCode): Record<string, number> {
  const { minimum_amount: least, minimum_amount_currency: currency } = code.restrictions;
  const minimums: Record<string, number> = {};
  if (least !== null && currency !== null) minimums[currency] = least;
  for (const [name, option] of Object.entries(keptMinimums(ctx, code.id)))
    if (option.minimum_amount !== undefined) minimums[name] = option.minimum_amount;
  return minimums;
}

/** The newest promotion code with this text, upper or lower case; what a person types at a checkout. */
export function findCode(ctx: Context, text: string): Stripe.PromotionCode | undefined {
  for (const code of ctx.store.of('promotion_code').newestFirst()) {
    if (code.code.toLowerCase() === text.trim().toLowerCase()) return code;
  }
  return undefined;
}

/** False once it is switched off, expired, used up, or its coupon is. */
export function redeemable(ctx: Context, code: Stripe.PromotionCode): boolean {
  const coupon = ctx.store.find('coupon', idOf(code.promotion.coupon));
  const late = code.expires_at !== null && code.expires_at <= ctx.now();
  const used = code.max_redemptions !== null && code.times_redeemed >= code.max_redemptions;
  return code.active && !late && !used && coupon !== undefined && withValidity(ctx, coupon).valid;
}
