import type { Db } from './database.ts';

/** One failed attempt to process an event. */
export interface AttemptRow {
  eventId: string;
  attempt: number;
  failedAt: number;
  error: string;
}

/** Keeps why an attempt failed; successes are told by the event itself. */
export async function recordAttempts(db: Db, attempts: AttemptRow[]): Promise<void> {
  if (attempts.length === 0) return;
  await db('processing_attempts').insert(
    attempts.map((attempt) => ({
      event_id: attempt.eventId,
      attempt: attempt.attempt,
      failed_at: attempt.failedAt,
      error: attempt.error,
    })),
  );
}

/** The failed attempts of an event, oldest first; at most the newest 100. */
export async function attemptsOf(db: Db, eventId: string): Promise<AttemptRow[]> {
  const rows: { event_id: string; attempt: number; failed_at: number; error: string }[] = await db(
    'processing_attempts',
  )
    .where({ event_id: eventId })
    .orderBy('id', 'desc')
    .limit(100);
  return rows.reverse().map((row) => ({
    eventId: row.event_id,
    attempt: row.attempt,
    failedAt: row.failed_at,
    error: row.error,
  }));
}
