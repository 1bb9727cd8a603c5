import type Stripe from 'stripe';
import { planOf } from '../billing/prices.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest, resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { createPrice } from './price-create.ts';

const newProduct = p.obj({
  active: p.bool,
  id: p.str,
  metadata: p.metadata,
  name: p.required(p.str),
  statement_descriptor: p.str,
  tax_code: p.str,
  tax_details: p.harmless,
  unit_label: p.str,
});
const createParams = paramsOf<Stripe.PlanCreateParams>()({
  active: p.bool,
  amount: p.amount,
  amount_decimal: p.decimal,
  billing_scheme: p.oneOf(['per_unit', 'tiered']),
  currency: p.required(p.currency),
  id: p.str,
  interval: p.required(p.oneOf(['month', 'year', 'week', 'day'])),
  interval_count: p.int,
  metadata: p.metadata,
  meter: p.str,
  nickname: p.str,
  product: p.any,
  tiers: p.any,
  tiers_mode: p.oneOf(['graduated', 'volume']),
  transform_usage: p.obj({
    divide_by: p.required(p.int),
    round: p.required(p.oneOf(['down', 'up'])),
  }),
  trial_period_days: p.int,
  usage_type: p.oneOf(['metered', 'licensed']),
});
const updateParams = paramsOf<Stripe.PlanUpdateParams>()({
  active: p.bool,
  metadata: p.metadata,
  nickname: p.str,
  product: p.str,
  trial_period_days: p.int,
});

/** Plans, the older face of recurring prices: `/v1/plans`. */
export function registerPlans(registry: Registry): void {
  registry.post('/v1/plans', createParams, createPlan);
  const filters = { ...PAGE, active: p.bool, created: p.timeRange, product: p.str };
  registry.get('/v1/plans', filters, (ctx, params) => {
    const list = listStored(ctx, 'price', {
      url: '/v1/plans',
      page: params,
      where: (price) =>
        price.recurring !== null &&
        (params.active === undefined || price.active === params.active) &&
        (params.product === undefined || idOf(price.product) === params.product),
    });
    return { ...list, data: list.data.map((price) => planOf(ctx, price)) };
  });
  registry.get('/v1/plans/:id', {}, (ctx, _params, { id }) => planOf(ctx, needPlan(ctx, id)));
  registry.post('/v1/plans/:id', updateParams, (ctx, params, { id }) => {
    const price = needPlan(ctx, id);
    ctx.update('price', price, {
      event: 'price.updated',
      apply() {
        price.active = params.active ?? price.active;
        price.nickname = params.nickname ?? price.nickname;
        price.metadata = mergeMetadata(price.metadata, params.metadata);
      },
    });
    ctx.emit('plan.updated', planOf(ctx, price));
    return planOf(ctx, price);
  });
  registry.delete('/v1/plans/:id', {}, (ctx, _params, { id }) => {
    const plan = planOf(ctx, needPlan(ctx, id));
    ctx.store.remove('price', id);
    ctx.emit('plan.deleted', plan);
    return { id, object: 'plan', deleted: true };
  });
}

function needPlan(ctx: Context, id: string): Stripe.Price {
  const price = ctx.store.find('price', id);
  if (price === undefined || price.recurring === null) throw resourceMissing('plan', id);
  return price;
}

function createPlan(ctx: Context, params: Values<typeof createParams>): Stripe.Plan {
  if (params.id !== undefined && ctx.store.find('price', params.id) !== undefined)
    throw invalidRequest('Plan already exists.', { code: 'resource_already_exists', param: 'id' });
  const price = createPrice(ctx, {
    id: params.id,
    currency: params.currency,
    product: productOf(ctx, params.product),
    active: params.active,
    billing_scheme: params.billing_scheme,
    metadata: params.metadata,
    nickname: params.nickname,
    recurring: {
      interval: params.interval,
      interval_count: params.interval_count,
      meter: params.meter,
      trial_period_days: params.trial_period_days,
      usage_type: params.usage_type,
    },
    tiers: params.tiers === undefined ? undefined : tiers.parse(params.tiers, 'tiers'),
    tiers_mode: params.tiers_mode,
    transform_quantity: params.transform_usage,
    unit_amount: params.amount,
    unit_amount_decimal: params.amount_decimal,
  });
  const plan = planOf(ctx, price);
  ctx.emit('plan.created', plan);
  return plan;
}

const tiers = p.arr(
  p.obj({
    flat_amount: p.amount,
    flat_amount_decimal: p.decimal,
    unit_amount: p.amount,
    unit_amount_decimal: p.decimal,
    up_to: p.required(p.either(['inf'], p.int)),
  }),
);

/** An id, or a product to be made with the plan. */
function productOf(ctx: Context, given: Values<typeof createParams>['product']): string {
  if (typeof given === 'string') return ctx.store.need('product', given, 'product').id;
  const fields = newProduct.parse(given ?? {}, 'product');
  const now = ctx.now();
  const product = ctx.add('product', {
    id: fields.id ?? ctx.store.newId('product'),
    object: 'product',
    active: fields.active ?? true,
    created: now,
    default_price: null,
    description: null,
    images: [],
    livemode: false,
    marketing_features: [],
    metadata: mergeMetadata({}, fields.metadata),
    name: fields.name,
    package_dimensions: null,
    shippable: null,
    statement_descriptor: fields.statement_descriptor ?? null,
    tax_code: fields.tax_code ?? null,
    tax_details: null,
    type: 'service',
    unit_label: fields.unit_label ?? null,
    updated: now,
    url: null,
  });
  ctx.emit('product.created', product);
  return product.id;
}
