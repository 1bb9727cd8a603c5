/** Bigger or smaller, now or with the next period: the rule for plan changes, and what a subscription earns. */
import {
  addonOf,
  amountIn,
  findPlan,
  itemCharge,
  itemUnitAmount,
  planOf,
  planOfFacts,
  planOfItem,
  planOfPrice,
  priceIn,
  type Catalogue,
  type PlanInterval,
} from './catalogue.ts';
import { everyOf } from './intervals.ts';
import { chargeFor } from './price-costs.ts';
import { stripeStatus } from './states.ts';
import type {
  BillingInterval,
  ItemFacts,
  ItemsThen,
  LifecycleState,
  SubscriptionFacts,
} from './types.ts';

export type ChangeKind = 'upgrade' | 'downgrade' | 'switch';
export type ChangeTime = 'now' | 'period_end';

/** Where a subscription stands, or would stand, among the plans. */
export interface PlanPosition {
  /** null when the catalogue does not know the price. */
  rank: number | null;
  interval: BillingInterval;
  intervalCount: number;
  /** Minor units for one seat and one interval; null for tiered prices. */
  amount: number | null;
  quantity: number;
}

export interface PlanChange {
  kind: ChangeKind;
  effective: ChangeTime;
  /** False in a trial: nothing was paid, so nothing is credited or charged. */
  prorate: boolean;
}

/**
 * What a change from `current` to `target` is, and when it takes effect: a bigger plan at once, a smaller one
 * with the next period. Rank decides, then the length of the interval, then the amount times the quantity.
 * `when` overrides the time; in a trial a change is always at once and without proration.
 */
export function planChange(input: {
  current: PlanPosition & { state: LifecycleState };
  target: PlanPosition;
  when?: ChangeTime | undefined;
}): PlanChange {
  const kind = compareChange(input.current, input.target);
  if (input.current.state === 'trialing') return { kind, effective: 'now', prorate: false };
  const effective = input.when ?? (kind === 'downgrade' ? 'period_end' : 'now');
  return { kind, effective, prorate: effective === 'now' };
}

/** Whether `target` is a bigger or a smaller plan than `current`; `switch` when they weigh the same. */
export function compareChange(current: PlanPosition, target: PlanPosition): ChangeKind {
  if (current.rank !== null && target.rank !== null) {
    if (target.rank !== current.rank) return kindOf(target.rank - current.rank);
    const length = intervalDays(target) - intervalDays(current);
    if (length !== 0) return kindOf(length);
  }
  if (current.amount === null || target.amount === null) {
    return kindOf(target.quantity - current.quantity);
  }
  // Compared over a common length, as whole numbers: amount × quantity ÷ days, cross-multiplied.
  const before = worth(current.amount, current) * BigInt(intervalDays(target));
  const after = worth(target.amount, target) * BigInt(intervalDays(current));
  return kindOf(after === before ? 0 : after > before ? 1 : -1);
}

function worth(amount: number, { quantity }: PlanPosition): bigint {
  return BigInt(amount) * BigInt(quantity);
}

/** The position of a subscription's plan item. */
export function positionOfFacts(
  catalogue: Catalogue,
  facts: SubscriptionFacts,
): PlanPosition | null {
  const item = planItem(catalogue, facts);
  if (!item) return null;
  return {
    rank: planOfItem(catalogue, item)?.plan.rank ?? null,
    interval: item.interval,
    intervalCount: item.intervalCount,
    amount: itemUnitAmount(catalogue, item, facts.currency),
    quantity: item.quantity ?? 1,
  };
}

/** The position that a plan of the catalogue would have; null when it is not sold for that interval. */
export function positionOfPlan(
  catalogue: Catalogue,
  wanted: { plan: string; interval: PlanInterval; quantity?: number; currency?: string },
): PlanPosition | null {
  const plan = findPlan(catalogue, wanted.plan);
  const main = plan?.prices[wanted.interval];
  const price = main && priceIn(main, wanted.currency ?? null);
  if (!plan || !price) return null;
  const { interval, count } = everyOf(wanted.interval);
  return {
    rank: plan.rank,
    interval,
    intervalCount: count,
    amount: amountIn(price, wanted.currency ?? price.currency),
    quantity: wanted.quantity ?? 1,
  };
}

/** How the plan changed between two readings; null when price, plan and seats are the same. */
export function changeOf(
  catalogue: Catalogue,
  before: SubscriptionFacts,
  after: SubscriptionFacts,
): ChangeKind | null {
  if (licensedItems(before) === licensedItems(after)) return null;
  const [current, target] = [positionOfFacts(catalogue, before), positionOfFacts(catalogue, after)];
  return current && target ? compareChange(current, target) : 'switch';
}

/** Prices and seats as one text; metered items have no quantity. */
export function licensedItems({ items }: SubscriptionFacts): string {
  const texts = items.map(
    ({ priceId, metered, quantity }) => `${priceId}×${metered ? '' : quantity}`,
  );
  return texts.sort().join(' ');
}

