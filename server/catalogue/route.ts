import { z } from 'zod';
import {
  amountIn,
  currenciesOf,
  pricesOf,
  type Catalogue,
  type PlanPrice,
  type PlanPrices,
} from '../../state/catalogue.ts';
import { AGGREGATIONS } from '../../state/aggregation.ts';
import { everyOf } from '../../state/intervals.ts';
import { defineRoute, json } from '../http/define-route.ts';
import { intervalText } from './interval-schema.ts';

const priceSchema = z.object({
  priceId: z.string(),
  /** Minor units; null when it depends on the usage. */
  amount: z.int().nullable(),
  currency: z.string(),
  /** Billed by usage alone. */
  metered: z.boolean().optional(),
});

const offer = z.object({
  interval: intervalText,
  every: z.object({ interval: z.enum(['day', 'week', 'month', 'year']), count: z.int() }),
  priceId: z.string(),
  metered: z.boolean(),
  amounts: z
    .record(z.string(), z.int().nullable())
    .describe('Minor units for one, by currency; null when tiers or usage say it'),
  tiers: z
    .record(
      z.string(),
      z.array(
        z.object({
          upTo: z.int().nullable().describe('null for the last one'),
          unit: z.string().describe('Minor units for one, with a fraction where there is one'),
          flat: z.string().describe('Minor units once the tier is reached'),
        }),
      ),
    )
    .nullable()
    .describe('By currency, where the amount depends on the quantity'),
  tiersMode: z.enum(['graduated', 'volume']).nullable(),
});

const offers = z
  .array(offer)
  .describe('Every interval and currency that it is sold in; `prices` has two of them');

const planSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  features: z.array(z.string()),
  limits: z.record(z.string(), z.int().nullable()),
  prices: z.object({ monthly: priceSchema.nullable(), yearly: priceSchema.nullable() }),
  offers,
  default: z.boolean().describe('Free, and what an account without a subscription has'),
  trialDays: z.int().describe('Of the first subscription; 0 for none'),
  seats: z
    .object({ min: z.int(), max: z.int().nullable() })
    .nullable()
    .describe('How many can be bought; null when the plan is not sold by seats'),
  meters: z
    .array(
      z.object({
        meter: z.string(),
        priceId: z.string(),
        interval: intervalText.nullable(),
        aggregation: z.enum(AGGREGATIONS).describe('What of the records of a period counts'),
      }),
    )
    .describe('Usage that is billed with the plan; interval null is every one'),
});

const addonSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  features: z.array(z.string()),
  limits: z.record(z.string(), z.int().nullable()).describe('What one of it adds'),
  plans: z.array(z.string()).nullable().describe('What it goes with; null is every plan'),
  max: z.int().describe('How many can be bought'),
  offers,
});

const productSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  priceId: z.string(),
  amount: z.int().nullable(),
  currency: z.string(),
  credit: z
    .object({ amount: z.int(), meter: z.string().nullable(), days: z.int().nullable() })
    .nullable()
    .describe('Prepaid for usage of a meter, or of all; minor units'),
});

/** What is sold, smallest plan first. */
export const plansRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/plans',
  auth: 'public',
  summary:
    'The plans with their prices, features and limits, the add-ons, and the one-time products',
  response: z.object({
    plans: z.array(planSchema),
    addons: z.array(addonSchema),
    products: z.array(productSchema),
    currencies: z.array(z.string()).describe('All that something is sold in'),
  }),
  handler: async (_request, { services }) => {
    const plans = services.catalogue.plans.map((plan) => ({
      id: plan.id,
      name: plan.name,
      description: plan.description,
      features: plan.features,
      limits: plan.limits,
      prices: { monthly: shown(plan.prices.monthly), yearly: shown(plan.prices.yearly) },
      offers: offersOf(services.catalogue, plan),
      default: plan.default === true,
      trialDays: plan.default === true ? 0 : services.config.trial.days,
      seats: plan.seats ? { min: plan.seats.min ?? 1, max: plan.seats.max ?? null } : null,
      meters: (plan.meters ?? []).map(({ meter, priceId, interval: only, aggregation }) => ({
        meter,
        priceId,
        interval: only ?? null,
        aggregation: aggregation ?? ('sum' as const),
      })),
    }));
    const offered = services.catalogue.products.filter(({ archived }) => archived !== true);
    const products = offered.map((product) => ({
      id: product.id,
      name: product.name,
      description: product.description,
      priceId: product.priceId,
      amount: product.amount,
      currency: product.currency,
      credit: product.credit ? { meter: null, days: null, ...product.credit } : null,
    }));
    const addons = (services.catalogue.addons ?? []).map((addon) => ({
      id: addon.id,
      name: addon.name,
      description: addon.description,
      features: addon.features,
      limits: addon.limits,
      plans: addon.plans ?? null,
      max: addon.max ?? 1,
      offers: offersOf(services.catalogue, addon),
    }));
    const sold = [...plans, ...addons].flatMap((each) => each.offers);
    const currencies = [...new Set(sold.flatMap(({ amounts }) => Object.keys(amounts)))];
    return json({ plans, addons, products, currencies: currencies.toSorted() });
  },
});

/** What is archived in Stripe is not offered. */
function shown(price: PlanPrice | undefined): z.infer<typeof priceSchema> | null {
  if (price === undefined || price.archived === true) return null;
  const { priceId, amount, currency, metered } = price;
  return { priceId, amount, currency, ...(metered === undefined ? {} : { metered }) };
}

function offersOf(catalogue: Catalogue, seller: { prices: PlanPrices }): z.infer<typeof offers> {
  const sold = pricesOf(seller).filter(({ price }) => price.archived !== true);
  return sold.map(({ interval, price }) => {
    const { tiersMode = null, costs = {} } = catalogue.costs?.get(price.priceId) ?? {};
    const tiers = Object.entries(costs).flatMap(([currency, cost]) =>
      cost.tiers ? [[currency, cost.tiers] as const] : [],
    );
    return {
      interval,
      every: everyOf(interval),
      priceId: price.priceId,
      metered: price.metered === true,
      amounts: Object.fromEntries(
        currenciesOf(price).map((currency) => [currency, amountIn(price, currency)]),
      ),
      tiers: tiers.length > 0 ? Object.fromEntries(tiers) : null,
      tiersMode,
    };
  });
}
