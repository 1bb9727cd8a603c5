import type { Aggregation } from '../state/aggregation.ts';
import type { Db } from './database.ts';
import { addToTotals, type DeliveredPart } from './usage-totals.ts';

/** Usage of one user, meter and window that is sent as one meter event. */
export interface UsageWindow {
  id: number;
  userId: string;
  meter: string;
  /** Start of the window, in ms. */
  windowAt: number;
  quantity: number;
  /** When the last of it was used, in ms. */
  lastAt: number;
  /** What Stripe knows the event by; the same at every attempt. */
  identifier: string;
  attempts: number;
  /** Real time of the first attempt, in ms. */
  firstAttemptAt: number | null;
  /** The event's timestamp at the last attempt, in seconds. */
  toldAt: number | null;
  lastError: string | null;
  aggregation: Aggregation;
}

interface Row {
  id: number;
  user_id: string;
  meter: string;
  window_at: number;
  quantity: number;
  last_at: number;
  identifier: string;
  attempts: number;
  first_attempt_at: number | null;
  told_at: number | null;
  last_error: string | null;
  aggregation: Aggregation;
}

const fromRow = (row: Row): UsageWindow => ({
  id: row.id,
  userId: row.user_id,
  meter: row.meter,
  windowAt: row.window_at,
  quantity: row.quantity,
  lastAt: row.last_at,
  identifier: row.identifier,
  attempts: row.attempts,
  firstAttemptAt: row.first_attempt_at,
  toldAt: row.told_at,
  lastError: row.last_error,
  aggregation: row.aggregation,
});

// Written out, not bound: SQLite uses a partial index only where it can read its condition in the statement.
const OPEN = "status = 'open'";
const SEALED = "status = 'sealed'";
const UNSENT = "status IN ('open', 'sealed', 'refused')";

/** An open window waits while an earlier part of it is on its way: that keeps to one event for each at a time. */
const HAS_EARLIER_PART = `EXISTS (SELECT 1 FROM usage_windows AS earlier
  WHERE earlier.${UNSENT} AND earlier.${SEALED}
    AND earlier.user_id = usage_windows.user_id
    AND earlier.meter = usage_windows.meter AND earlier.window_at = usage_windows.window_at)`;

/** Closes open windows, of all users or of some: from now on they do not grow. Returns how many. */
export async function sealWindows(
  db: Db,
  options: { now: number; userIds?: readonly string[] },
): Promise<number> {
  const update = db('usage_windows').whereRaw(OPEN).whereRaw(`NOT ${HAS_EARLIER_PART}`);
  if (options.userIds) void update.whereIn('user_id', options.userIds);
  return update.update({ status: 'sealed', next_attempt_at: options.now });
}

/** Sealed windows that are due, oldest first. */
export async function dueWindows(
  db: Db,
  options: { now: number; limit: number; userIds?: readonly string[] },
): Promise<UsageWindow[]> {
  const select = db('usage_windows')
    .whereRaw(SEALED)
    .where('next_attempt_at', '<=', options.now)
    .orderBy(['next_attempt_at', 'id'])
    .limit(options.limit);
  if (options.userIds) void select.whereIn('user_id', options.userIds);
  return ((await select) as Row[]).map(fromRow);
}

/** Whether anybody, or any of these users, has usage that Stripe does not have yet. */
export async function haveUnsentUsage(db: Db, userIds?: readonly string[]): Promise<boolean> {
  return (await haveWindows(db, OPEN, userIds)) || haveWindows(db, SEALED, userIds);
}

/** Whether any of that usage may still grow. */
export async function haveOpenUsage(db: Db, userIds?: readonly string[]): Promise<boolean> {
  return haveWindows(db, OPEN, userIds);
}

async function haveWindows(db: Db, status: string, userIds?: readonly string[]): Promise<boolean> {
  const select = db('usage_windows').whereRaw(status);
  if (userIds) void select.whereIn('user_id', userIds);
  return (await select.first('id')) !== undefined;
}

