import type { LifecycleState } from '../state/types.ts';
import { isPostgres, rowsOf, type Db } from './database.ts';

/** What is known of a Stripe customer that a new subscription depends on. */
export interface CustomerPast {
  /** Whose customer it is; null for one without an account here. */
  userId: string | null;
  /** Those of this customer, and of the account's other ones; newest first. */
  subscriptions: { id: string; customerId: string; state: LifecycleState; createdAt: number }[];
  /** The subscriptions by which this customer, or the user as another customer, had a trial. */
  trials: string[];
}

type Subscription = [id: string, customerId: string, state: LifecycleState, createdAt: number];

interface Row {
  user_id: string | null;
  subscriptions: Subscription[] | string | null;
  trials: string[] | string | null;
}

/** The pasts of these customers, in their order; one statement however many there are. */
export async function pastsOf(db: Db, customerIds: string[]): Promise<CustomerPast[]> {
  const asked = isPostgres(db)
    ? db.raw(ON_POSTGRES, [customerIds])
    : db.raw(ON_SQLITE, [JSON.stringify(customerIds)]);
  return rowsOf<Row>(await asked).map((row) => ({
    userId: row.user_id,
    subscriptions: listOf(row.subscriptions)
      .map(([id, customerId, state, createdAt]) => ({ id, customerId, state, createdAt }))
      .sort((a, b) => b.createdAt - a.createdAt),
    trials: listOf(row.trials),
  }));
}

/** PostgreSQL gives JSON, or null for nothing; SQLite gives its text. */
const listOf = <T>(list: T[] | string | null): T[] =>
  typeof list === 'string' ? (JSON.parse(list) as T[]) : (list ?? []);

/** Looked up one by one: a join could be planned as one of whole tables. */
const selectFrom = (asked: string, list: string, tuple: string) => `
SELECT user_id,
  (SELECT ${list}(${tuple}(id, customer_id, state, created_at)) FROM subscriptions
   WHERE (customer_id = asked.customer OR user_id = asked.user_id) AND NOT is_foreign) AS subscriptions,
  (SELECT ${list}(subscription_id) FROM trials
   WHERE trials.customer_id = asked.customer OR trials.user_id = asked.user_id) AS trials
FROM (
  SELECT customer, (SELECT user_id FROM customers WHERE stripe_customer_id = customer) AS user_id
  FROM ${asked}
) AS asked`;

const ON_POSTGRES = selectFrom(
  'unnest(?::text[]) AS given (customer)',
  'json_agg',
  'json_build_array',
);

const ON_SQLITE = selectFrom(
  '(SELECT value AS customer FROM json_each(?) ORDER BY key)',
  'json_group_array',
  'json_array',
);
