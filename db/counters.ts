import type { LifecycleEventType, LifecycleState } from '../state/types.ts';
import { isPostgres, type Db } from './database.ts';

/**
 * Counts are kept in the transaction that changes what they count. Each counter is split over a few rows
 * on Postgres: every commit changes one, and a single row would make all commits wait for each other.
 */
const SHARDS = 16;

const HOUR = 3_600_000;

/** The counter row that changes of this subscription go to. */
export function shardOf(db: Db, subscriptionId: string): number {
  if (!isPostgres(db)) return 0;
  let hash = 0;
  for (let i = 0; i < subscriptionId.length; i += 1) {
    hash = (hash * 31 + subscriptionId.charCodeAt(i)) % 65_521;
  }
  return hash % SHARDS;
}

/** What one subscription adds to the counters. */
export interface Counted {
  id: string;
  state: LifecycleState;
  currency: string;
  mrr: number;
}

/** Moves subscriptions' shares of the counters from what they were to what they are. */
export async function moveCounts(
  db: Db,
  moves: { before: Counted | null; after: Counted }[],
): Promise<void> {
  const rows = new Map<string, CountRow>();
  const add = (counted: Counted, sign: 1 | -1) => {
    const key = `${counted.state} ${counted.currency} ${shardOf(db, counted.id)}`;
    const row = rows.get(key) ?? {
      state: counted.state,
      currency: counted.currency,
      shard: shardOf(db, counted.id),
      count: 0,
      mrr: 0,
    };
    row.count += sign;
    row.mrr += sign * counted.mrr;
    rows.set(key, row);
  };
  for (const { before, after } of moves) {
    if (before) add(before, -1);
    add(after, 1);
  }
  const changes = inOneOrder(rows).filter((row) => row.count !== 0 || row.mrr !== 0);
  if (changes.length === 0) return;
  await db('subscription_counts')
    .insert(changes)
    .onConflict(['state', 'currency', 'shard'])
    .merge({
      count: db.raw('subscription_counts.count + excluded.count'),
      mrr: db.raw('subscription_counts.mrr + excluded.mrr'),
    });
}

interface CountRow {
  state: LifecycleState;
  currency: string;
  shard: number;
  count: number;
  mrr: number;
}

/** Counts the traffic of the machine's arrows, by hour of recording. */
export async function countArrows(
  db: Db,
  lines: { subscriptionId: string; from: string; to: string; event: string }[],
): Promise<void> {
  const hour = Math.floor(Date.now() / HOUR) * HOUR;
  const rows = new Map<string, Record<string, string | number>>();
  for (const line of lines) {
    const shard = shardOf(db, line.subscriptionId);
    const key = `${line.from} ${line.to} ${line.event} ${shard}`;
    const count = Number(rows.get(key)?.count ?? 0) + 1;
    const { from: from_state, to: to_state, event } = line;
    rows.set(key, { hour_at: hour, from_state, to_state, event, shard, count });
  }
  if (rows.size === 0) return;
  await db('arrow_counts')
    .insert(inOneOrder(rows))
    .onConflict(['hour_at', 'from_state', 'to_state', 'event', 'shard'])
    .merge({ count: db.raw('arrow_counts.count + excluded.count') });
}

/** Rows sorted by their key, so that two transactions cannot lock each other out. */
function inOneOrder<T>(rows: Map<string, T>): T[] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

/** How many subscriptions are in each state; states nobody is in are left out. */
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

/** How many times each arrow was taken since a moment (whole hours, by time of recording). */
export async function arrowTraffic(db: Db, since: number): Promise<ArrowTraffic[]> {
  return db('arrow_counts')
    .where('hour_at', '>=', Math.floor(since / HOUR) * HOUR)
    .groupBy('from_state', 'to_state', 'event')
    .select({ from: 'from_state', to: 'to_state', event: 'event' })
    .sum({ count: 'count' });
}
