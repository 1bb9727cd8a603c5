import { statesWhere } from '../state/states.ts';
import type { SubscriptionFacts } from '../state/types.ts';
import type { BillingPeriods } from '../state/usage.ts';
import type { Db } from './database.ts';
import { versionIn } from './subscriptions.ts';

/** Whom usage belongs to at Stripe. */
export interface BillingAccount extends BillingPeriods {
  userId: string;
  customerId: string;
  /** Prices of the metered items of the living subscriptions that are not paused. */
  meteredPrices: readonly string[];
  /** The plans of the living subscriptions, with the version of their terms that was sold. */
  plans: readonly { plan: string; version: number | null }[];
}

interface Row {
  customer_id: string;
  facts: string;
  plan: string | null;
  terms: string | null;
}

interface Trial {
  from: number;
  until: number;
}

/** SQLite takes 32,766 values in a statement. */
const AT_ONCE = 10_000;

/** The accounts of those users who have a Stripe customer. */
export async function billingAccounts(
  db: Db,
  userIds: readonly string[],
): Promise<BillingAccount[]> {
  const accounts: BillingAccount[] = [];
  for (let i = 0; i < userIds.length; i += AT_ONCE) {
    accounts.push(...(await someAccounts(db, userIds.slice(i, i + AT_ONCE))));
  }
  return accounts;
}

async function someAccounts(db: Db, userIds: readonly string[]): Promise<BillingAccount[]> {
  const customers: { user_id: string; stripe_customer_id: string }[] = await db('customers')
    .whereIn('user_id', userIds)
    .whereNotNull('stripe_customer_id')
    .whereNull('deleted_at')
    .select('user_id', 'stripe_customer_id');
  const subscriptions: Row[] = await db('subscriptions')
    .whereIn(
      'customer_id',
      customers.map((row) => row.stripe_customer_id),
    )
    .where('is_foreign', false)
    .whereIn('state', statesWhere('countsUsage'))
    .select('customer_id', 'facts', 'plan', 'terms');
  const periods = new Map<
    string,
    {
      boundaries: Set<number>;
      since: number;
      prices: Set<string>;
      trials: Trial[];
      plans: { plan: string; version: number | null }[];
    }
  >();
  for (const { customer_id, facts: text, plan, terms } of subscriptions) {
    const facts = JSON.parse(text) as SubscriptionFacts;
    const known = periods.get(customer_id) ?? {
      boundaries: new Set(),
      since: Infinity,
      prices: new Set(),
      trials: [],
      plans: [],
    };
    if (plan !== null) known.plans.push({ plan, version: versionIn(terms, plan) });
    // A pause has billed what was used before it; the period that the next invoice bills begins with its end.
    if (facts.stripeStatus !== 'paused') {
      for (const item of facts.items) if (item.metered) known.prices.add(item.priceId);
    }
    const { trialStart: from, trialEnd: until } = facts;
    if (from !== null && until !== null) known.trials.push({ from, until });
    for (const at of boundariesOf(facts)) known.boundaries.add(at);
    known.since = Math.min(known.since, facts.createdAt, ...known.boundaries);
    periods.set(customer_id, known);
  }
  return customers.map(({ user_id, stripe_customer_id }) => ({
    userId: user_id,
    customerId: stripe_customer_id,
    boundaries: [...(periods.get(stripe_customer_id)?.boundaries ?? [])].sort((a, b) => a - b),
    since: periods.get(stripe_customer_id)?.since ?? null,
    trials: periods.get(stripe_customer_id)?.trials ?? [],
    plans: periods.get(stripe_customer_id)?.plans ?? [],
    meteredPrices: [...(periods.get(stripe_customer_id)?.prices ?? [])],
  }));
}

/** Periods of the metered items; of all where none is metered. */
function boundariesOf(facts: SubscriptionFacts): number[] {
  const metered = facts.items.filter((item) => item.metered);
  const items = metered.length > 0 ? metered : facts.items;
  return items.flatMap(({ periodStart, periodEnd }) =>
    [periodStart, periodEnd].filter((at) => at !== null),
  );
}