/** Notes, before Stripe is called, that windows are about to be sent and with which timestamp (in seconds). */
export async function markAttempts(
  db: Db,
  attempts: { id: number; toldAt: number }[],
  now: number,
): Promise<void> {
  const byTime = new Map<number, number[]>();
  for (const { id, toldAt } of attempts) {
    byTime.set(toldAt, [...(byTime.get(toldAt) ?? []), id]);
  }
  await db.transaction(async (trx) => {
    for (const [toldAt, ids] of byTime) {
      await trx('usage_windows')
        .whereIn('id', ids)
        .update({
          attempts: trx.raw('attempts + 1'),
          first_attempt_at: trx.raw('coalesce(first_attempt_at, ?)', [now]),
          told_at: toldAt,
        });
    }
  });
}

/**
 * After a restore: what a backup holds as unsent may have been sent since. It counts as tried when it was used, so that one whose
 * identifier Stripe has forgotten is looked for before it is sent.
 */
export async function suspectUnsentWindows(db: Db, now: number): Promise<void> {
  await db('usage_windows')
    .whereRaw(UNSENT)
    .whereNull('first_attempt_at')
    .update({ first_attempt_at: db.ref('last_at'), told_at: db.raw('last_at / 1000') });
  await sealWindows(db, { now });
}

/** A window that needs no more sending. */
export type DeliveredWindow = UsageWindow & DeliveredPart;

/** Notes that Stripe has these windows and adds them to the acknowledged totals, each once however often it is called. */
export async function markDelivered(
  db: Db,
  windows: DeliveredWindow[],
  now: number,
): Promise<void> {
  if (windows.length === 0) return;
  await db.transaction(async (trx) => {
    const marked: { id: number }[] = await trx('usage_windows')
      .whereIn(
        'id',
        windows.map((window) => window.id),
      )
      .where({ status: 'sealed' })
      .update({ status: 'delivered', delivered_at: now, last_error: null })
      .returning('id');
    const ids = new Set(marked.map((row) => row.id));
    await addToTotals(
      trx,
      windows.filter(({ id }) => ids.has(id)),
    );
  });
}

/** Lets windows rest until another attempt, or for good when `refused`. */
export async function postponeWindows(
  db: Db,
  ids: number[],
  failure: { error: string; nextAttemptAt: number; refused: boolean },
): Promise<void> {
  if (ids.length === 0) return;
  await db('usage_windows')
    .whereIn('id', ids)
    .where({ status: 'sealed' })
    .update({
      status: failure.refused ? 'refused' : 'sealed',
      next_attempt_at: failure.nextAttemptAt,
      last_error: failure.error,
    });
}

/** Makes refused windows due again, once the reason is fixed; returns how many. */
export async function retryRefused(db: Db, now: number): Promise<number> {
  return db('usage_windows')
    .where({ status: 'refused' })
    .update({ status: 'sealed', next_attempt_at: now, last_error: null });
}

/** When the next sealed window is due; null when none waits. */
export async function nextWindowDueAt(db: Db): Promise<number | null> {
  const row = await db('usage_windows').whereRaw(SEALED).min({ at: 'next_attempt_at' }).first();
  return (row?.at as number | null | undefined) ?? null;
}

/** How the way to Stripe is doing. */
export interface UsageHealth {
  /** Windows that are sealed and not delivered. */
  waiting: number;
  /** Those of them that failed at least once. */
  failing: number;
  refused: number;
}

/** Counts what is not delivered; costs only that. */
export async function usageHealth(db: Db): Promise<UsageHealth> {
  const row = await db('usage_windows')
    .whereRaw(UNSENT)
    .first<Record<keyof UsageHealth, number | null>>(
      db.raw("sum(CASE WHEN status = 'sealed' THEN 1 ELSE 0 END) AS waiting"),
      db.raw(
        "sum(CASE WHEN status = 'sealed' AND last_error IS NOT NULL THEN 1 ELSE 0 END) AS failing",
      ),
      db.raw("sum(CASE WHEN status = 'refused' THEN 1 ELSE 0 END) AS refused"),
    );
  return {
    waiting: row?.waiting ?? 0,
    failing: row?.failing ?? 0,
    refused: row?.refused ?? 0,
  };
}

/** Forgets delivered windows, a few thousand at most; their totals stay. Returns how many. */
export async function forgetWindows(db: Db, before: number): Promise<number> {
  const old = db('usage_windows')
    .whereRaw("status = 'delivered'")
    .where('delivered_at', '<', before)
    .limit(5_000)
    .select('id');
  return db('usage_windows').whereIn('id', old).delete();
}
