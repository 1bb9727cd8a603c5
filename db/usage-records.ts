import { randomUUID } from 'node:crypto';
import type { Knex } from 'knex';
import { combine, type Aggregation } from '../state/aggregation.ts';
import { arrayOf, type ColumnType } from './columns.ts';
import { isPostgres, type Db } from './database.ts';

/** One piece of usage. Times are ms since the epoch. */
export interface UsageRecord {
  userId: string;
  /** Unique for the user: a record whose key is known already is a duplicate and counts for nothing. */
  key: string;
  meter: string;
  /** Whole; negative only in corrections. */
  quantity: number;
  at: number;
  /** The window it counts in. */
  windowAt: number;
  /** The key of the record that this one corrects. */
  corrects?: string;
  /** What of the records of its window counts; their sum when it is not given. */
  aggregation?: Aggregation;
}

/** Rows reach the database as columns: the statement is the same for every size of batch. */
type Column = [name: string, type: ColumnType, values: (string | number | null)[]];

/** A table expression of these columns, and the values to bind. */
function rowsOf(db: Db, columns: Column[]): { sql: string; bindings: Knex.RawBinding[] } {
  const names = columns.map(([name]) => name).join(', ');
  if (isPostgres(db)) {
    const arrays = columns.map(([, type]) => `?::${type}[]`).join(', ');
    return {
      sql: `SELECT ${names} FROM unnest(${arrays}) AS batch (${names})`,
      bindings: columns.map(([, , values]) => arrayOf(values)),
    };
  }
  const fields = columns.map(([name], i) => `value ->> ${i} AS ${name}`).join(', ');
  const rows = (columns[0]?.[2] ?? []).map((_, i) => columns.map(([, , values]) => values[i]));
  return { sql: `SELECT ${fields} FROM json_each(?)`, bindings: [JSON.stringify(rows)] };
}

/**
 * Stores records, each key once, and adds the new ones to their open windows: all or nothing, in the caller's
 * transaction. Keys within one call must differ. Returns the records that were new.
 */
export async function insertUsage(trx: Db, records: UsageRecord[]): Promise<UsageRecord[]> {
  if (records.length === 0) return [];
  const batch = rowsOf(trx, [
    ['user_id', 'text', records.map((record) => record.userId)],
    ['key', 'text', records.map((record) => record.key)],
    ['meter', 'text', records.map((record) => record.meter)],
    ['quantity', 'bigint', records.map((record) => record.quantity)],
    ['used_at', 'bigint', records.map((record) => record.at)],
    ['corrects', 'text', records.map((record) => record.corrects ?? null)],
  ]);
  const columns = 'user_id, key, meter, quantity, used_at, corrects';
  const answer: unknown = await trx.raw(
    `INSERT INTO usage_records (${columns}, recorded_at)
     SELECT ${columns}, ? FROM (${batch.sql}) AS given WHERE true ORDER BY user_id, key
     ON CONFLICT (user_id, key) DO NOTHING RETURNING user_id, key`,
    [Date.now(), ...batch.bindings],
  );
  const added = rowsIn<{ user_id: string; key: string }>(trx, answer);
  const fresh = added.length === records.length ? records : only(records, added);
  await addToWindows(trx, fresh);
  return fresh;
}

function only(records: UsageRecord[], added: { user_id: string; key: string }[]): UsageRecord[] {
  const keys = new Set(added.map((row) => `${row.key}\n${row.user_id}`));
  return records.filter((record) => keys.has(`${record.key}\n${record.userId}`));
}

interface Sum {
  userId: string;
  meter: string;
  windowAt: number;
  quantity: number;
  lastAt: number;
  aggregation: Aggregation;
}

