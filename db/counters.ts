import type { Knex } from 'knex';
import type { LifecycleEventType, LifecycleState } from '../state/types.ts';
import { columnsOf, unnest, type ColumnType, type Value } from './columns.ts';
import { isPostgres, type Db } from './database.ts';

/**
 * Counts are kept in the transaction that changes what they count. Each counter is split over a few rows
 * on Postgres: every commit changes one, and a single row would make all commits wait for each other. What one commit
 * takes from a row another may have added to a different one: only sums mean something.
 */
const SHARDS = 16;

const HOUR = 3_600_000;

/** The rows that a commit changes, by the first subscription in it. */
export function shardOf(db: Db, subscriptionId: string): number {
  if (!isPostgres(db)) return 0;
  let hash = 0;
  for (let i = 0; i < subscriptionId.length; i += 1) {
    hash = (hash * 31 + subscriptionId.charCodeAt(i)) % 65_521;
  }
  return hash % SHARDS;
}

/** A table of sums: `key` says of what. */
interface CounterTable {
  name: string;
  key: Record<string, ColumnType>;
  sums: readonly string[];
}

const SUBSCRIPTION_COUNTS = {
  name: 'subscription_counts',
  key: { state: 'text', currency: 'text', shard: 'integer' },
  sums: ['count', 'mrr'],
} as const;

const ARROW_COUNTS = {
  name: 'arrow_counts',
  key: { hour_at: 'bigint', from_state: 'text', to_state: 'text', event: 'text', shard: 'integer' },
  sums: ['count'],
} as const;

export const DAILY_FIGURES = {
  name: 'daily_figures',
  key: { day_at: 'bigint', figure: 'text', currency: 'text', shard: 'integer' },
  sums: ['value'],
} as const;

/** What is added to one table. */
export interface Additions {
  table: CounterTable;
  rows: Record<string, Value>[];
}

/** Adds up what goes to the same row, and leaves out what comes to nothing. */
export function additionsTo(table: CounterTable, rows: Record<string, Value>[]): Additions {
  const keys = Object.keys(table.key);
  const totals = new Map<string, Record<string, Value>>();
  for (const row of rows) {
    const name = keys.map((key) => row[key]).join(' ');
    const total = totals.get(name);
    if (!total) totals.set(name, { ...row });
    else for (const sum of table.sums) total[sum] = Number(total[sum]) + Number(row[sum]);
  }
  // In one fixed order, so that two transactions cannot lock each other out.
  const ordered = [...totals].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  return { table, rows: ordered.filter((row) => table.sums.some((sum) => row[sum] !== 0)) };
}

/** Adds to counters, in the transaction that causes it; on PostgreSQL in one statement. */
export async function addToCounters(db: Db, additions: readonly Additions[]): Promise<void> {
  const some = additions.filter(({ rows }) => rows.length > 0);
  if (some.length === 0) return;
  if (!isPostgres(db)) {
    for (const { table, rows } of some) {
      const merge = table.sums.map((sum) => [
        sum,
        db.raw(`${table.name}.${sum} + excluded.${sum}`),
      ]);
      await db(table.name)
        .insert(rows)
        .onConflict(Object.keys(table.key))
        .merge(Object.fromEntries(merge));
    }
    return;
  }
  const parts: string[] = [];
  const values: Knex.RawBinding[] = [];
  for (const { table, rows } of some) {
    const columns = columnsIn(table);
    parts.push(additionSql(table));
    values.push(...columnsOf(columns, rows));
  }
  const last = parts.pop() ?? '';
  const others = parts.map((sql, i) => `added_${i} AS (${sql})`);
  await db.raw(others.length > 0 ? `WITH ${others.join(', ')} ${last}` : last, values);
}

const columnsIn = ({ key, sums }: CounterTable): Record<string, ColumnType> => ({
  ...key,
  ...Object.fromEntries(sums.map((sum) => [sum, 'bigint' as const])),
});

function additionSql(table: CounterTable): string {
  const columns = columnsIn(table);
  return `INSERT INTO ${table.name} (${Object.keys(columns).join(', ')})
SELECT * FROM ${unnest(columns, 'added')}
ON CONFLICT (${Object.keys(table.key).join(', ')}) DO UPDATE SET
  ${table.sums.map((sum) => `${sum} = ${table.name}.${sum} + excluded.${sum}`).join(', ')}`;
}

/** What one subscription adds to the counters. */
export interface Counted {
  state: LifecycleState;
  currency: string;
  mrr: number;
}

/** Moves subscriptions' shares of the counters from what they were to what they are. */
export function movedCounts(
  moves: { before: Counted | null; after: Counted | null }[],
  shard: number,
): Additions {
  const share = ({ state, currency, mrr }: Counted, sign: 1 | -1) => ({
    state,
    currency,
    shard,
    count: sign,
    mrr: sign * mrr,
  });
  return additionsTo(
    SUBSCRIPTION_COUNTS,
    moves.flatMap(({ before, after }) => [
      ...(before ? [share(before, -1)] : []),
      ...(after ? [share(after, 1)] : []),
    ]),
  );
}

/**
 * Counts the traffic of the machine's arrows, by the hour in which they were taken: in test mode that clock is not the
 * server's. What is taken back is taken back where it was counted.
 */
export function countedArrows(
  lines: { from: string; to: string; event: string; occurredAt: number; count?: number }[],
  shard: number,
): Additions {
  return additionsTo(
    ARROW_COUNTS,
    lines.map(({ from: from_state, to: to_state, event, occurredAt, count = 1 }) => ({
      hour_at: Math.floor(occurredAt / HOUR) * HOUR,
      from_state,
      to_state,
      event,
      shard,
      count,
    })),
  );
}

/** How many subscriptions are in each state; states with none are left out. */
export async function stateCounts(db: Db): Promise<Partial<Record<LifecycleState, number>>> {
  const rows: { state: LifecycleState; count: number }[] = await db('subscription_counts')
    .select('state')
    .sum({ count: 'count' })
    .groupBy('state');
  return Object.fromEntries(rows.filter((r) => r.count !== 0).map((r) => [r.state, r.count]));
}

/** Monthly recurring revenue by currency, in minor units. */
export async function mrrByCurrency(db: Db): Promise<Record<string, number>> {
  const rows: { currency: string; mrr: number }[] = await db('subscription_counts')
    .select('currency')
    .sum({ mrr: 'mrr' })
    .groupBy('currency');
  return Object.fromEntries(rows.filter((r) => r.mrr !== 0).map((r) => [r.currency, r.mrr]));
}

export interface ArrowTraffic {
  from: LifecycleState;
  to: LifecycleState;
  event: LifecycleEventType;
  count: number;
}

/** How many times each arrow was taken since a moment (whole hours). */
export async function arrowTraffic(db: Db, since: number): Promise<ArrowTraffic[]> {
  return db('arrow_counts')
    .where('hour_at', '>=', Math.floor(since / HOUR) * HOUR)
    .groupBy('from_state', 'to_state', 'event')
    .select({ from: 'from_state', to: 'to_state', event: 'event' })
    .sum({ count: 'count' });
}
