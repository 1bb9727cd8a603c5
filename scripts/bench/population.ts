import type { Database } from '../../db/database.ts';
import { subscriptionObject } from './payload.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { LifecycleState } from '../../state/types.ts';

/** Subscription number `i` of a population; Stripe's list and the database agree on it. */
export const scaleId = (i: number): string => `sub_scale${i}`;

/** Seconds: number 0 is the oldest, one for each second. */
export const scaleCreated = (i: number, size: number, now: number): number => now - size + i;

/** Of 100 subscriptions, so many are in each state; each of these is the state of one status of Stripe's. */
const STATES: [LifecycleState, number][] = [
  ['active', 70],
  ['trialing', 8],
  ['past_due', 4],
  ['unpaid', 3],
  ['canceled', 15],
];

/** The state of number `i`, and its status at Stripe. */
export function scaleState(i: number): LifecycleState {
  let below = 0;
  for (const [state, share] of STATES) {
    below += share;
    if (i % 100 < below) return state;
  }
  throw new Error('the shares do not add up to 100');
}

const HOUR = 3_600_000;
const DAY = 86_400_000;

/** Fills a PostgreSQL of the first migration with subscriptions, three lines of history and ten events each. */
export async function populate(database: Database, size: number, now: number): Promise<void> {
  const { knex } = database;
  const cases = STATES.reduce<{ sql: string; below: number }>(
    ({ sql, below }, [state, share]) => ({
      sql: `${sql} WHEN i % 100 < ${below + share} THEN '${state}'`,
      below: below + share,
    }),
    { sql: 'CASE', below: 0 },
  );
  const state = `${cases.sql} END`;
  const created = `((${now} - ${size} + i) * 1000::bigint)`;
  const facts = JSON.stringify(readSubscription(subscriptionObject('sub_@'))).replaceAll("'", "''");
  const statements = [
    `INSERT INTO customers (user_id, stripe_customer_id, email, email_key, created_at)
     SELECT 'user_scale' || i, 'cus_scale' || i, 'p' || i || '@example.com', 'p' || i || '@example.com', ${created}
     FROM generate_series(0, ${size - 1}) AS i`,
    `INSERT INTO subscriptions SELECT 'sub_scale' || i, 'cus_scale' || i, 'user_scale' || i, ${state}, ${state},
       ${state}, 'starter', 'price_starter_monthly', 'usd', CASE WHEN ${state} IN ('active', 'past_due') THEN 2000 ELSE 0 END,
       0, NULL, ${created}, ${created} + ${30 * DAY}, false,
       replace(replace(regexp_replace('${facts}', '"createdAt":\\d+', '"createdAt":' || ${created}),
         '"stripeStatus":"active"', '"stripeStatus":"' || ${state} || '"'), '_@', '_scale' || i),
       ${created}, ${created}
     FROM generate_series(0, ${size - 1}) AS i`,
    `INSERT INTO transitions (subscription_id, customer_id, from_state, to_state, event, cause_type, cause_id,
       actor, occurred_at, recorded_at, unexpected, late, detail)
     SELECT 'sub_scale' || i, 'cus_scale' || i, (ARRAY['none','trialing','active'])[n],
       (ARRAY['trialing','active','active'])[n], (ARRAY['trial_started','paid','renewed'])[n], 'event',
       'evt_scale' || i || 'x' || n, 'stripe', ${created} + n, ${created} + n, i % 5000 = 0, false, '{}'
     FROM generate_series(0, ${size - 1}) AS i, generate_series(1, 3) AS n`,
    `INSERT INTO webhook_events (id, type, subject, subscription_id, object_id, payload, livemode, flags, source,
       created_at, received_at, status, attempts, next_attempt_at, processed_at)
     SELECT 'evt_scale' || i || 'x' || n, 'customer.subscription.updated', 'cus_scale' || i, 'sub_scale' || i,
       'sub_scale' || i, '{"id":"evt_scale' || i || 'x' || n || '","object":"event"}', false, '', 'webhook',
       ${created} + n, ${created} + n, CASE WHEN (i * 10 + n) % 20000 = 0 THEN 'dead' ELSE 'done' END, 1, 0,
       ${created} + n
     FROM generate_series(0, ${size - 1}) AS i, generate_series(0, 9) AS n`,
    `INSERT INTO subscription_counts SELECT state, currency, 0, count(*), sum(mrr) FROM subscriptions GROUP BY 1, 2`,
    `INSERT INTO arrow_counts SELECT occurred_at / ${HOUR} * ${HOUR}, from_state, to_state, event, 0, count(*)
     FROM transitions GROUP BY 1, 2, 3, 4`,
  ];
  for (const statement of statements) await knex.raw(statement.replaceAll('?', '\\?'));
}

/** What later migrations add to it, and fresh statistics, as autovacuum would make them in time. */
export async function populateFigures({ knex }: Database): Promise<void> {
  await knex.raw(
    `INSERT INTO daily_figures (figure, day_at, currency, shard, value)
     SELECT 'arrow:' || from_state || '>' || to_state || '>' || event, occurred_at / ${DAY} * ${DAY}, '', 0, count(*)
     FROM transitions GROUP BY 1, 2`,
  );
  await knex.raw(
    `INSERT INTO daily_figures (figure, day_at, currency, shard, value)
     SELECT 'mrr', created_at / ${DAY} * ${DAY}, currency, 0, sum(mrr) FROM subscriptions GROUP BY 2, 3`,
  );
  await knex.raw('VACUUM ANALYZE');
}
