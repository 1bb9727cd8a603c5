import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

const taxBehavior = p.oneOf(['inclusive', 'exclusive', 'unspecified']);
const bound = p.obj({
  unit: p.required(p.oneOf(['business_day', 'day', 'hour', 'month', 'week'])),
  value: p.required(p.int),
});
const option = p.obj({ amount: p.required(p.nonNegative), tax_behavior: taxBehavior });

/** A shipping rate as calls describe it, here and in Checkout. */
export const shippingRateFields = {
  delivery_estimate: p.obj({ maximum: bound, minimum: bound }),
  display_name: p.required(p.str),
  fixed_amount: p.obj({
    amount: p.required(p.nonNegative),
    currency: p.required(p.currency),
    currency_options: p.mapOf(option),
  }),
  metadata: p.metadata,
  tax_behavior: taxBehavior,
  tax_code: p.str,
  type: p.oneOf(['fixed_amount']),
};
const createParams = paramsOf<Stripe.ShippingRateCreateParams>()(shippingRateFields);
const updateParams = paramsOf<Stripe.ShippingRateUpdateParams>()({
  active: p.bool,
  fixed_amount: p.obj({
    currency_options: p.mapOf(p.obj({ amount: p.nonNegative, tax_behavior: taxBehavior })),
  }),
  metadata: p.metadata,
  tax_behavior: taxBehavior,
});
const listParams = { ...PAGE, active: p.bool, created: p.timeRange, currency: p.currency };
const url = '/v1/shipping_rates';

/** `/v1/shipping_rates` */
export function registerShippingRates(registry: Registry): void {
  registry.post(url, createParams, createShippingRate);
  registry.get(url, listParams, (ctx, params) =>
    listStored(ctx, 'shipping_rate', {
      url,
      page: params,
      where: (rate) =>
        (params.active === undefined || rate.active === params.active) &&
        (params.currency === undefined || rate.fixed_amount?.currency === params.currency),
    }),
  );
  registry.get('/v1/shipping_rates/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('shipping_rate', id),
  );
  registry.post('/v1/shipping_rates/:id', updateParams, (ctx, params, { id }) =>
    update(ctx, params, ctx.store.need('shipping_rate', id)),
  );
}

/** Makes a shipping rate. Errors: 400 without an amount. */
export function createShippingRate(
  ctx: Context,
  params: Values<typeof shippingRateFields>,
): Stripe.ShippingRate {
  const { delivery_estimate: estimate, fixed_amount: fixed } = params;
  if (fixed === undefined)
    throw invalidRequest('Missing required param: fixed_amount.', {
      param: 'fixed_amount',
      code: 'parameter_missing',
    });
  return ctx.add('shipping_rate', {
    id: ctx.store.newId('shipping_rate'),
    object: 'shipping_rate',
    active: true,
    created: ctx.now(),
    delivery_estimate:
      estimate === undefined
        ? null
        : { maximum: estimate.maximum ?? null, minimum: estimate.minimum ?? null },
    display_name: params.display_name,
    fixed_amount: { amount: fixed.amount, currency: fixed.currency, ...optionsOf(fixed) },
    livemode: false,
    metadata: mergeMetadata({}, params.metadata),
    tax_behavior: params.tax_behavior ?? 'unspecified',
    tax_code: params.tax_code ?? null,
    type: 'fixed_amount',
  });
}

type Fixed = NonNullable<Values<typeof shippingRateFields>['fixed_amount']>;

function optionsOf({
  currency_options: given,
}: Fixed): Pick<Stripe.ShippingRate.FixedAmount, 'currency_options'> {
  if (given === undefined) return {};
  const entries = Object.entries(given).map(([currency, { amount, tax_behavior }]) => [
    currency,
    { amount, tax_behavior: tax_behavior ?? 'unspecified' },
  ]);
  return { currency_options: Object.fromEntries(entries) };
}

function update(
  ctx: Context,
  params: Values<typeof updateParams>,
  rate: Stripe.ShippingRate,
): Stripe.ShippingRate {
  const apply = () => {
    rate.active = params.active ?? rate.active;
    rate.tax_behavior = params.tax_behavior ?? rate.tax_behavior;
    rate.metadata = mergeMetadata(rate.metadata, params.metadata);
    if (rate.fixed_amount === undefined) return;
    const options = { ...rate.fixed_amount.currency_options };
    for (const [currency, given] of Object.entries(params.fixed_amount?.currency_options ?? {}))
      options[currency] = {
        amount: given.amount ?? options[currency]?.amount ?? 0,
        tax_behavior: given.tax_behavior ?? options[currency]?.tax_behavior ?? 'unspecified',
      };
    if (Object.keys(options).length > 0) rate.fixed_amount.currency_options = options;
  };
  return ctx.update('shipping_rate', rate, { event: null, apply });
}
