import type Stripe from 'stripe';
import type { EntitlementService } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { nestedList } from '../kernel/lists.ts';

type Active = Stripe.Entitlements.ActiveEntitlement;

const GRANTING = new Set(['active', 'trialing', 'past_due']);
const NOTE = 'entitlements';

/** The features of a product, oldest first. */
export function productFeatures(ctx: Context, product: string): Stripe.ProductFeature[] {
  const ids = String(ctx.store.find('_note', `product_features:${product}`)?.data['ids'] ?? '');
  return ids === ''
    ? []
    : ids.split(',').flatMap((id) => ctx.store.find('product_feature', id) ?? []);
}

/** What a customer is entitled to now, newest first. */
export function activeEntitlements(ctx: Context, customer: string): Active[] {
  return idsOf(ctx, customer)
    .flatMap((id) => ctx.store.find('entitlements.active_entitlement', id) ?? [])
    .toReversed();
}

function idsOf(ctx: Context, customer: string): string[] {
  const ids = String(ctx.store.find('_note', `${NOTE}:${customer}`)?.data['ids'] ?? '');
  return ids === '' ? [] : ids.split(',');
}

function wantedFeatures(ctx: Context, customer: string): Map<string, Stripe.Entitlements.Feature> {
  const features = new Map<string, Stripe.Entitlements.Feature>();
  for (const subscription of ctx.store.by('subscription', 'customer', customer)) {
    if (!GRANTING.has(subscription.status)) continue;
    for (const item of subscription.items.data) {
      for (const { entitlement_feature: feature } of productFeatures(
        ctx,
        idOf(item.price.product),
      )) {
        if (feature.active) features.set(feature.id, feature);
      }
    }
  }
  return features;
}

/** Entitlements as the subscription engine tells of changes. */
export const entitlementService: EntitlementService = {
  refresh(ctx, customer) {
    if (ctx.store.of('product_feature').size === 0 && idsOf(ctx, customer).length === 0) return;
    const wanted = wantedFeatures(ctx, customer);
    const current = activeEntitlements(ctx, customer);
    const kept = current.filter((entitlement) => wanted.has(idOf(entitlement.feature)));
    const held = new Set(kept.map((entitlement) => idOf(entitlement.feature)));
    const gained = [...wanted.values()].filter((feature) => !held.has(feature.id));
    if (gained.length === 0 && kept.length === current.length) return;
    for (const entitlement of current) {
      if (!kept.includes(entitlement))
        ctx.store.remove('entitlements.active_entitlement', entitlement.id);
    }
    const added = gained.map((feature) => grant(ctx, feature));
    const all = [...kept.toReversed(), ...added];
    ctx.note(NOTE, customer)['ids'] = all.map(({ id }) => id).join(',');
    ctx.emit('entitlements.active_entitlement_summary.updated', {
      object: 'entitlements.active_entitlement_summary',
      customer,
      entitlements: nestedList(
        all.slice(0, 10),
        `/v1/customer/${customer}/entitlements`,
        all.length > 10,
      ),
      livemode: false,
    });
  },
};

function grant(ctx: Context, feature: Stripe.Entitlements.Feature): Active {
  return ctx.add('entitlements.active_entitlement', {
    id: ctx.store.newId('entitlements.active_entitlement'),
    object: 'entitlements.active_entitlement',
    feature: feature.id,
    livemode: false,
    lookup_key: feature.lookup_key,
  });
}
