import type { Knex } from 'knex';
import type { EventFacts } from '../state/event-facts.ts';
import type { Db } from './database.ts';

/** `waiting` covers what failed and will be tried again: `lastError` says why. `dead` waits for a replay. */
export type EventStatus = 'waiting' | 'done' | 'ignored' | 'dead';

/** What is worth a second look, and is shown as such. */
export type EventFlag =
  | 'thin'
  | 'foreign_account'
  | 'other_mode'
  | 'other_version'
  | 'unreadable'
  | 'not_found'
  /** About something at Stripe that is not ours. */
  | 'foreign'
  /** Of something that had a life before it was first seen here: nothing follows from it. */
  | 'first_sight'

  // What follows from it was told before: it is noted in the outbox and not sent.
  | 'quiet';

/** An event to store. Times are ms since the epoch. */
export interface NewEvent {
  id: string;
  type: string;
  /** The key by which work is serialised: the customer, normally. */
  subject: string;
  subscriptionId: string | null;
  objectId: string | null;
  /** The exact text that was received. */
  payload: string;
  apiVersion: string | null;
  livemode: boolean;
  account: string | null;
  flags: EventFlag[];
  source: 'webhook' | 'catch_up' | 'replay';
  createdAt: number;
  receivedAt: number;
  status: 'waiting' | 'ignored';
  /** The delivery's headers that are worth keeping, as JSON; nothing for events that were not delivered. */
  headers?: string;
  /** What the payload says, where it has been read already; not stored. */
  facts?: EventFacts;
}

export interface EventRow extends Omit<NewEvent, 'status' | 'facts'> {
  status: EventStatus;
  attempts: number;
  nextAttemptAt: number;
  lastError: string | null;
  processedAt: number | null;
}

interface Row {
  id: string;
  type: string;
  subject: string;
  subscription_id: string | null;
  object_id: string | null;
  payload: string;
  api_version: string | null;
  livemode: boolean | number;
  account: string | null;
  flags: string;
  source: NewEvent['source'];
  created_at: number;
  received_at: number;
  status: EventStatus;
  headers: string;
  attempts: number;
  next_attempt_at: number;
  last_error: string | null;
  processed_at: number | null;
}

export const flagsOf = (text: string) => (text === '' ? [] : text.split(',')) as EventFlag[];

const fromRow = (row: Row): EventRow => ({
  id: row.id,
  type: row.type,
  subject: row.subject,
  subscriptionId: row.subscription_id,
  objectId: row.object_id,
  payload: row.payload,
  apiVersion: row.api_version,
  livemode: Boolean(row.livemode),
  account: row.account,
  flags: flagsOf(row.flags),
  source: row.source,
  createdAt: row.created_at,
  receivedAt: row.received_at,
  status: row.status,
  headers: row.headers || undefined,
  attempts: row.attempts,
  nextAttemptAt: row.next_attempt_at,
  lastError: row.last_error,
  processedAt: row.processed_at,
});

/** One event with its payload, or null. */
export async function findEvent(db: Db, id: string): Promise<EventRow | null> {
  const row: Row | undefined = await db('webhook_events').where({ id }).first();
  return row ? fromRow(row) : null;
}

/** An event without its payload. */
export type EventSummary = Pick<EventRow, 'subject' | 'status' | 'attempts' | 'lastError'>;

/** Where one event stands; null when it is not stored. */
export async function eventStatus(db: Db, id: string): Promise<EventSummary | null> {
  return (await eventStatuses(db, [id])).get(id) ?? null;
}

/** Where events stand, by id; those not stored are left out. */
export async function eventStatuses(db: Db, ids: string[]): Promise<Map<string, EventSummary>> {
  const rows: Row[] = await db('webhook_events')
    .whereIn('id', ids)
    .select('id', 'subject', 'status', 'attempts', 'last_error');
  return new Map(
    rows.map((row) => {
      const { status, attempts, last_error: lastError } = row;
      return [row.id, { subject: row.subject, status, attempts, lastError }];
    }),
  );
}

/** Which of these ids are stored. */
export async function knownEventIds(db: Db, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows: { id: string }[] = await db('webhook_events').whereIn('id', ids).select('id');
  return new Set(rows.map((row) => row.id));
}

/** Marks events as dealt with; in the transaction that writes their effects. */
export async function finishEvents(
  db: Db,
  ids: string[],
  result: { status: 'done' | 'ignored'; at: number; flag?: EventFlag },
): Promise<void> {
  if (ids.length === 0) return;
  await db('webhook_events')
    .whereIn('id', ids)
    .update({
      status: result.status,
      processed_at: result.at,
      last_error: null,
      ...(result.flag && { flags: withFlag(db, result.flag) }),
    });
}

/** The flag as a whole word: `foreign_account` is another one. */
function whereForeign(query: Knex.QueryBuilder): Knex.QueryBuilder {
  return query.whereRaw("',' || flags || ',' LIKE '%,foreign,%'");
}

function withFlag(db: Db, flag: EventFlag): Knex.Raw {
  return db.raw(
    "CASE WHEN flags = '' THEN ? WHEN ',' || flags || ',' LIKE ? THEN flags ELSE flags || ',' || ? END",
    [flag, `%,${flag},%`, flag],
  );
}

