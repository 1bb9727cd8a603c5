import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { randomText } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

const currencyOptions = p.mapOf(p.obj({ amount_off: p.required(p.amount) }));
const creation = {
  id: p.str,
  amount_off: p.int,
  applies_to: p.obj({ products: p.arr(p.str) }),
  currency: p.currency,
  currency_options: currencyOptions,
  duration: p.oneOf(['forever', 'once', 'repeating']),
  duration_in_months: p.int,
  max_redemptions: p.int,
  metadata: p.metadata,
  name: p.upTo(40),
  percent_off: p.number,
  redeem_by: p.timestamp,
};
const change = { currency_options: currencyOptions, metadata: p.metadata, name: p.upTo(40) };
const page = { limit: p.int, starting_after: p.str, ending_before: p.str, created: p.timeRange };

/** Coupons: `/v1/coupons`. */
export function registerCoupons(registry: Registry): void {
  registry.post('/v1/coupons', creation, createCoupon);
  registry.get('/v1/coupons', page, (ctx, params) =>
    listStored(ctx, 'coupon', { url: '/v1/coupons', page: params }),
  );
  registry.get('/v1/coupons/:id', {}, (ctx, _params, { id }) =>
    withValidity(ctx, ctx.store.need('coupon', id)),
  );
  registry.post('/v1/coupons/:id', change, (ctx, params, { id }) => {
    const coupon = ctx.store.need('coupon', id);
    return ctx.update('coupon', coupon, {
      event: 'coupon.updated',
      apply() {
        coupon.metadata = mergeMetadata(coupon.metadata ?? {}, params.metadata);
        if (params.name !== undefined) coupon.name = params.name;
        if (params.currency_options !== undefined) {
          ctx.note('coupon', id)['currencyOptions'] = JSON.stringify(params.currency_options);
        }
      },
    });
  });
  registry.delete('/v1/coupons/:id', {}, (ctx, _params, { id }) => {
    const coupon = ctx.store.need('coupon', id);
    const tombstone = ctx.store.remove('coupon', id);
    ctx.emit('coupon.deleted', { ...coupon, valid: false });
    return tombstone;
  });
  registry.includable('coupon', 'applies_to', (ctx, id) => ({ products: productsOf(ctx, id) }));
  registry.includable('coupon', 'currency_options', (ctx, id) => amountsOff(ctx, id));
}

function createCoupon(ctx: Context, params: Values<typeof creation>): Stripe.Coupon {
  refuseContradictions(params);
  const id = params.id ?? randomText(8);
  if (ctx.store.find('coupon', id) !== undefined) {
    throw invalidRequest('Coupon already exists.', {
      param: 'id',
      code: 'resource_already_exists',
    });
  }
  const coupon = ctx.add('coupon', {
    id,
    object: 'coupon',
    amount_off: params.amount_off ?? null,
    created: ctx.now(),
    currency: params.amount_off === undefined ? null : (params.currency ?? null),
    duration: params.duration ?? 'once',
    duration_in_months: params.duration_in_months ?? null,
    livemode: false,
    max_redemptions: params.max_redemptions ?? null,
    metadata: mergeMetadata({}, params.metadata),
    name: params.name ?? null,
    percent_off: params.percent_off ?? null,
    redeem_by: params.redeem_by ?? null,
    times_redeemed: 0,
    valid: true,
  });
  const note = ctx.note('coupon', id);
  note['products'] = (params.applies_to?.products ?? []).join(',');
  if (params.currency_options !== undefined) {
    note['currencyOptions'] = JSON.stringify(params.currency_options);
  }
  ctx.emit('coupon.created', coupon);
  return coupon;
}

function refuseContradictions(params: Values<typeof creation>): void {
  const { amount_off: amountOff, percent_off: percentOff } = params;
  if (amountOff !== undefined && percentOff !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: amount_off, percent_off.');
  }
  if (amountOff === undefined && percentOff === undefined) {
    throw invalidRequest('You must specify either percent_off or amount_off.', {
      code: 'parameter_missing',
    });
  }
  if (amountOff !== undefined && params.currency === undefined) {
    throw invalidRequest('You must pass currency when passing amount_off.', {
      param: 'currency',
      code: 'parameter_missing',
    });
  }
  if (percentOff !== undefined && (percentOff <= 0 || percentOff > 100)) {
    throw invalidRequest('Invalid percent_off: must be greater than 0 and at most 100.', {
      param: 'percent_off',
    });
  }
  const repeating = params.duration === 'repeating';
  if (repeating !== (params.duration_in_months !== undefined)) {
    throw invalidRequest(
      repeating
        ? 'Missing required param: duration_in_months.'
        : 'You may only set duration_in_months when duration is repeating.',
      { param: 'duration_in_months', code: repeating ? 'parameter_missing' : 'parameter_unknown' },
    );
  }
}

/** Brings `valid` up to date: a coupon ends by its date or by its number of redemptions. */
export function withValidity(ctx: Context, coupon: Stripe.Coupon): Stripe.Coupon {
  const used = coupon.max_redemptions !== null && coupon.times_redeemed >= coupon.max_redemptions;
  const late = coupon.redeem_by !== null && coupon.redeem_by <= ctx.now();
  coupon.valid = !used && !late;
  return coupon;
}

/** The products that a coupon is limited to; empty = all. */
export function productsOf(ctx: Context, coupon: string): string[] {
  const text = String(ctx.note('coupon', coupon)['products'] ?? '');
  return text === '' ? [] : text.split(',');
}

/** `currency_options` as given: the amount off in other currencies. */
export function amountsOff(ctx: Context, coupon: string): Record<string, { amount_off: number }> {
  const text = ctx.note('coupon', coupon)['currencyOptions'];
  return typeof text === 'string' ? currencyOptions.parse(JSON.parse(text), '') : {};
}
