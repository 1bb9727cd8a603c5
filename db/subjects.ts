import { isPostgres, type Db } from './database.ts';

/** The right to work on a subject until the lease ends; the fence tells this right from all others. */
export interface Claim {
  key: string;
  fence: number;
}

export interface LeaseTerms {
  owner: string;
  now: number;
  /** How long the lease holds, in ms. */
  duration: number;
  /** Subjects to leave alone: those that this process is at work on. */
  except?: string[];
}

/**
 * Takes the lease of up to `limit` subjects that have due events and no live lease, those that wait longest
 * first. Several processes may call it at once: on Postgres each skips the events that another is
 * looking at, and whoever loses the race for a subject's row does not get it.
 */
export async function claimDueSubjects(db: Db, limit: number, terms: LeaseTerms): Promise<Claim[]> {
  const { owner, now, duration, except = [] } = terms;
  const others = except.length > 0 ? `AND subject NOT IN (${except.map(() => '?').join(',')})` : '';
  const sql = `
    WITH due AS ${isPostgres(db) ? 'MATERIALIZED' : ''} (
      SELECT subject, next_attempt_at FROM webhook_events
      WHERE status = 'waiting' AND next_attempt_at <= ?
        AND NOT EXISTS (SELECT 1 FROM subjects WHERE key = subject AND lease_until > ?)
        ${others}
      ORDER BY next_attempt_at LIMIT ?
      ${isPostgres(db) ? 'FOR UPDATE OF webhook_events SKIP LOCKED' : ''}
    ), chosen AS (
      SELECT subject FROM due GROUP BY subject ORDER BY min(next_attempt_at) LIMIT ?
    )
    INSERT INTO subjects (key, fence, lease_until, owner)
    SELECT subject, 1, ?, ? FROM chosen WHERE true ORDER BY subject
    ON CONFLICT (key) DO UPDATE SET
      fence = subjects.fence + 1, lease_until = excluded.lease_until, owner = excluded.owner
      WHERE subjects.lease_until <= ?
    RETURNING key, fence`;
  const values = [now, now, ...except, limit * 20, limit, now + duration, owner, now];
  return rowsOf(await db.raw(sql, values));
}

/** Takes the lease of one subject, whether it has events or not; null while somebody else holds it. */
export async function claimSubject(db: Db, key: string, terms: LeaseTerms): Promise<Claim | null> {
  const { owner, now, duration } = terms;
  const sql = `
    INSERT INTO subjects (key, fence, lease_until, owner) VALUES (?, 1, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
      fence = subjects.fence + 1, lease_until = excluded.lease_until, owner = excluded.owner
      WHERE subjects.lease_until <= ?
    RETURNING key, fence`;
  const [claim] = rowsOf(await db.raw(sql, [key, now + duration, owner, now]));
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
 * Gives the lease back, if it is still ours. As the first statement of a transaction it also locks the subject's
 * row until the commit. False: another process took the subject over, so what was read since the claim may be
 * old and must be thrown away.
 */
export async function releaseSubject(db: Db, claim: Claim, owner: string): Promise<boolean> {
  const changed = await db('subjects')
    .where({ key: claim.key, fence: claim.fence, owner })
    .update({ lease_until: 0 });
  return changed > 0;
}

/** Forgets subjects that nobody worked on for long; owners are unique, so a forgotten fence may start again. */
export async function pruneSubjects(db: Db, before: number): Promise<number> {
  return db('subjects').where('lease_until', '>', 0).where('lease_until', '<', before).delete();
}

/** Frees everything that an owner who is known to be gone had leased. */
export async function releaseSubjectsOf(db: Db, owner: string): Promise<void> {
  await db('subjects').where({ owner }).update({ lease_until: 0 });
}
