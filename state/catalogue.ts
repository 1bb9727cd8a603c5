/** What is sold: plans with their prices, features and limits. Read from configuration, never changed here. */
import type { Aggregation } from './aggregation.ts';
import type { GrantTerms } from './grant-terms.ts';
import { intervalName, type PlanInterval } from './intervals.ts';
import { chargeFor, unitAmountIn, type PriceCosts } from './price-costs.ts';
import type { ItemFacts, SubscriptionFacts } from './types.ts';

export type { PlanInterval } from './intervals.ts';

export interface PlanPrice {
  priceId: string;
  /** Minor units for one seat and one interval; null for tiered and metered prices. */
  amount: number | null;
  currency: string;
  /** Other currencies that the same price is sold in, with the amounts. Known once Stripe was asked. */
  currencies?: Record<string, number | null>;
  /** Prices of their own for the same in other currencies. */
  others?: PlanPrice[];
  /** Billed by usage alone: it is bought without a quantity. Known once Stripe was asked. */
  metered?: boolean;
  /** Archived in Stripe: it is not offered, and who pays it keeps it. Known once Stripe was asked. */
  archived?: boolean;
}

/** By interval: the price, or the first of several in different currencies. */
export type PlanPrices = Partial<Record<PlanInterval, PlanPrice>>;

/** A metered price that comes with a plan. */
export interface PlanMeter {
  /** Name of the meter: Stripe's event name. */
  meter: string;
  priceId: string;
  /** The interval of the plan that it goes with; every one when it is not given. */
  interval?: PlanInterval | undefined;
  /** What it is sold in; unknown until Stripe was asked. */
  currencies?: string[];
  /** Who may report it: the host's code alone (default), or the paying user over HTTP as well. */
  reportedBy?: 'host' | 'user' | undefined;
  /** What of the records counts; their sum when it is not given. The same for all plans with this meter. */
  aggregation?: Aggregation | undefined;
  /** Numbers of a period that are told when they are reached. */
  alerts?: number[] | undefined;
  /** Beyond it the gate refuses, until the next period. */
  cap?: number | undefined;
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
  prices: PlanPrices;
  /** Prices that it was sold at before: who pays one has the plan; it is not sold any more. */
  formerPrices?: string[];
  /** Stripe's products of its prices: any other price of these is a custom price of the plan. Known once Stripe was asked. */
  productIds?: string[];
  meters?: PlanMeter[];
  /** The caps of its meters, by metered price (null for none); absent where none has one. */
  caps?: Record<string, number | null>;
  seats?: { min?: number; max?: number };
  /** Free, and everyone's: what an account without a subscription has. */
  default?: boolean;
}

/** What is bought beside a plan, as a further item of the same subscription. */
export interface Addon {
  id: string;
  name: string;
  description?: string;
  features: string[];
  /** What one of it adds to the limits of the plan; null makes one unlimited. */
  limits: Record<string, number | null>;
  prices: PlanPrices;
  /** Plans that it goes with; every one when it is not given. */
  plans?: string[];
  /** How many can be bought; one when it is not given. */
  max?: number;
  /** Prices that it was sold at before. */
  formerPrices?: string[];
  /** Stripe's products of its prices. Known once Stripe was asked. */
  productIds?: string[];
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
  /** Prepaid for usage, each one: used before usage is charged. */
  credit?: {
    /** Minor units of the currency that it is paid in. */
    amount: number;
    /** Of this meter alone. */
    meter?: string;
    /** For so many days; for ever without. */
    days?: number;
  };
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
  /** Of its meters by price; absent where no meter had one. */
  caps?: Record<string, number | null>;
  /** Every price that the plan had by then. */
  prices: string[];
}

