import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { definedOf, mergeMetadata } from '../kernel/metadata.ts';
import { isInline } from '../billing/prices.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { createPrice, defaultPriceData } from './price-create.ts';

const packageDimensions = p.obj({
  height: p.required(p.number),
  length: p.required(p.number),
  weight: p.required(p.number),
  width: p.required(p.number),
});
const features = p.arr(p.obj({ name: p.required(p.upTo(80)) }));

const taxDetails = p.obj({ performance_location: p.harmless, tax_code: p.clearable(p.str) });

const createParams = paramsOf<Stripe.ProductCreateParams>()({
  name: p.required(p.str),
  active: p.bool,
  default_price_data: defaultPriceData,
  description: p.upTo(40_000),
  id: p.str,
  images: p.arr(p.str),
  marketing_features: features,
  metadata: p.metadata,
  package_dimensions: packageDimensions,
  shippable: p.bool,
  statement_descriptor: p.upTo(22),
  tax_code: p.str,
  tax_details: taxDetails,
  unit_label: p.str,
  url: p.str,
  type: p.oneOf(['good', 'service']),
});
const updateParams = paramsOf<Stripe.ProductUpdateParams>()({
  name: p.str,
  active: p.bool,
  default_price: p.str,
  description: p.clearable(p.upTo(40_000)),
  images: p.clearable(p.arr(p.str)),
  marketing_features: p.clearable(features),
  metadata: p.metadata,
  package_dimensions: p.clearable(packageDimensions),
  shippable: p.bool,
  statement_descriptor: p.upTo(22),
  tax_code: p.clearable(p.str),
  tax_details: taxDetails,
  unit_label: p.clearable(p.str),
  url: p.clearable(p.str),
});
const listParams = {
  ...PAGE,
  active: p.bool,
  created: p.timeRange,
  ids: p.arr(p.str),
  shippable: p.bool,
  url: p.str,
  type: p.str,
};

/** `/v1/products` */
export function registerProducts(registry: Registry): void {
  registry.post('/v1/products', createParams, create);
  registry.get('/v1/products', listParams, (ctx, params) => {
    refuseCursor(params);
    return listStored(ctx, 'product', {
      url: '/v1/products',
      page: params,
      where: (product) =>
        !isInline(ctx, product.id) &&
        (params.active === undefined || product.active === params.active) &&
        (params.ids === undefined || params.ids.includes(product.id)) &&
        (params.shippable === undefined || product.shippable === params.shippable) &&
        (params.url === undefined || product.url === params.url) &&
        (params.type === undefined || product.type === params.type),
    });
  });
  registry.get('/v1/products/:id', {}, (ctx, _params, path) => ctx.store.need('product', path.id));
  registry.post('/v1/products/:id', updateParams, (ctx, params, path) =>
    update(ctx, params, ctx.store.need('product', path.id)),
  );
  registry.delete('/v1/products/:id', {}, remove);
}

/** A list of named products has no pages. */
function refuseCursor(params: Values<typeof listParams>): void {
  const cursor = (['starting_after', 'ending_before'] as const).find(
    (name) => params[name] !== undefined,
  );
  if (params.ids === undefined || cursor === undefined) return;
  throw invalidRequest(`You may only specify one of these parameters: ids, ${cursor}.`, {
    param: 'ids',
  });
}

function create(ctx: Context, params: Values<typeof createParams>): Stripe.Product {
  if (params.id !== undefined && ctx.store.find('product', params.id) !== undefined) {
    throw invalidRequest('Product already exists.', {
      code: 'resource_already_exists',
      param: 'id',
    });
  }
  const now = ctx.now();
  const product = ctx.add('product', {
    id: params.id ?? ctx.store.newId('product'),
    object: 'product',
    active: params.active ?? true,
    created: now,
    default_price: null,
    description: params.description ?? null,
    images: params.images ?? [],
    livemode: false,
    marketing_features: params.marketing_features ?? [],
    metadata: mergeMetadata({}, params.metadata),
    name: params.name,
    package_dimensions: params.package_dimensions ?? null,
    shippable: params.shippable ?? null,
    statement_descriptor: params.statement_descriptor ?? null,
    tax_code: params.tax_code ?? null,
    tax_details: null,
    type: params.type ?? 'service',
    unit_label: params.unit_label ?? null,
    updated: now,
    url: params.url ?? null,
  });
  ctx.emit('product.created', product);
  if (params.default_price_data !== undefined) {
    product.default_price = createPrice(ctx, {
      ...params.default_price_data,
      product: product.id,
    }).id;
  }
  return product;
}

function update(
  ctx: Context,
  params: Values<typeof updateParams>,
  product: Stripe.Product,
): Stripe.Product {
  if (params.default_price !== undefined) refuseForeignPrice(ctx, params.default_price, product);
  const apply = () => {
    const { metadata, marketing_features, images, package_dimensions, tax_details, ...rest } =
      params;
    Object.assign(product, definedOf(rest));
    if (images !== undefined) product.images = images ?? [];
    if (marketing_features !== undefined) product.marketing_features = marketing_features ?? [];
    if (package_dimensions !== undefined) product.package_dimensions = package_dimensions;
    if (tax_details?.tax_code !== undefined) product.tax_code = tax_details.tax_code;
    product.metadata = mergeMetadata(product.metadata, metadata);
    product.updated = ctx.now();
  };
  return ctx.update('product', product, { event: 'product.updated', apply });
}

function refuseForeignPrice(ctx: Context, id: string, product: Stripe.Product): void {
  const price = ctx.store.need('price', id, 'default_price');
  if (idOf(price.product) === product.id) return;
  throw invalidRequest(`The price \`${id}\` does not belong to this product.`, {
    param: 'default_price',
  });
}

function remove(ctx: Context, _params: object, path: { id: string }): object {
  const product = ctx.store.need('product', path.id);
  if (ctx.store.by('price', 'product', product.id).length > 0) {
    throw invalidRequest(
      'This product cannot be deleted because it has one or more user-created prices.',
    );
  }
  product.active = false;
  ctx.emit('product.deleted', product);
  return ctx.store.remove('product', product.id);
}
