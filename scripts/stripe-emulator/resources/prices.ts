import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { isInline } from '../billing/prices.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import {
  claimLookupKey,
  createPrice,
  currencyOptions,
  priceFields,
  setCurrencyOptions,
} from './price-create.ts';

const productData = p.obj({
  active: p.bool,
  id: p.str,
  metadata: p.metadata,
  name: p.required(p.str),
  statement_descriptor: p.upTo(22),
  tax_code: p.str,
  tax_details: p.harmless,
  unit_label: p.str,
});
const createParams = paramsOf<Stripe.PriceCreateParams>()({
  ...priceFields,
  product: p.str,
  product_data: productData,
});
const updateParams = paramsOf<Stripe.PriceUpdateParams>()({
  active: p.bool,
  currency_options: p.clearable(currencyOptions),
  lookup_key: p.clearable(p.upTo(200)),
  metadata: p.metadata,
  nickname: p.clearable(p.str),
  tax_behavior: p.oneOf(['inclusive', 'exclusive', 'unspecified']),
  transfer_lookup_key: p.bool,
});
const listParams = {
  ...PAGE,
  active: p.bool,
  created: p.timeRange,
  currency: p.currency,
  lookup_keys: p.arr(p.str),
  product: p.str,
  recurring: p.obj({
    interval: p.oneOf(['month', 'year', 'week', 'day']),
    meter: p.str,
    usage_type: p.oneOf(['metered', 'licensed']),
  }),
  type: p.oneOf(['one_time', 'recurring']),
};

/** `/v1/prices` */
export function registerPrices(registry: Registry): void {
  registry.post('/v1/prices', createParams, create);
  registry.get('/v1/prices', listParams, list);
  registry.get('/v1/prices/:id', {}, (ctx, _params, path) => ctx.store.need('price', path.id));
  registry.post('/v1/prices/:id', updateParams, (ctx, params, path) =>
    update(ctx, params, ctx.store.need('price', path.id)),
  );
  registry.includable(
    'price',
    'tiers',
    (ctx, id) => ctx.account.priceDetails.get(id)?.tiers ?? null,
  );
  registry.includable(
    'plan',
    'tiers',
    (ctx, id) => ctx.account.priceDetails.get(id)?.tiers ?? null,
  );
  registry.includable('price', 'currency_options', (ctx, id) =>
    currencyOptionsOf(ctx, ctx.store.need('price', id)),
  );
}

function create(ctx: Context, params: Values<typeof createParams>): Stripe.Price {
  const { product, product_data, expand: _expand, ...fields } = { expand: null, ...params };
  if (product !== undefined) {
    if (product_data !== undefined)
      throw invalidRequest('You may only specify one of these parameters: product, product_data.', {
        param: 'product',
        code: 'parameters_exclusive',
      });
    if (ctx.store.find('product', product) === undefined)
      throw invalidRequest(`No such product: '${product}'`, {
        code: 'resource_missing',
        param: 'product',
      });
    return createPrice(ctx, { ...fields, product });
  }
  if (product_data === undefined)
    throw invalidRequest(
      'You must specify either `product` or `product_data` when creating a price.',
    );
  return createPrice(ctx, { ...fields, product: productFor(ctx, product_data) });
}

interface ProductData {
  name: string;
  id?: string;
  active?: boolean;
  metadata?: Record<string, string | null> | null;
  unit_label?: string;
  tax_code?: string;
  description?: string;
}

/** The product that `product_data` describes. */
export function productFor(ctx: Context, data: ProductData): string {
  const product = newProduct(ctx, data);
  ctx.emit('product.created', product);
  return product.id;
}

/** Stores a product of a few fields, and tells nobody. */
export function newProduct(ctx: Context, data: ProductData): Stripe.Product {
  const now = ctx.now();
  return ctx.add('product', {
    id: data.id ?? ctx.store.newId('product'),
    object: 'product',
    active: data.active ?? true,
    created: now,
    default_price: null,
    description: data.description ?? null,
    images: [],
    livemode: false,
    marketing_features: [],
    metadata: mergeMetadata({}, data.metadata),
    name: data.name,
    package_dimensions: null,
    shippable: null,
    statement_descriptor: null,
    tax_code: data.tax_code ?? null,
    tax_details: null,
    type: 'service',
    unit_label: data.unit_label ?? null,
    updated: now,
    url: null,
  });
}

function list(ctx: Context, params: Values<typeof listParams>): Stripe.ApiList<Stripe.Price> {
  const { recurring, lookup_keys: keys } = params;
  return listStored(ctx, 'price', {
    url: '/v1/prices',
    page: params,
    where: (price) =>
      !isInline(ctx, price.id) &&
      (params.active === undefined || price.active === params.active) &&
      (params.currency === undefined || price.currency === params.currency) &&
      (params.product === undefined || idOf(price.product) === params.product) &&
      (params.type === undefined || price.type === params.type) &&
      (keys === undefined || (price.lookup_key !== null && keys.includes(price.lookup_key))) &&
      (recurring?.interval === undefined || price.recurring?.interval === recurring.interval) &&
      (recurring?.meter === undefined || price.recurring?.meter === recurring.meter) &&
      (recurring?.usage_type === undefined || price.recurring?.usage_type === recurring.usage_type),
  });
}

function update(
  ctx: Context,
  params: Values<typeof updateParams>,
  price: Stripe.Price,
): Stripe.Price {
  if (
    params.lookup_key !== undefined &&
    params.lookup_key !== null &&
    params.lookup_key !== price.lookup_key
  ) {
    claimLookupKey(ctx, params.lookup_key, params.transfer_lookup_key === true);
  }
  const apply = () => {
    price.active = params.active ?? price.active;
    if (params.lookup_key !== undefined) price.lookup_key = params.lookup_key;
    if (params.nickname !== undefined) price.nickname = params.nickname;
    price.tax_behavior = params.tax_behavior ?? price.tax_behavior;
    price.metadata = mergeMetadata(price.metadata, params.metadata);
    setCurrencyOptions(ctx, price, params.currency_options ?? {});
  };
  return ctx.update('price', price, { event: 'price.updated', apply });
}

/** The price's own currency is among its options. */
function currencyOptionsOf(
  ctx: Context,
  price: Stripe.Price,
): Record<string, Stripe.Price.CurrencyOptions> {
  const details = ctx.account.priceDetails.get(price.id);
  const own = {
    custom_unit_amount: price.custom_unit_amount,
    tax_behavior: price.tax_behavior,
    unit_amount: price.unit_amount,
    unit_amount_decimal: price.unit_amount_decimal,
  };
  const tiers = details?.tiers ?? null;
  return {
    ...details?.currencyOptions,
    [price.currency]: tiers === null ? own : { ...own, tiers },
  };
}
