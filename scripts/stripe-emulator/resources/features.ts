import type Stripe from 'stripe';
import { productFeatures } from '../entitlements/service.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest, resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored, pageOf } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

const createParams = paramsOf<Stripe.Entitlements.FeatureCreateParams>()({
  lookup_key: p.required(p.upTo(80)),
  name: p.required(p.upTo(80)),
  metadata: p.metadata,
});
const updateParams = paramsOf<Stripe.Entitlements.FeatureUpdateParams>()({
  active: p.bool,
  metadata: p.metadata,
  name: p.upTo(80),
});
const url = '/v1/entitlements/features';

/** Features, and which products have them: `/v1/entitlements/features`, `/v1/products/:id/features`. */
export function registerFeatures(registry: Registry): void {
  registry.post('/v1/entitlements/features', createParams, (ctx, params) => {
    for (const other of ctx.store.of('entitlements.feature').values()) {
      if (other.lookup_key === params.lookup_key && other.active) {
        throw invalidRequest(
          `A feature with the lookup key '${params.lookup_key}' already exists.`,
          {
            param: 'lookup_key',
            code: 'resource_already_exists',
          },
        );
      }
    }
    return ctx.add('entitlements.feature', {
      id: ctx.store.newId('entitlements.feature'),
      object: 'entitlements.feature',
      active: true,
      livemode: false,
      lookup_key: params.lookup_key,
      metadata: mergeMetadata({}, params.metadata),
      name: params.name,
    });
  });
  registry.get(
    '/v1/entitlements/features',
    { ...PAGE, archived: p.bool, lookup_key: p.str },
    (ctx, params) =>
      listStored(ctx, 'entitlements.feature', {
        url,
        page: params,
        where: (feature) =>
          feature.active !== (params.archived ?? false) &&
          (params.lookup_key === undefined || feature.lookup_key === params.lookup_key),
      }),
  );
  registry.get('/v1/entitlements/features/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('entitlements.feature', id),
  );
  registry.post('/v1/entitlements/features/:id', updateParams, (ctx, params, { id }) => {
    const feature = ctx.store.need('entitlements.feature', id);
    return ctx.update('entitlements.feature', feature, {
      event: null,
      apply() {
        feature.active = params.active ?? feature.active;
        feature.name = params.name ?? feature.name;
        feature.metadata = mergeMetadata(feature.metadata, params.metadata);
      },
    });
  });
  registerProductFeatures(registry);
}

function registerProductFeatures(registry: Registry): void {
  const creation = { entitlement_feature: p.required(p.str) };
  registry.post('/v1/products/:id/features', creation, (ctx, params, { id }) => {
    const product = ctx.store.need('product', id).id;
    const feature = ctx.store.need(
      'entitlements.feature',
      params.entitlement_feature,
      'entitlement_feature',
    );
    const known = productFeatures(ctx, product);
    if (known.some((other) => other.entitlement_feature.id === feature.id)) {
      throw invalidRequest('This feature is already attached to the product.', {
        param: 'entitlement_feature',
      });
    }
    const made = ctx.add('product_feature', {
      id: ctx.store.newId('product_feature'),
      object: 'product_feature',
      entitlement_feature: feature,
      livemode: false,
    });
    remember(ctx, product, [...known, made]);
    return made;
  });
  registry.get('/v1/products/:id/features', PAGE, (ctx, page, { id }) => {
    const product = ctx.store.need('product', id).id;
    return pageOf(productFeatures(ctx, product).toReversed(), {
      url: `/v1/products/${id}/features`,
      page,
    });
  });
  registry.get('/v1/products/:id/features/:feature', {}, (ctx, _params, path) =>
    attached(ctx, path.id, path.feature),
  );
  registry.delete('/v1/products/:id/features/:feature', {}, (ctx, _params, path) => {
    const feature = attached(ctx, path.id, path.feature);
    const rest = productFeatures(ctx, path.id).filter((other) => other.id !== feature.id);
    const tombstone = ctx.store.remove('product_feature', feature.id);
    remember(ctx, path.id, rest);
    return tombstone;
  });
}

function attached(ctx: Context, product: string, id: string): Stripe.ProductFeature {
  const found = productFeatures(ctx, product).find((feature) => feature.id === id);
  if (found === undefined) throw resourceMissing('product_feature', id);
  return found;
}

/** Keeps the list, then brings the entitlements of the product's subscribers up to date. */
function remember(ctx: Context, product: string, features: readonly Stripe.ProductFeature[]): void {
  ctx.note('product_features', product)['ids'] = features.map(({ id }) => id).join(',');
  const customers = new Set<string>();
  for (const price of ctx.store.by('price', 'product', product)) {
    for (const item of ctx.store.by('subscription_item', 'price', price.id)) {
      const customer = idOf(ctx.store.find('subscription', item.subscription)?.customer);
      if (customer !== null) customers.add(customer);
    }
  }
  for (const customer of customers) ctx.services.entitlements.refresh(ctx, customer);
}
