import type Stripe from 'stripe';
import { call } from './errors.ts';

export interface AccountProbe {
  accountId: string;
  /** Stripe's clock in ms, from the `Date` header (whole seconds); null when it sent none. */
  serverTime: number | null;
}

export interface EndpointChange {
  events: readonly Stripe.WebhookEndpointUpdateParams.EnabledEvent[];
  disabled: boolean;
}

/** What an account must hold before it can sell: products, prices, meters, portal, webhook endpoint. */
export function accountSetupCalls(stripe: Stripe) {
  return {
    /** Whose key this is, and what time it is at Stripe. */
    probeAccount: async (): Promise<AccountProbe> => {
      const account = await call(() => stripe.accounts.retrieveCurrent());
      const date = Date.parse(account.lastResponse.headers['date'] ?? '');
      return { accountId: account.id, serverTime: Number.isNaN(date) ? null : date };
    },

    /** With its product, its tiers and its currencies, and with the tiers of those. */
    retrieveFullPrice: async (id: string): Promise<Stripe.Price> => {
      const expand = ['product', 'tiers', 'currency_options'];
      const price = await call(() => stripe.prices.retrieve(id, { expand }));
      const bare = Object.entries(price.currency_options ?? {}).filter(
        ([, { tiers }]) => price.billing_scheme === 'tiered' && tiers === undefined,
      );
      if (bare.length === 0) return price;
      const more = bare.map(([currency]) => `currency_options.${currency}.tiers`);
      return call(() => stripe.prices.retrieve(id, { expand: [...expand, ...more] }));
    },

    /** The price that holds a lookup key, with its product and its tiers; null when none does. */
    priceWithLookupKey: async (key: string): Promise<Stripe.Price | null> => {
      const page = await call(() =>
        stripe.prices.list({
          lookup_keys: [key],
          limit: 1,
          expand: ['data.product', 'data.tiers', 'data.currency_options'],
        }),
      );
      return page.data[0] ?? null;
    },

    createCataloguePrice: (params: Stripe.PriceCreateParams): Promise<Stripe.Price> =>
      call(() => stripe.prices.create(params)),

    /** An archived price stays with its subscriptions, and is not sold any more. */
    setPriceActive: (id: string, active: boolean): Promise<Stripe.Price> =>
      call(() => stripe.prices.update(id, { active })),

    retrieveProduct: (id: string): Promise<Stripe.Product> =>
      call(() => stripe.products.retrieve(id)),

    createProductWithId: (params: Stripe.ProductCreateParams): Promise<Stripe.Product> =>
      call(() => stripe.products.create(params)),

    updateProduct: (id: string, params: Stripe.ProductUpdateParams): Promise<Stripe.Product> =>
      call(() => stripe.products.update(id, params)),

    listMeters: (): Promise<Stripe.Billing.Meter[]> =>
      call(() => stripe.billing.meters.list({ limit: 100 }).autoPagingToArray({ limit: 1000 })),

    createMeter: (params: Stripe.Billing.MeterCreateParams): Promise<Stripe.Billing.Meter> =>
      call(() => stripe.billing.meters.create(params)),

    reactivateMeter: (id: string): Promise<Stripe.Billing.Meter> =>
      call(() => stripe.billing.meters.reactivate(id)),

    listPortalConfigurations: (): Promise<Stripe.BillingPortal.Configuration[]> =>
      call(() =>
        stripe.billingPortal.configurations.list({ limit: 100 }).autoPagingToArray({ limit: 500 }),
      ),

    createPortalConfiguration: (
      params: Stripe.BillingPortal.ConfigurationCreateParams,
    ): Promise<Stripe.BillingPortal.Configuration> =>
      call(() => stripe.billingPortal.configurations.create(params)),

    updatePortalConfiguration: (
      id: string,
      params: Stripe.BillingPortal.ConfigurationUpdateParams,
    ): Promise<Stripe.BillingPortal.Configuration> =>
      call(() => stripe.billingPortal.configurations.update(id, params)),

    updateWebhookEndpoint: (id: string, change: EndpointChange): Promise<Stripe.WebhookEndpoint> =>
      call(() =>
        stripe.webhookEndpoints.update(id, {
          enabled_events: [...change.events],
          disabled: change.disabled,
        }),
      ),

    /** The newest events of a time (seconds) that not every endpoint has acknowledged; at most 100. */
    undeliveredEvents: async (created: {
      from: number;
      until: number;
    }): Promise<Stripe.Event[]> => {
      const page = await call(() =>
        stripe.events.list({
          delivery_success: false,
          created: { gte: created.from, lte: created.until },
          limit: 100,
        }),
      );
      return page.data;
    },
  };
}

export type AccountSetupCalls = ReturnType<typeof accountSetupCalls>;
