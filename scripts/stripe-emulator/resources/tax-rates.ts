import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { TAX_TYPES } from '../kernel/word-sets.ts';

const shared = {
  active: p.bool,
  country: p.str,
  description: p.str,
  jurisdiction: p.str,
  metadata: p.metadata,
  state: p.str,
  tax_type: p.oneOf(TAX_TYPES),
};
const createParams = paramsOf<Stripe.TaxRateCreateParams>()({
  ...shared,
  display_name: p.required(p.str),
  inclusive: p.required(p.bool),
  percentage: p.required(p.number),
});
const updateParams = paramsOf<Stripe.TaxRateUpdateParams>()({ ...shared, display_name: p.str });
const listParams = { ...PAGE, active: p.bool, created: p.timeRange, inclusive: p.bool };

/** Manual tax rates: `/v1/tax_rates`. */
export function registerTaxRates(registry: Registry): void {
  registry.post('/v1/tax_rates', createParams, createTaxRate);
  registry.get('/v1/tax_rates', listParams, (ctx, params) =>
    listStored(ctx, 'tax_rate', {
      url: '/v1/tax_rates',
      page: params,
      where: (rate) =>
        (params.active === undefined || rate.active === params.active) &&
        (params.inclusive === undefined || rate.inclusive === params.inclusive),
    }),
  );
  registry.get('/v1/tax_rates/:id', {}, (ctx, _params, { id }) => ctx.store.need('tax_rate', id));
  registry.post('/v1/tax_rates/:id', updateParams, (ctx, params, { id }) => {
    const rate = ctx.store.need('tax_rate', id);
    return ctx.update('tax_rate', rate, {
      event: 'tax_rate.updated',
      apply() {
        rate.active = params.active ?? rate.active;
        rate.country = params.country ?? rate.country;
        rate.description = params.description ?? rate.description;
        rate.display_name = params.display_name ?? rate.display_name;
        rate.jurisdiction = params.jurisdiction ?? rate.jurisdiction;
        rate.state = params.state ?? rate.state;
        rate.tax_type = params.tax_type ?? rate.tax_type;
        rate.metadata = mergeMetadata(rate.metadata ?? {}, params.metadata);
      },
    });
  });
}

function createTaxRate(ctx: Context, params: Values<typeof createParams>): Stripe.TaxRate {
  if (params.percentage < 0 || params.percentage > 100) {
    throw invalidRequest('Invalid percentage: must be between 0 and 100.', { param: 'percentage' });
  }
  const rate = ctx.add('tax_rate', {
    id: ctx.store.newId('tax_rate'),
    object: 'tax_rate',
    active: params.active ?? true,
    country: params.country ?? null,
    created: ctx.now(),
    description: params.description ?? null,
    display_name: params.display_name,
    effective_percentage: params.percentage,
    flat_amount: null,
    inclusive: params.inclusive,
    jurisdiction: params.jurisdiction ?? null,
    jurisdiction_level: null,
    livemode: false,
    metadata: mergeMetadata({}, params.metadata),
    percentage: params.percentage,
    rate_type: 'percentage',
    state: params.state ?? null,
    tax_type: params.tax_type ?? null,
  });
  ctx.emit('tax_rate.created', rate);
  return rate;
}
