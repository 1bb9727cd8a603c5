/** What is sold: plans with their prices, features and limits. Read from configuration, never changed here. */
import type { GrantTerms } from './grant-terms.ts';
import type { ItemFacts, SubscriptionFacts } from './types.ts';

export type PlanInterval = 'monthly' | 'yearly';

export interface PlanPrice {
  priceId: string;
  /** Minor units for one seat and one interval; null for tiered and metered prices. */
  amount: number | null;
  currency: string;
  /** Billed by usage alone: it is bought without a quantity. Known once Stripe was asked. */
  metered?: boolean;
  /** Archived in Stripe: it is not offered, and who pays it keeps it. Known once Stripe was asked. */
  archived?: boolean;
}

/** A metered price that comes with a plan. */
export interface PlanMeter {
  /** Name of the meter: Stripe's event name. */
  meter: string;
  priceId: string;
  /** The interval of the plan that it goes with; both when it is not given. */
  interval?: PlanInterval | undefined;
  /** Who may report it: the host's code alone (default), or the paying user over HTTP as well. */
  reportedBy?: 'host' | 'user' | undefined;
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
  /** Prices that it was sold at before: who pays one has the plan; it is not sold any more. */
  formerPrices?: string[];
  /** Stripe's products of its prices: any other price of these is a custom price of the plan. Known once Stripe was asked. */
  productIds?: string[];
  meters?: PlanMeter[];
  seats?: { min?: number; max?: number };
  /** Free, and everyone's: what an account without a subscription has. */
  default?: boolean;
}

export interface OneTimeProduct {
  id: string;
  name: string;
  description?: string;
  priceId: string;
  amount: number | null;
  currency: string;
  /** Archived in Stripe: it is not offered. */
  archived?: boolean;
  /** An account can have it once: bought again it is refused. */
  once?: boolean;
  /** What the account gets with it. */
  grants?: Partial<GrantTerms> & {
    /** For so many days; for ever without. */
    days?: number;
  };
}

/** A version of what a plan gave. */
export interface PlanTerms {
  plan: string;
  /** From 1, by plan. */
  version: number;
  name: string;
  rank: number;
  features: string[];
  /** null is unlimited. */
  limits: Record<string, number | null>;
  /** Every price that the plan had by then. */
  prices: string[];
}

export interface Catalogue {
  plans: Plan[];
  products: OneTimeProduct[];
  /** What each plan gave, oldest version first. Known once the database was asked. */
  terms?: ReadonlyMap<string, readonly PlanTerms[]>;
  /** Plans that were sold and are in the catalogue no more: who has one keeps it. */
  retired?: readonly Plan[];
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

/** The plan that an item is for: by its price, by a former price, or by the product; null when it is for none. */
export function planOf(
  catalogue: Catalogue,
  { priceId, productId }: Pick<ItemFacts, 'priceId' | 'productId'>,
): Plan | null {
  const listed = planOfPrice(catalogue, priceId);
  if (listed) return listed.plan;
  return (
    catalogue.plans.find(({ formerPrices }) => formerPrices?.includes(priceId)) ??
    planSoldAt(catalogue, priceId) ??
    catalogue.plans.find(
      ({ productIds }) => productId !== null && productIds?.includes(productId),
    ) ??
    null
  );
}

/** The plan that had a price at some time, whatever the catalogue says of it now. */
function planSoldAt(catalogue: Catalogue, priceId: string): Plan | null {
  for (const [planId, versions] of catalogue.terms ?? []) {
    if (versions.at(-1)?.prices.includes(priceId)) return findPlan(catalogue, planId);
  }
  return null;
}

/** The same with the interval and the price that is paid. */
export function planOfItem(catalogue: Catalogue, item: ItemFacts): PlanOfPrice | null {
  const listed = planOfPrice(catalogue, item.priceId);
  if (listed) return listed;
  const plan = planOf(catalogue, item);
  if (!plan) return null;
  const { priceId, unitAmount: amount, currency, metered } = item;
  const interval = item.interval === 'year' ? 'yearly' : 'monthly';
  return { plan, interval, price: { priceId, amount, currency, metered } };
}

/** The plan of a subscription, the best one among its items; null when the catalogue knows none of them. */
export function planOfFacts(catalogue: Catalogue, facts: SubscriptionFacts): PlanOfPrice | null {
  let best: PlanOfPrice | null = null;
  for (const item of facts.items) {
    const found = planOfItem(catalogue, item);
    if (found && found.plan.rank > (best?.plan.rank ?? -Infinity)) best = found;
  }
  return best;
}

/** The plan with this id, sold or retired, or null. */
export function findPlan(catalogue: Catalogue, planId: string): Plan | null {
  const isIt = ({ id }: Plan) => id === planId;
  return catalogue.plans.find(isIt) ?? catalogue.retired?.find(isIt) ?? null;
}

/** The price of a plan (by id) for an interval; null when the plan or that interval is not sold. */
export function priceOf(
  catalogue: Catalogue,
  planId: string,
  interval: PlanInterval,
): PlanPrice | null {
  return findPlan(catalogue, planId)?.prices[interval] ?? null;
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

/** Meters that the paying user may report over HTTP. */
export function metersReportedByUser(catalogue: Catalogue): ReadonlySet<string> {
  const meters = catalogue.plans.flatMap((plan) => plan.meters ?? []);
  return new Set(
    meters.filter(({ reportedBy }) => reportedBy === 'user').map(({ meter }) => meter),
  );
}

/** The meters that each metered price bills. */
export function metersByPrice(catalogue: Catalogue): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const { priceId, meter } of catalogue.plans.flatMap((plan) => plan.meters ?? [])) {
    found.set(priceId, (found.get(priceId) ?? new Set()).add(meter));
  }
  return found;
}