async function addToWindows(trx: Db, records: UsageRecord[]): Promise<void> {
  const sums = new Map<string, Sum>();
  for (const { userId, meter, windowAt, quantity, at, aggregation = 'sum' } of records) {
    const key = `${windowAt} ${meter} ${userId}`;
    const sum = sums.get(key);
    if (sum) {
      const parts = [
        { quantity: sum.quantity, at: sum.lastAt },
        { quantity, at },
      ];
      sum.quantity = combine(aggregation, parts);
      if (at > sum.lastAt) sum.lastAt = at;
    } else sums.set(key, { userId, meter, windowAt, quantity, lastAt: at, aggregation });
  }
  if (sums.size === 0) return;
  // In one fixed order, so that two transactions cannot lock each other out.
  const rows = [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
  const batch = rowsOf(trx, [
    ['user_id', 'text', rows.map((row) => row.userId)],
    ['meter', 'text', rows.map((row) => row.meter)],
    ['window_at', 'bigint', rows.map((row) => row.windowAt)],
    ['quantity', 'bigint', rows.map((row) => row.quantity)],
    ['last_at', 'bigint', rows.map((row) => row.lastAt)],
    ['identifier', 'text', rows.map(() => `tenure-${randomUUID()}`)],
    ['aggregation', 'text', rows.map((row) => row.aggregation)],
  ]);
  const columns = 'user_id, meter, window_at, quantity, last_at, identifier, aggregation';
  const greatest = isPostgres(trx) ? 'greatest' : 'max';
  await trx.raw(
    `INSERT INTO usage_windows (${columns}, status, attempts, next_attempt_at)
     SELECT ${columns}, 'open', 0, 0 FROM (${batch.sql}) AS given WHERE true
     ON CONFLICT (user_id, meter, window_at) WHERE status = 'open' DO UPDATE SET
       quantity = ${merged(trx, 'usage_windows')},
       last_at = ${greatest}(usage_windows.last_at, excluded.last_at)`,
    batch.bindings,
  );
}

/** What a window or a total becomes with a further part of it, which the statement calls `excluded`. */
export function merged(db: Db, table: 'usage_windows' | 'usage_totals', how?: Aggregation): string {
  const greatest = isPostgres(db) ? 'greatest' : 'max';
  const aggregation = how === undefined ? 'excluded.aggregation' : `'${how}'`;
  return `CASE ${aggregation}
    WHEN 'max' THEN ${greatest}(${table}.quantity, excluded.quantity)
    WHEN 'last' THEN CASE WHEN excluded.last_at >= coalesce(${table}.last_at, 0) THEN excluded.quantity
      ELSE ${table}.quantity END
    ELSE ${table}.quantity + excluded.quantity END`;
}

/** What `raw` answers differs between the drivers. */
function rowsIn<T>(db: Db, answer: unknown): T[] {
  return isPostgres(db) ? (answer as { rows: T[] }).rows : (answer as T[]);
}

/** A user's record by its key, or null. */
export async function findUsage(
  db: Db,
  userId: string,
  key: string,
): Promise<Pick<UsageRecord, 'meter' | 'quantity' | 'at'> | null> {
  const row: { meter: string; quantity: number; used_at: number } | undefined = await db(
    'usage_records',
  )
    .where({ user_id: userId, key })
    .first();
  return row ? { meter: row.meter, quantity: row.quantity, at: row.used_at } : null;
}

/** Those of the keys that are known, with what they recorded. */
export async function findUsages(
  db: Db,
  keys: readonly { userId: string; key: string }[],
): Promise<Pick<UsageRecord, 'userId' | 'key' | 'meter' | 'quantity'>[]> {
  if (keys.length === 0) return [];
  const rows: { user_id: string; key: string; meter: string; quantity: number }[] = await db(
    'usage_records',
  )
    .whereIn(
      ['user_id', 'key'],
      keys.map(({ userId, key }) => [userId, key]),
    )
    .select('user_id', 'key', 'meter', 'quantity');
  return rows.map((row) => ({
    userId: row.user_id,
    key: row.key,
    meter: row.meter,
    quantity: row.quantity,
  }));
}

/** The corrections of a user's record: how many, and what they add to it. */
export async function correctionsOf(
  db: Db,
  userId: string,
  key: string,
): Promise<{ count: number; sum: number }> {
  const rows: { quantity: number }[] = await db('usage_records')
    .where({ user_id: userId, corrects: key })
    .select('quantity');
  return { count: rows.length, sum: rows.reduce((sum, row) => sum + row.quantity, 0) };
}

/** Forgets records that were stored before a moment, a few thousand at most; returns how many. */
export async function forgetUsage(db: Db, before: number): Promise<number> {
  // Ids grow with time: the oldest are at the front, and no index on the time is needed.
  return db('usage_records')
    .whereIn('id', db('usage_records').orderBy('id').limit(5_000).select('id'))
    .where('recorded_at', '<', before)
    .delete();
}
