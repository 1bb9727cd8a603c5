import { binaryArray } from './binary-array.ts';
import { columnsOf, runPrepared, unnest } from './columns.ts';
import { isPostgres, type Db } from './database.ts';

/**
 * The right to work on a subject until the lease ends; the fence tells this right from all others. It begins with the
 * time, not with 1: the row of an idle subject is deleted, and a fence of it must not come again.
 */
export interface Claim {
  key: string;
  fence: number;
}

export interface LeaseTerms {
  owner: string;
  now: number;
  /** How long the lease holds, in ms. */
  duration: number;
  /** Only subjects with events that were due by then; `now` by default. */
  dueBy?: number;
  /** Subjects to leave alone: those that this process is at work on. */
  except?: string[];
  /** How many due events a subject has, about: so many are looked at for each that is wanted, and four at most. */
  eventsEach?: number;
}

/**
 * Takes the lease of up to `limit` subjects that have due events and no live lease, those that wait longest
 * first. Several processes may call it at once: on Postgres each skips the events that another is
 * looking at, and whoever loses the race for a subject's row does not get it.
 */
export async function claimDueSubjects(db: Db, limit: number, terms: LeaseTerms): Promise<Claim[]> {
  const { owner, now, duration, dueBy = now, except = [], eventsEach = MOST_EACH } = terms;
  const looked = Math.ceil(limit * Math.min(eventsEach, MOST_EACH));
  if (isPostgres(db)) {
    const lease = [now + duration, owner];
    const values = [dueBy, now, binaryArray('text', except), looked, limit, ...lease];
    return runPrepared(db, { name: 'claim_due', text: CLAIM_DUE_ON_POSTGRES, values });
  }
  const others = except.map(() => '?').join(',');
  const values = [dueBy, now, ...except, looked, limit];
  return db.raw(claimDueOnSqlite(others), [...values, now, now + duration, owner, now]);
}

/** Most events that are looked at for each subject that is wanted. On PostgreSQL each of them is locked, which is a write. */
const MOST_EACH = 4;

/**
 * The lease is looked up row by row: a join is planned as one of whole tables where their statistics are old. Rows are
 * locked in JavaScript's order, here as everywhere.
 */
const CLAIM_DUE_ON_POSTGRES = `
WITH due AS MATERIALIZED (
  SELECT subject, next_attempt_at FROM webhook_events
  WHERE status = 'waiting' AND next_attempt_at <= $1
    AND coalesce((SELECT lease_until FROM subjects WHERE key = subject), 0) <= $2
    AND subject <> ALL ($3::text[])
  ORDER BY next_attempt_at LIMIT $4
  FOR UPDATE OF webhook_events SKIP LOCKED
), chosen AS (
  SELECT subject FROM due GROUP BY subject ORDER BY min(next_attempt_at) LIMIT $5
)
INSERT INTO subjects (key, fence, lease_until, owner)
SELECT subject, $2, $6, $7 FROM chosen ORDER BY subject COLLATE "C"
ON CONFLICT (key) DO UPDATE SET
  fence = subjects.fence + 1, lease_until = excluded.lease_until, owner = excluded.owner
  WHERE subjects.lease_until <= $2
RETURNING key, fence`;

const claimDueOnSqlite = (except: string) => `
WITH due AS (
  SELECT subject, next_attempt_at FROM webhook_events
  WHERE status = 'waiting' AND next_attempt_at <= ?
    AND NOT EXISTS (SELECT 1 FROM subjects WHERE key = subject AND lease_until > ?)
    AND subject NOT IN (${except})
  ORDER BY next_attempt_at LIMIT ?
), chosen AS (
  SELECT subject FROM due GROUP BY subject ORDER BY min(next_attempt_at) LIMIT ?
)
INSERT INTO subjects (key, fence, lease_until, owner)
SELECT subject, ?, ?, ? FROM chosen WHERE true
ON CONFLICT (key) DO UPDATE SET
  fence = subjects.fence + 1, lease_until = excluded.lease_until, owner = excluded.owner
  WHERE subjects.lease_until <= ?
RETURNING key, fence`;

