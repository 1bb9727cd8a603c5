import { databaseNow, type Db } from './database.ts';

/** What has not failed waits no longer than this: for the end of an outage, or for its event to come. */
const UNTRIED_WAIT_MS = 60_000;

/**
 * Makes due what waits further ahead than anything can: a clock that was wrong said when. `maxWaitMs` is the longest delay
 * after a failed attempt.
 */
export async function bringForward(db: Db, maxWaitMs: number): Promise<void> {
  const now = databaseNow(db);
  for (const table of ['webhook_events', 'outbox']) {
    await db(table)
      .where({ status: 'waiting' })
      .whereRaw(
        'next_attempt_at > ? + CASE attempts WHEN 0 THEN CAST(? AS bigint) ELSE CAST(? AS bigint) END',
        [now, UNTRIED_WAIT_MS, Math.ceil(maxWaitMs)],
      )
      .update({ next_attempt_at: now });
  }
}
