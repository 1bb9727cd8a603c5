import type Stripe from 'stripe';
import { call } from './errors.ts';

/** Entitlement features, and which products have them. */
export function featureCalls(stripe: Stripe) {
  return {
    /** The feature with this lookup key, or null. */
    featureWithLookupKey: async (key: string): Promise<Stripe.Entitlements.Feature | null> => {
      const page = await call(() =>
        stripe.entitlements.features.list({ lookup_key: key, limit: 1 }),
      );
      return page.data[0] ?? null;
    },

    createFeature: (key: string): Promise<Stripe.Entitlements.Feature> =>
      call(() => stripe.entitlements.features.create({ name: key, lookup_key: key })),

    productFeatures: (productId: string): Promise<Stripe.ProductFeature[]> =>
      call(() =>
        stripe.products.listFeatures(productId, { limit: 100 }).autoPagingToArray({ limit: 500 }),
      ),

    attachFeature: (productId: string, featureId: string): Promise<Stripe.ProductFeature> =>
      call(() => stripe.products.createFeature(productId, { entitlement_feature: featureId })),

    detachFeature: (productId: string, id: string): Promise<Stripe.DeletedProductFeature> =>
      call(() => stripe.products.deleteFeature(productId, id)),
  };
}

export type FeatureCalls = ReturnType<typeof featureCalls>;