/** Moves an event to its customer, once that is known (thin events do not say it). */
export async function moveEvent(
  db: Db,
  id: string,
  to: { customerId: string; subscriptionId: string },
): Promise<void> {
  await db('webhook_events')
    .where({ id, status: 'waiting' })
    .update({ subject: to.customerId, subscription_id: to.subscriptionId });
}

/** Lets an event rest until `nextAttemptAt` or, with `dead`, until it is replayed. */
export async function postponeEvent(
  db: Db,
  id: string,
  failure: { error: string; nextAttemptAt: number; attempts: number; dead: boolean },
): Promise<void> {
  await db('webhook_events')
    .where({ id, status: 'waiting' })
    .update({
      status: failure.dead ? 'dead' : 'waiting',
      attempts: failure.attempts,
      // Delays have jitter, hence fractions, which the column has not.
      next_attempt_at: Math.ceil(failure.nextAttemptAt),
      last_error: failure.error,
    });
}

/**
 * Makes events wait again, and be due now, whatever became of them; returns how many. Those that are none of ours (other
 * types, modes and accounts) stay as they are; one whose object Stripe did not have, or that was not ours, may be tried again.
 */
export async function requeueEvents(db: Db, ids: string[], now: number): Promise<number> {
  if (ids.length === 0) return 0;
  return db('webhook_events')
    .whereIn('id', ids)
    .where(
      (q) =>
        void q
          .whereNot({ status: 'ignored' })
          .orWhereLike('flags', '%not_found%')
          .orWhere((foreign) => void whereForeign(foreign)),
    )
    .update({
      status: 'waiting',
      attempts: 0,
      next_attempt_at: now,
      last_error: null,
      // Whether it is foreign is decided anew.
      flags: db.raw("CASE flags WHEN 'foreign' THEN '' ELSE replace(flags, ',foreign', '') END"),
    });
}

/** What failed payments of a subscription told, of those events that were processed while it was followed. */
export async function processedFailures(db: Db, subscriptionId: string): Promise<string[]> {
  const rows: { payload: string }[] = await db('webhook_events')
    .where({ subscription_id: subscriptionId, type: 'invoice.payment_failed', status: 'done' })
    .whereRaw("flags NOT LIKE '%first_sight%' AND flags NOT LIKE '%quiet%'")
    .orderBy('created_at', 'desc')
    .limit(50)
    .select('payload');
  return rows.map((row) => row.payload);
}

export interface EventQuery {
  status?: EventStatus;
  type?: string;
  subscriptionId?: string;
  /** Only those that failed at least once and are not done. */
  failed?: boolean;
  since?: number;
  limit: number;
  /** The last row of the page before. */
  after?: { receivedAt: number; id: string };
}

/** A page of the inbox, newest first, with payloads; the next page starts after its last row. */
export async function listEvents(db: Db, query: EventQuery): Promise<EventRow[]> {
  const select = db('webhook_events')
    .orderBy([
      { column: 'received_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .limit(query.limit);
  if (query.status) void select.where({ status: query.status });
  if (query.type) void select.where({ type: query.type });
  if (query.subscriptionId) void select.where({ subscription_id: query.subscriptionId });
  if (query.since !== undefined) void select.where('received_at', '>=', query.since);
  if (query.failed) {
    void select
      .whereIn('status', ['waiting', 'dead'])
      .where((q) => void q.where('attempts', '>', 0).orWhereNotNull('last_error'));
  }
  if (query.after) {
    void select.whereRaw('(received_at, id) < (?, ?)', [query.after.receivedAt, query.after.id]);
  }
  return ((await select) as Row[]).map(fromRow);
}

export interface InboxHealth {
  waiting: number;
  /** Waiting events that have failed at least once. */
  failing: number;
  dead: number;
  /** When the event that waits longest and is due was received; null when none is. */
  oldestDueAt: number | null;
  /** Since when something has been due without being claimed; null when nothing is. */
  dueSince: number | null;
}

/** How the inbox is doing; costs only what is waiting or dead. */
export async function inboxHealth(db: Db, now: number): Promise<InboxHealth> {
  const waiting = await db('webhook_events')
    .where({ status: 'waiting' })
    .first<{ waiting: number; failing: number | null; oldest: number | null; due: number | null }>(
      db.raw('count(*) AS waiting'),
      db.raw('sum(CASE WHEN last_error IS NULL THEN 0 ELSE 1 END) AS failing'),
      db.raw('min(CASE WHEN next_attempt_at <= ? THEN received_at END) AS oldest', [now]),
      db.raw('min(CASE WHEN next_attempt_at <= ? THEN next_attempt_at END) AS due', [now]),
    );
  const dead = await db('webhook_events').where({ status: 'dead' }).count({ count: '*' }).first();
  return {
    waiting: waiting?.waiting ?? 0,
    failing: waiting?.failing ?? 0,
    dead: Number(dead?.count ?? 0),
    oldestDueAt: waiting?.oldest ?? null,
    dueSince: waiting?.due ?? null,
  };
}
