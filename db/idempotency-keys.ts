import type { Db } from './database.ts';

/** A stored answer: body and headers as they were sent. */
export interface StoredResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export type KeyClaim =
  /** The caller holds the key and must finish or release it. */
  | { kind: 'claimed' }
  /** The same request was answered before. */
  | { kind: 'answered'; response: StoredResponse }
  /** The same request is being answered by somebody else now. */
  | { kind: 'in_progress' }
  /** The key was used for another request. */
  | { kind: 'conflict' };

interface Row {
  request_hash: string;
  status: number | null;
  response: string | null;
  locked_until: number;
}

/**
 * Takes an idempotency key of a user for one request. A holder that dies loses it after `lease` ms.
 */
export async function claimKey(
  db: Db,
  key: { userId: string; key: string; requestHash: string },
  terms: { now: number; lease: number },
): Promise<KeyClaim> {
  const where = { user_id: key.userId, key: key.key };
  const lockedUntil = terms.now + terms.lease;
  const inserted: unknown[] = await db('idempotency_keys')
    .insert({
      ...where,
      request_hash: key.requestHash,
      locked_until: lockedUntil,
      created_at: terms.now,
    })
    .onConflict(['user_id', 'key'])
    .ignore()
    .returning('key');
  if (inserted.length > 0) return { kind: 'claimed' };
  const row: Row | undefined = await db('idempotency_keys').where(where).first();
  if (!row) return { kind: 'in_progress' };
  if (row.request_hash !== key.requestHash) return { kind: 'conflict' };
  if (row.status !== null) {
    const { headers, body } = JSON.parse(row.response!) as Omit<StoredResponse, 'status'>;
    return { kind: 'answered', response: { status: row.status, headers, body } };
  }
  const taken = await db('idempotency_keys')
    .where({ ...where, locked_until: row.locked_until, status: null })
    .where('locked_until', '<=', terms.now)
    .update({ locked_until: lockedUntil });
  return taken > 0 ? { kind: 'claimed' } : { kind: 'in_progress' };
}

/** Stores the answer that every repetition of the request will get. */
export async function finishKey(
  db: Db,
  key: { userId: string; key: string },
  response: StoredResponse,
): Promise<void> {
  await db('idempotency_keys')
    .where({ user_id: key.userId, key: key.key })
    .update({
      status: response.status,
      response: JSON.stringify({ headers: response.headers, body: response.body }),
      locked_until: 0,
    });
}

/** Gives a key back after a failure that a retry may mend. */
export async function releaseKey(db: Db, key: { userId: string; key: string }): Promise<void> {
  await db('idempotency_keys').where({ user_id: key.userId, key: key.key, status: null }).delete();
}

/** Forgets keys older than `before`, at most `limit` at once; returns how many. */
export async function pruneKeys(db: Db, before: number, limit: number): Promise<number> {
  const old = db('idempotency_keys')
    .where('created_at', '<', before)
    .orderBy('created_at')
    .limit(limit)
    .select('user_id', 'key');
  return db('idempotency_keys').whereIn(['user_id', 'key'], old).delete();
}