/**
 * Takes the leases of these customers, whether they have events or not; those that another owner holds are left out, and
 * not waited for while their commit is under way. Rows are locked in one order, so that two processes cannot lock each
 * other out.
 */
export async function claimSubjects(
  db: Db,
  keys: readonly string[],
  terms: LeaseTerms,
): Promise<Claim[]> {
  const { owner, now, duration } = terms;
  const sorted = [...keys].sort((a, b) => (a < b ? -1 : 1));
  const sql = `
    INSERT INTO subjects (key, fence, lease_until, owner)
    SELECT asked.key, CAST(? AS bigint), CAST(? AS bigint), CAST(? AS text)
    FROM (${sorted.map(() => 'SELECT CAST(? AS text) AS key').join(' UNION ALL ')}) AS asked
    WHERE coalesce((SELECT lease_until FROM subjects WHERE subjects.key = asked.key), 0) <= ?
    ON CONFLICT (key) DO UPDATE SET
      fence = subjects.fence + 1, lease_until = excluded.lease_until, owner = excluded.owner
      WHERE subjects.lease_until <= ?
    RETURNING key, fence`;
  return rowsOf(await db.raw(sql, [now, now + duration, owner, ...sorted, now, now]));
}

/** The same for one subject; null while somebody else holds it. */
export async function claimSubject(db: Db, key: string, terms: LeaseTerms): Promise<Claim | null> {
  const [claim] = await claimSubjects(db, [key], terms);
  return claim ?? null;
}

/** Makes a lease last until `now + duration`, if it is still held: one that was given back stays so. */
export async function renewSubject(db: Db, claim: Claim, terms: LeaseTerms): Promise<void> {
  await db('subjects')
    .where({ key: claim.key, fence: claim.fence, owner: terms.owner })
    .where('lease_until', '>', 0)
    .update({ lease_until: terms.now + terms.duration });
}

/** Postgres answers with a result, SQLite with the rows. */
function rowsOf(result: Claim[] | { rows: Claim[] }): Claim[] {
  return Array.isArray(result) ? result : result.rows;
}

/**
 * Gives leases back, those that are still ours, and returns them. As the first statement of a transaction it also locks
 * the subjects' rows until the commit. A claim that is missing: another process took the subject over, or this one
 * claimed it again, or it was given back before; what was read since may be old and must be thrown away.
 */
export async function releaseSubjects(db: Db, claims: Claim[], owner: string): Promise<Set<Claim>> {
  const rows = await (isPostgres(db)
    ? runPrepared<Claim>(db, {
        name: 'release',
        text: RELEASE_ON_POSTGRES,
        values: [owner, ...columnsOf(CLAIM, inOneOrder(claims))],
      })
    : releaseOnSqlite(db, claims, owner));
  const fences = new Map(rows.map(({ key, fence }) => [key, fence]));
  return new Set(claims.filter(({ key, fence }) => fences.get(key) === fence));
}

const CLAIM = { key: 'text', fence: 'bigint' } as const;

/** In which all lock rows, whatever language the database speaks: else each could wait for what the other has. */
const inOneOrder = (claims: Claim[]) => [...claims].sort((a, b) => (a.key < b.key ? -1 : 1));

/** Locks row by row in the order given: a join could be planned as one of whole tables, in another order. */
const RELEASE_ON_POSTGRES = `
UPDATE subjects SET lease_until = 0 WHERE key IN (
  SELECT locked.key FROM ${unnest(CLAIM, 'claims', 2)} CROSS JOIN LATERAL (
    SELECT key FROM subjects
    WHERE subjects.key = claims.key AND subjects.fence = claims.fence AND owner = $1 AND lease_until > 0
    FOR UPDATE
  ) AS locked
) RETURNING key, fence`;

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
export async function releaseSubject(db: Db, claim: Claim, owner: string): Promise<boolean> {
  return (await releaseSubjects(db, [claim], owner)).has(claim);
}

/** Frees everything that an owner who is known to be gone had leased. */
export async function releaseSubjectsOf(db: Db, owner: string): Promise<void> {
  await db('subjects').where({ owner }).update({ lease_until: 0 });
}
