import { isPostgres, type Db } from './database.ts';
import { after, type OutboxRow } from './outbox.ts';

/** The note of what waited for a receiver that is not set any more. */
export const NO_RECEIVER = 'no receiver is configured any more';

/** Makes a claim last `lease` ms from now; false when another process has taken the effect over, or it has ended. */
export async function renewEffect(
  db: Db,
  claimed: Pick<OutboxRow, 'id' | 'attempts'>,
  lease: number,
): Promise<boolean> {
  const renewed = await db('outbox')
    .where({ id: claimed.id, attempts: claimed.attempts, status: 'waiting' })
    .update({ next_attempt_at: after(db, lease) });
  return renewed > 0;
}

/** An effect that was delivered. */
export interface Delivered {
  id: number;
  /** Why nothing had to be done, if so. */
  note: string | null;
  /** What a mail said, and to whom; null of what is no mail. */
  sent: object | null;
}

/** Marks effects as delivered, in one statement. */
export async function markDelivered(
  db: Db,
  effects: readonly Delivered[],
  at: number,
): Promise<void> {
  const type = isPostgres(db) ? { id: '::bigint', text: '::text' } : { id: '', text: '' };
  const row = `(?${type.id}, ?${type.text}, ?${type.text})`;
  await db.raw(
    `UPDATE outbox SET status = 'delivered', delivered_at = ?, last_error = given.column2,
       sent = coalesce(given.column3, sent)
     FROM (VALUES ${effects.map(() => row).join(', ')}) AS given WHERE id = given.column1`,
    [at, ...effects.flatMap(({ id, note, sent }) => [id, note, sent && JSON.stringify(sent)])] as (
      | string
      | number
    )[],
  );
}

/**
 * Lets a claimed effect rest for `delayMs` or, with `dead`, until it is replayed. Not when another process
 * took it over meanwhile: what that one did must not be done again.
 */
export async function postponeEffect(
  db: Db,
  claimed: Pick<OutboxRow, 'id' | 'attempts'>,
  failure: { error: string; attempts: number; delayMs: number; dead: boolean },
): Promise<void> {
  await db('outbox')
    .where({ id: claimed.id, attempts: claimed.attempts, status: 'waiting' })
    .update({
      status: failure.dead ? 'dead' : 'waiting',
      attempts: failure.attempts,
      next_attempt_at: after(db, failure.delayMs),
      last_error: failure.error,
    });
}

/** Notes what waits for named receivers that are not set any more: no process would ever take it. */
export async function dropReceivers(db: Db, known: readonly string[], now: number): Promise<void> {
  await db('outbox')
    .where({ status: 'waiting' })
    .whereRaw("substr(kind, 1, 5) = 'event'")
    .whereNotIn('receiver', [...known])
    .update({ status: 'delivered', delivered_at: now, last_error: NO_RECEIVER });
}

/** Makes dead effects wait again; returns how many. */
export async function requeueEffects(db: Db, ids: number[], now: number): Promise<number> {
  return db('outbox')
    .whereIn('id', ids)
    .where({ status: 'dead' })
    .update({ status: 'waiting', attempts: 0, next_attempt_at: now });
}
