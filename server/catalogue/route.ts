import { z } from 'zod';
import type { PlanPrice } from '../../state/catalogue.ts';
import { defineRoute, json } from '../http/define-route.ts';

const price = z
  .object({
    priceId: z.string(),
    /** Minor units; null when it depends on the usage. */
    amount: z.int().nullable(),
    currency: z.string(),
    /** Billed by usage alone. */
    metered: z.boolean().optional(),
  })
  .nullable();

const interval = z.enum(['monthly', 'yearly']);

const planSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  features: z.array(z.string()),
  limits: z.record(z.string(), z.int().nullable()),
  prices: z.object({ monthly: price, yearly: price }),
  default: z.boolean().describe('Free, and what an account without a subscription has'),
  trialDays: z.int().describe('Of the first subscription; 0 for none'),
  seats: z
    .object({ min: z.int(), max: z.int().nullable() })
    .nullable()
    .describe('How many can be bought; null when the plan is not sold by seats'),
  meters: z
    .array(z.object({ meter: z.string(), priceId: z.string(), interval: interval.nullable() }))
    .describe('Usage that is billed with the plan; interval null is every one'),
});

const productSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  priceId: z.string(),
  amount: z.int().nullable(),
  currency: z.string(),
});

/** What is sold, smallest plan first. */
export const plansRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/plans',
  auth: 'public',
  summary: 'The plans with their prices, features and limits, and the one-time products',
  response: z.object({ plans: z.array(planSchema), products: z.array(productSchema) }),
  handler: async (_request, { services }) => {
    const plans = services.catalogue.plans.map((plan) => ({
      id: plan.id,
      name: plan.name,
      description: plan.description,
      features: plan.features,
      limits: plan.limits,
      prices: { monthly: shown(plan.prices.monthly), yearly: shown(plan.prices.yearly) },
      default: plan.default === true,
      trialDays: plan.default === true ? 0 : services.config.trial.days,
      seats: plan.seats ? { min: plan.seats.min ?? 1, max: plan.seats.max ?? null } : null,
      meters: (plan.meters ?? []).map(({ meter, priceId, interval: only }) => ({
        meter,
        priceId,
        interval: only ?? null,
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
    }));
    return json({ plans, products });
  },
});

/** What is archived in Stripe is not offered. */
function shown(price: PlanPrice | undefined): PlanPrice | null {
  return price === undefined || price.archived === true ? null : price;
}
