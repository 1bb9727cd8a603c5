import { columnsOf, unnest } from './columns.ts';
import { databaseNow, isPostgres, nowSql, rowsOf, type Db } from './database.ts';

/**
 * The right to work on a customer until the lease expires; the fence tells this right from all others. It begins with the
 * time, not with 1: the row of an idle customer is deleted, and a fence of it must not come again.
 */
export interface Claim {
  /** The customer in Stripe, or what else its events or commands are ordered by. */
  key: string;
  fence: number;
}

/**
 * All times of leases are the database's: processes whose clocks differ agree on them. A lease further ahead than it can
 * last was given by a wrong clock, and has expired.
 */
export interface LeaseTerms {
  owner: string;
  /** How long the lease holds, in ms. */
  duration: number;
}

export interface DueTerms extends LeaseTerms {
  /** Only customers with events that were due by then. */
  dueBy: number;
  /** Customers to leave alone: those that this process is at work on. */
  except?: string[];
  /** How many due events a customer has, about: so many are looked at for each that is wanted, and four at most. */
  eventsEach?: number;
}

/** Most events that are looked at for each customer. On PostgreSQL each of them is locked, which is a write. */
const MAX_EVENTS_EACH = 4;

/**
 * Takes the lease of up to `limit` customers that have due events and no live lease, those that wait longest
 * first. Several processes may call it at once: on PostgreSQL each skips the events that another is
 * looking at, and whichever loses the race for a customer's row does not get it.
 */
export async function claimDueCustomers(db: Db, limit: number, terms: DueTerms): Promise<Claim[]> {
  const { owner, duration, dueBy, except = [], eventsEach = MAX_EVENTS_EACH } = terms;
  const now = nowSql(db);
  const others = except.map(() => '?').join(', ');
  const lock = isPostgres(db) ? 'FOR UPDATE OF webhook_events SKIP LOCKED' : '';
  const looked = Math.ceil(limit * Math.min(eventsEach, MAX_EVENTS_EACH));
  // The lease is looked up row by row: a join is planned as one of whole tables where their statistics are old.
  const sql = `
    WITH due AS ${isPostgres(db) ? 'MATERIALIZED' : ''} (
      SELECT subject, next_attempt_at FROM webhook_events
      WHERE status = 'waiting' AND next_attempt_at <= ?
        AND coalesce((SELECT ${expired('lease_until', now)} FROM subjects WHERE key = subject), true)
        ${except.length > 0 ? `AND subject NOT IN (${others})` : ''}
      ORDER BY next_attempt_at LIMIT ? ${lock}
    ), chosen AS (
      SELECT subject FROM due GROUP BY subject ORDER BY min(next_attempt_at) LIMIT ?
    )
    ${takeLeases(db, now, 'SELECT subject AS key FROM chosen')}`;
  const values = [dueBy, duration, ...except, looked, limit, duration, owner, duration];
  return rowsOf<Claim>(await db.raw(sql, values));
}

/**
 * Takes the leases of these customers, whether they have events or not; those that another owner holds are left out, and
 * not waited for while their commit is under way.
 */
export async function claimCustomers(
  db: Db,
  keys: readonly string[],
  { owner, duration }: LeaseTerms,
): Promise<Claim[]> {
  if (keys.length === 0) return [];
  const now = nowSql(db);
  const asked = keys.map(() => 'SELECT CAST(? AS text) AS key').join(' UNION ALL ');
  const free = `
    SELECT asked.key FROM (${asked}) AS asked
    WHERE coalesce(
      (SELECT ${expired('lease_until', now)} FROM subjects WHERE subjects.key = asked.key), true)`;
  const values = [duration, owner, ...keys, duration, duration];
  return rowsOf<Claim>(await db.raw(takeLeases(db, now, free), values));
}

/** The same for one customer; null while another owner holds it. */
export async function claimCustomer(db: Db, key: string, terms: LeaseTerms): Promise<Claim | null> {
  const [claim] = await claimCustomers(db, [key], terms);
  return claim ?? null;
}

