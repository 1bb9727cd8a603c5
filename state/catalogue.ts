/** What is sold: plans with their prices, features and limits. Read from configuration, never changed here. */
import type { SubscriptionFacts } from './types.ts';

export type PlanInterval = 'monthly' | 'yearly';

export interface PlanPrice {
  priceId: string;
  /** Minor units for one seat and one interval; null for tiered and metered prices. */
  amount: number | null;
  currency: string;
  /** Billed by usage alone: it is bought without a quantity. Known once Stripe was asked. */
  metered?: boolean;
}

/** A metered price that comes with a plan. */
export interface PlanMeter {
  /** Name of the meter: Stripe's event name. */
  meter: string;
  priceId: string;
  /** The interval of the plan that it goes with; both when it is not given. */
  interval?: PlanInterval | undefined;
}

export interface Plan {
  id: string;
  name: string;
  description?: string;
  /** A higher rank is a bigger plan. */
  rank: number;
  features: string[];
  /** null means unlimited. */
  limits: Record<string, number | null>;
  prices: { monthly?: PlanPrice; yearly?: PlanPrice };
  meters?: PlanMeter[];
  seats?: { min?: number; max?: number };
}

export interface OneTimeProduct {
  id: string;
  name: string;
  description?: string;
  priceId: string;
  amount: number | null;
  currency: string;
}

export interface Catalogue {
  plans: Plan[];
  products: OneTimeProduct[];
}

export interface PlanOfPrice {
  plan: Plan;
  interval: PlanInterval;
  price: PlanPrice;
}

const INTERVALS: readonly PlanInterval[] = ['monthly', 'yearly'];

/** The plan and interval that a Stripe price id stands for; null when the catalogue has no such price. */
export function planOfPrice(catalogue: Catalogue, priceId: string): PlanOfPrice | null {
  for (const plan of catalogue.plans) {
    for (const interval of INTERVALS) {
      const price = plan.prices[interval];
      if (price?.priceId === priceId) return { plan, interval, price };
    }
  }
  return null;
}

/** The plan of a subscription: that of its first item that the catalogue knows; null when it knows none. */
export function planOfFacts(catalogue: Catalogue, facts: SubscriptionFacts): PlanOfPrice | null {
  for (const item of facts.items) {
    const found = planOfPrice(catalogue, item.priceId);
    if (found) return found;
  }
  return null;
}

/** The plan with this id, or null. */
export function findPlan(catalogue: Catalogue, planId: string): Plan | null {
  return catalogue.plans.find((plan) => plan.id === planId) ?? null;
}

/** The price of a plan (by id) for an interval; null when the plan or that interval is not sold. */
export function priceOf(
  catalogue: Catalogue,
  planId: string,
  interval: PlanInterval,
): PlanPrice | null {
  return findPlan(catalogue, planId)?.prices[interval] ?? null;
}

/** Whether a plan (by id) includes a feature. An unknown plan has none. */
export function hasFeature(catalogue: Catalogue, planId: string | null, feature: string): boolean {
  return planId !== null && (findPlan(catalogue, planId)?.features.includes(feature) ?? false);
}

/** The metered prices that a plan brings along when it is bought for an interval, beside its own. */
export function meterPricesOf(plan: Plan, interval: PlanInterval): string[] {
  return (plan.meters ?? [])
    .filter((meter) => (meter.interval ?? interval) === interval)
    .map(({ priceId }) => priceId)
    .filter((priceId) => priceId !== plan.prices[interval]?.priceId);
}

/** Every meter that some plan bills. */
export function meterNames(catalogue: Catalogue): ReadonlySet<string> {
  return new Set(catalogue.plans.flatMap((plan) => (plan.meters ?? []).map(({ meter }) => meter)));
}
