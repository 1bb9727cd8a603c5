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
  /** The same request is being answered by another request now. */
  | { kind: 'in_progress' }
  /** The key was used for another request. */
  | { kind: 'conflict' };

interface Row {
  request_hash: string;
  status: number | null;
  response: string | null;
  locked_until: number;
}

/** A key and who holds it. Without a holder nothing is fenced. */
interface HeldKey {
  userId: string;
  key: string;
  holder?: string | undefined;
}

/**
 * Takes an idempotency key of a user for one request. A holder that dies loses it after `lease` ms; one that works renews
 * it.
 */
export async function takeKey(
  db: Db,
  key: HeldKey & { requestHash: string },
  terms: { now: number; lease: number },
): Promise<KeyClaim> {
  const where = { user_id: key.userId, key: key.key };
  const lockedUntil = terms.now + terms.lease;
  const inserted: unknown[] = await db('idempotency_keys')
    .insert({
      ...where,
      request_hash: key.requestHash,
      locked_until: lockedUntil,
      locked_by: key.holder ?? null,
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
    .update({ locked_until: lockedUntil, locked_by: key.holder ?? null });
  return taken > 0 ? { kind: 'claimed' } : { kind: 'in_progress' };
}

/** Whether a key is still being worked on by its holder. It writes nothing: repetitions that wait ask again and again. */
export async function isKeyHeld(db: Db, { userId, key }: HeldKey, now: number): Promise<boolean> {
  const row: Row | undefined = await db('idempotency_keys')
    .where({ user_id: userId, key })
    .first('status', 'locked_until');
  return row !== undefined && row.status === null && row.locked_until > now;
}

/** Keeps a key for longer; false when another holder has it by now. */
export async function renewKey(
  db: Db,
  key: HeldKey,
  terms: { now: number; lease: number },
): Promise<boolean> {
  const renewed = await held(db, key).update({ locked_until: terms.now + terms.lease });
  return renewed > 0;
}

/** Stores the answer that every repetition of the request will get; false when another holder has the key by now. */
export async function finishKey(
  db: Db,
  key: HeldKey,
  { status, headers, body }: StoredResponse,
): Promise<boolean> {
  const response = JSON.stringify({ headers, body });
  return (await held(db, key).update({ status, response, locked_until: 0 })) > 0;
}

/** Gives a key back after a failure that a retry may fix. */
export async function releaseKey(db: Db, key: HeldKey): Promise<void> {
  await held(db, key).delete();
}

const held = (db: Db, { userId, key, holder }: HeldKey) =>
  db('idempotency_keys').where({
    user_id: userId,
    key,
    status: null,
    ...(holder === undefined ? {} : { locked_by: holder }),
  });

/** Forgets keys older than `before`, at most `limit` at once; returns how many. */
export async function pruneKeys(db: Db, before: number, limit: number): Promise<number> {
  const old = db('idempotency_keys')
    .where('created_at', '<', before)
    .orderBy('created_at')
    .limit(limit)
    .select('user_id', 'key');
  return db('idempotency_keys').whereIn(['user_id', 'key'], old).delete();
}