/** Whether a lease has; its length is a parameter. */
const expired = (column: string, now: string) => `(${column} <= ${now} OR ${column} > ${now} + ?)`;

/**
 * Gives the leases of the selected keys to an owner, where they are still free by then. Parameters: length, owner, those
 * of the keys, length. Rows are locked in JavaScript's order, here as everywhere, so that two processes cannot lock each
 * other out.
 */
const takeLeases = (db: Db, now: string, keys: string) => `
  INSERT INTO subjects (key, fence, lease_until, owner)
  SELECT key, ${now}, ${now} + CAST(? AS bigint), CAST(? AS text) FROM (${keys}) AS free
  WHERE true ORDER BY key ${isPostgres(db) ? 'COLLATE "C"' : ''}
  ON CONFLICT (key) DO UPDATE SET
    fence = subjects.fence + 1, lease_until = excluded.lease_until, owner = excluded.owner
    WHERE ${expired('subjects.lease_until', now)}
  RETURNING key, fence`;

/** Makes a lease last its whole length from now, if it is still held: one that was given back stays so. False when it is not. */
export async function renewClaim(db: Db, claim: Claim, terms: LeaseTerms): Promise<boolean> {
  const renewed = await db('subjects')
    .where({ key: claim.key, fence: claim.fence, owner: terms.owner })
    .where('lease_until', '>', 0)
    .update({ lease_until: db.raw('? + ?', [databaseNow(db), terms.duration]) });
  return renewed > 0;
}

/**
 * Gives leases back, those that are still ours, and returns them. As the first statement of a transaction it also locks
 * the customers' rows until the commit. A claim that is missing: another process took the customer over, or this one
 * claimed it again, or it was given back before; what was read since may be old and must be thrown away.
 */
export async function releaseClaims(db: Db, claims: Claim[], owner: string): Promise<Set<Claim>> {
  const rows = await (isPostgres(db)
    ? releaseOnPostgres(db, claims, owner)
    : releaseOnSqlite(db, claims, owner));
  const fences = new Map(rows.map(({ key, fence }) => [key, fence]));
  return new Set(claims.filter(({ key, fence }) => fences.get(key) === fence));
}

const CLAIM = { key: 'text', fence: 'bigint' } as const;

/** Locks row by row in the order given: a join could be planned as one of whole tables, in another order. */
const RELEASE_ON_POSTGRES = `
UPDATE subjects SET lease_until = 0 WHERE key IN (
  SELECT locked.key FROM ${unnest(CLAIM, 'claims')} CROSS JOIN LATERAL (
    SELECT key FROM subjects
    WHERE subjects.key = claims.key AND subjects.fence = claims.fence AND owner = ? AND lease_until > 0
    FOR UPDATE
  ) AS locked
) RETURNING key, fence`;

async function releaseOnPostgres(db: Db, claims: Claim[], owner: string): Promise<Claim[]> {
  const ordered = [...claims].sort((a, b) => (a.key < b.key ? -1 : 1));
  return rowsOf(await db.raw(RELEASE_ON_POSTGRES, [...columnsOf(CLAIM, ordered), owner]));
}

async function releaseOnSqlite(db: Db, claims: Claim[], owner: string): Promise<Claim[]> {
  return db('subjects')
    .where({ owner })
    .where('lease_until', '>', 0)
    .where((q) => {
      for (const { key, fence } of claims) void q.orWhere({ key, fence });
    })
    .update({ lease_until: 0 })
    .returning(['key', 'fence']);
}

/** The same for one lease; false when it was not ours any more. */
export async function releaseClaim(db: Db, claim: Claim, owner: string): Promise<boolean> {
  return (await releaseClaims(db, [claim], owner)).has(claim);
}

/** Frees everything that an owner who is known to be gone had leased. */
export async function releaseClaimsOf(db: Db, owner: string): Promise<void> {
  await db('subjects').where({ owner }).update({ lease_until: 0 });
}