/** The item that carries the plan: the one of the best plan, else the first licensed one. */
export function planItem(catalogue: Catalogue, facts: SubscriptionFacts): ItemFacts | null {
  const priceId = planOfFacts(catalogue, facts)?.price.priceId;
  return (
    facts.items.find((item) => item.priceId === priceId) ??
    facts.items.find((item) => !item.metered && addonOf(catalogue, item) === null) ??
    facts.items.find((item) => !item.metered) ??
    facts.items[0] ??
    null
  );
}

/** Whether the change that a schedule has in store makes the plan smaller, or what is bought beside it. Unknown prices do not count. */
export function isScheduledDowngrade(catalogue: Catalogue, facts: SubscriptionFacts): boolean {
  const current = positionOfFacts(catalogue, facts);
  const item = planItem(catalogue, facts);
  const next = nextPlanEntry(catalogue, facts);
  if (!facts.nextPhase || !next || !current || !item) return false;
  const quantity = next.quantity ?? current.quantity;
  if (next.priceId === item.priceId) {
    if (quantity !== current.quantity) return quantity < current.quantity;
    const before = addonsAmong(catalogue, facts, facts.items);
    return addonsAmong(catalogue, facts, facts.nextPhase.items ?? []) < before;
  }
  if (facts.items.some((each) => each.priceId === next.priceId)) return quantity < current.quantity;
  const found = planOfPrice(catalogue, next.priceId);
  if (!found) return false;
  const { currency } = facts;
  const wanted = { plan: found.plan.id, interval: found.interval, quantity, currency };
  const target = positionOfPlan(catalogue, wanted);
  return target !== null && compareChange(current, target) === 'downgrade';
}

type Entry = ItemsThen['items'][number];

/** What the schedule has in store for the plan; null without a change. */
export function nextPlanEntry(catalogue: Catalogue, facts: SubscriptionFacts): Entry | null {
  const { nextPhase } = facts;
  if (!nextPhase) return null;
  return planEntry(catalogue, facts, nextPhase.items ?? []) ?? nextPhase;
}

/** Among what a subscription will hold, the plan; null when it is not told. */
export function planEntry(
  catalogue: Catalogue,
  facts: SubscriptionFacts,
  entries: readonly Entry[],
): Entry | null {
  const item = planItem(catalogue, facts);
  return (
    entries.find(({ priceId }) => planOf(catalogue, { priceId, productId: null }) !== null) ??
    entries.find(({ priceId }) => priceId === item?.priceId) ??
    null
  );
}

/** What add-ons cost together for one interval; their number where that is not known. */
function addonsAmong(
  catalogue: Catalogue,
  { currency }: SubscriptionFacts,
  entries: readonly Entry[],
): number {
  const addons = entries.filter(
    ({ priceId }) => addonOf(catalogue, { priceId, productId: null }) !== null,
  );
  return addons.reduce((sum, { priceId, quantity }) => {
    const costs = catalogue.costs?.get(priceId);
    const charge = costs ? chargeFor(costs, { quantity: quantity ?? 1, currency }) : null;
    return sum + (charge ?? quantity ?? 1);
  }, 0);
}

/**
 * Monthly recurring revenue in minor units of `facts.currency`, as the items are charged: add-ons, tiers and quantities
 * count, usage does not, nor does a subscription that does not earn (trial, pause, unpaid, ended). Each item is rounded half up.
 */
export function mrrOf(catalogue: Catalogue, facts: SubscriptionFacts): number {
  if (!stripeStatus(facts.stripeStatus)?.earns || facts.pauseCollection !== null) return 0;
  return facts.items.reduce((sum, item) => sum + monthlyAmount(catalogue, facts, item), 0);
}

function monthlyAmount(catalogue: Catalogue, { currency }: SubscriptionFacts, item: ItemFacts) {
  const charge = item.metered ? null : itemCharge(catalogue, item, currency);
  if (charge === null) return 0;
  const [times, per] = PER_MONTH[item.interval];
  const numerator = BigInt(charge) * times;
  const denominator = per * BigInt(Math.max(1, item.intervalCount));
  return Number((2n * numerator + denominator) / (2n * denominator));
}

/** How often an interval fits into a month, as a fraction: 52 weeks or 365 days in 12 months. */
const PER_MONTH: Record<BillingInterval, readonly [bigint, bigint]> = {
  day: [365n, 12n],
  week: [52n, 12n],
  month: [1n, 1n],
  year: [1n, 12n],
};

const DAYS: Record<BillingInterval, number> = { day: 1, week: 7, month: 30, year: 365 };

/** The length of an interval in days, to compare it with others. */
export function intervalDays(every: Pick<PlanPosition, 'interval' | 'intervalCount'>): number {
  return DAYS[every.interval] * every.intervalCount;
}

function kindOf(difference: number): ChangeKind {
  if (difference === 0) return 'switch';
  return difference > 0 ? 'upgrade' : 'downgrade';
}