export interface Catalogue {
  plans: Plan[];
  products: OneTimeProduct[];
  addons?: Addon[];
  /** What prices cost, by id, as far as Stripe was asked. */
  costs?: Map<string, PriceCosts>;
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

/** Every price of a plan or an add-on, those in other currencies too. */
export function pricesOf({
  prices,
}: {
  prices: PlanPrices;
}): { interval: PlanInterval; price: PlanPrice }[] {
  return Object.entries(prices).flatMap(([name, main]) =>
    main === undefined
      ? []
      : [main, ...(main.others ?? [])].map((price) => ({ interval: name as PlanInterval, price })),
  );
}

/** The currencies that a price is sold in; none until Stripe was asked. */
export function currenciesOf({ currency, currencies = {} }: PlanPrice): string[] {
  return currency === '' ? [] : [currency, ...Object.keys(currencies)];
}

/** What one costs in a currency; null for tiers, and in a currency that it is not sold in. */
export function amountIn(price: PlanPrice, currency: string): number | null {
  return price.currency === currency ? price.amount : (price.currencies?.[currency] ?? null);
}

/** The plan and interval that a Stripe price id stands for; null when the catalogue has no such price. */
export function planOfPrice(catalogue: Catalogue, priceId: string): PlanOfPrice | null {
  for (const plan of catalogue.plans) {
    const found = soldAt(plan.prices, priceId);
    if (found) return { plan, interval: found.interval, price: found.price };
  }
  return null;
}

/** Among prices, the one with this id. Asked many times for each event. */
function soldAt(prices: PlanPrices, priceId: string): Omit<PlanOfPrice, 'plan'> | null {
  for (const interval of Object.keys(prices) as PlanInterval[]) {
    const main = prices[interval];
    if (main?.priceId === priceId) return { interval, price: main };
    const other = main?.others?.find((price) => price.priceId === priceId);
    if (other) return { interval, price: other };
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
  if (addonOf(catalogue, { priceId, productId })) return null;
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
  const interval = intervalName({ interval: item.interval, count: item.intervalCount });
  return { plan, interval, price: { priceId, amount, currency, metered } };
}

/** The add-on that an item is; null when it is none. */
export function addonOf(
  catalogue: Catalogue,
  { priceId, productId }: Pick<ItemFacts, 'priceId' | 'productId'>,
): Addon | null {
  const addons = catalogue.addons ?? [];
  return (
    addons.find(({ prices }) => soldAt(prices, priceId) !== null) ??
    addons.find(({ formerPrices }) => formerPrices?.includes(priceId)) ??
    addons.find(({ productIds }) => productId !== null && productIds?.includes(productId)) ??
    null
  );
}

/** What an item is charged for one interval, in minor units of the subscription's currency; null where that is not known. */
export function itemCharge(catalogue: Catalogue, item: ItemFacts, currency: string): number | null {
  const quantity = item.quantity ?? 1;
  const told = item.unitAmount === null || item.currency !== currency ? null : item.unitAmount;
  const costs = catalogue.costs?.get(item.priceId);
  // The item itself tells of no packs.
  if (costs && (told === null || costs.pack !== null)) {
    return chargeFor(costs, { quantity, currency });
  }
  return told === null ? null : told * quantity;
}

/** What one of an item costs, where that does not depend on how many there are; null else. */
export function itemUnitAmount(
  catalogue: Catalogue,
  item: ItemFacts,
  currency: string,
): number | null {
  if (item.unitAmount !== null && item.currency === currency) return item.unitAmount;
  const costs = catalogue.costs?.get(item.priceId);
  return costs ? unitAmountIn(costs, currency) : null;
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

/** Among a price and those of the same in other currencies, the one that is sold in a currency; null for none. */
export function priceIn(main: PlanPrice, currency: string | null): PlanPrice | null {
  const all = [main, ...(main.others ?? [])];
  // What Stripe was not asked about may be in any currency.
  const isSold = (price: PlanPrice) =>
    currency === null || price.currency === '' || currenciesOf(price).includes(currency);
  return all.find(isSold) ?? null;
}

/** The metered prices that a plan brings along when it is bought for an interval, beside its own. */
export function meterPricesOf(
  plan: Plan,
  interval: PlanInterval,
  currency: string | null = null,
): string[] {
  const own = pricesOf(plan).filter((each) => each.interval === interval);
  return (plan.meters ?? [])
    .filter((meter) => (meter.interval ?? interval) === interval)
    .filter(({ currencies }) => currency === null || (currencies?.includes(currency) ?? true))
    .map(({ priceId }) => priceId)
    .filter((priceId) => !own.some(({ price }) => price.priceId === priceId));
}

/** Every meter that some plan bills. */
export function meterNames(catalogue: Catalogue): ReadonlySet<string> {
  return new Set(catalogue.plans.flatMap((plan) => (plan.meters ?? []).map(({ meter }) => meter)));
}

/** How each meter counts, by its name. */
export function meterAggregations(catalogue: Catalogue): ReadonlyMap<string, Aggregation> {
  const meters = catalogue.plans.flatMap((plan) => plan.meters ?? []);
  return new Map(meters.map(({ meter, aggregation = 'sum' }) => [meter, aggregation]));
}

/** The prices that bill a meter. */
export function pricesOfMeter({ plans }: Catalogue, name: string): string[] {
  const meters = plans.flatMap((plan) => plan.meters ?? []);
  return [...new Set(meters.filter(({ meter }) => meter === name).map(({ priceId }) => priceId))];
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
