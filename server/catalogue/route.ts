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

const planSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  features: z.array(z.string()),
  limits: z.record(z.string(), z.int().nullable()),
  prices: z.object({ monthly: price, yearly: price }),
});

/** What is sold, smallest plan first. */
export const plansRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/plans',
  auth: 'public',
  summary: 'The plans with their prices, features and limits',
  response: z.object({ plans: z.array(planSchema) }),
  handler: async (_request, { services }) => {
    const plans = services.catalogue.plans.map((plan) => ({
      id: plan.id,
      name: plan.name,
      description: plan.description,
      features: plan.features,
      limits: plan.limits,
      prices: { monthly: shown(plan.prices.monthly), yearly: shown(plan.prices.yearly) },
    }));
    return json({ plans });
  },
});

function shown(price: PlanPrice | undefined): PlanPrice | null {
  return price ?? null;
}
