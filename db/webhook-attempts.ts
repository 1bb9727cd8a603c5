import { columnsOf, unnest } from './columns.ts';
import { inChunks, isPostgres, type Db } from './database.ts';

/** One try to deliver an outgoing webhook. */
export interface WebhookAttempt {
  /** The row of the outbox. */
  effectId: number;
  /** When it began, in ms since the epoch. */
  at: number;
  durationMs: number;
  /** What the receiver answered; null when it did not. */
  status: number | null;
  /** Why it failed; null when it was taken. */
  error: string | null;
}

const COLUMNS = {
  effect_id: 'bigint',
  at: 'bigint',
  duration_ms: 'integer',
  status: 'integer',
  error: 'text',
} as const;
const NAMES = Object.keys(COLUMNS).join(', ');

/** Notes attempts, in one statement. */
export async function addAttempts(db: Db, attempts: readonly WebhookAttempt[]): Promise<void> {
  const rows = attempts.map(({ effectId, at, durationMs, status, error }) => ({
    effect_id: effectId,
    at,
    duration_ms: durationMs,
    status,
    error,
  }));
  if (isPostgres(db)) {
    const sql = `INSERT INTO webhook_attempts (${NAMES}) SELECT ${NAMES} FROM ${unnest(COLUMNS, 'given')}`;
    await db.raw(sql, columnsOf(COLUMNS, rows));
    return;
  }
  for (const chunk of inChunks(rows)) await db('webhook_attempts').insert(chunk);
}

/** The attempts of one webhook, oldest first; of the last hundred. */
export async function attemptsOf(db: Db, effectId: number): Promise<WebhookAttempt[]> {
  const rows: {
    at: number;
    duration_ms: number;
    status: number | null;
    error: string | null;
  }[] = await db('webhook_attempts')
    .where({ effect_id: effectId })
    .orderBy('id', 'desc')
    .limit(100);
  return rows
    .map(({ at, duration_ms, status, error }) => ({
      effectId,
      at,
      durationMs: duration_ms,
      status,
      error,
    }))
    .toReversed();
}
