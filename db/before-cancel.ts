import type { Db } from './database.ts';

/** What a subscription had in store when it was canceled. Times in ms. */
export interface BeforeCancel {
  /** The scheduled change, as the caller wrote it; null for none. */
  nextPhase: unknown;
  /** An end that had been agreed for a later period. */
  cancelAt: number | null;
  savedAt: number;
}

interface Row {
  next_phase: string | null;
  cancel_at: number | null;
  saved_at: number;
}

/** Keeps it, in place of what an earlier cancel of this subscription left. */
export async function saveBeforeCancel(
  db: Db,
  subscriptionId: string,
  { nextPhase, cancelAt, savedAt }: BeforeCancel,
): Promise<void> {
  await db('before_cancel')
    .insert({
      subscription_id: subscriptionId,
      next_phase: nextPhase === null ? null : JSON.stringify(nextPhase),
      cancel_at: cancelAt,
      saved_at: savedAt,
    })
    .onConflict('subscription_id')
    .merge();
}

export async function findBeforeCancel(
  db: Db,
  subscriptionId: string,
): Promise<BeforeCancel | null> {
  const row: Row | undefined = await db('before_cancel')
    .where({ subscription_id: subscriptionId })
    .first();
  if (!row) return null;
  return {
    nextPhase: row.next_phase === null ? null : JSON.parse(row.next_phase),
    cancelAt: row.cancel_at,
    savedAt: row.saved_at,
  };
}

export async function forgetBeforeCancel(db: Db, subscriptionId: string): Promise<void> {
  await db('before_cancel').where({ subscription_id: subscriptionId }).delete();
}
