import type { Knex } from 'knex';
import { isPostgres, type Db } from './database.ts';

/** Rows that are looked at in one step; each step is short, so that no session waits for it. */
export const STEP = 250;

/**
 * What is decided by the state of things rather than by an event, and would be decided again if it were forgotten: the
 * end of dunning, trials that were refused, notices of a price change.
 */
const KEPT_KINDS = ['dunning.final_action', 'trial.refuse', 'mail.price_change'];

export interface EventPosition {
  receivedAt: number;
  id: string;
}

export interface EventStep {
  events: number;
  attempts: number;
  /** What the events that stay are about: customers, subscriptions, objects. */
  about: string[];
  /** Where the next step begins; null after the last. */
  next: EventPosition | null;
}

interface OldEvent {
  id: string;
  subject: string;
  subscription_id: string | null;
  object_id: string | null;
  status: string;
  created_at: number;
  received_at: number;
  processed_at: number | null;
}

/**
 * One step through the events that arrived before `before`: deletes those that are done or ignored, with the record of
 * their failed attempts. What waits or is dead stays, however old, and so does what was created (by Stripe's clock, or a
 * test clock that runs ahead) or dealt with since: none that Stripe could still tell of is deleted.
 */
export async function pruneEvents(
  db: Db,
  before: number,
  after: EventPosition | null,
): Promise<EventStep> {
  const page = db('webhook_events')
    .where('received_at', '<', before)
    .orderBy(['received_at', 'id'])
    .limit(STEP)
    .select<OldEvent[]>(
      'id',
      'subject',
      'subscription_id',
      'object_id',
      'status',
      'created_at',
      'received_at',
      'processed_at',
    );
  if (after) void page.whereRaw('(received_at, id) > (?, ?)', [after.receivedAt, after.id]);
  const rows = await page;
  const isOver = (row: OldEvent) =>
    (row.status === 'done' || row.status === 'ignored') &&
    row.created_at < before &&
    (row.processed_at ?? 0) < before;
  const over = rows.filter(isOver).map(({ id }) => id);
  const gone = await deleteEvents(db, over);
  const last = rows.at(-1);
  return {
    ...gone,
    about: rows
      .filter((row) => !isOver(row))
      .flatMap((row) => [row.subject, row.subscription_id, row.object_id])
      .filter((name) => name !== null),
    next: last && rows.length === STEP ? { receivedAt: last.received_at, id: last.id } : null,
  };
}

async function deleteEvents(db: Db, ids: string[]): Promise<{ events: number; attempts: number }> {
  if (ids.length === 0) return { events: 0, attempts: 0 };
  return db.transaction(async (trx) => {
    // One that was replayed in this moment waits again.
    const over = trx('webhook_events').whereIn('id', ids).whereIn('status', ['done', 'ignored']);
    const gone: string[] = await withoutWaiting(trx, over).pluck('id');
    const attempts = await trx('processing_attempts').whereIn('event_id', gone).delete();
    return { events: await trx('webhook_events').whereIn('id', gone).delete(), attempts };
  });
}

export interface EffectStep {
  effects: number;
  next: number | null;
}

/**
 * One step through the outbox, in the order of the ids, which is that of time: deletes what was delivered before
 * `before`. Effects about something in `except` stay: an event about it that is still here may be replayed, and
 * must not have them again.
 */
export async function pruneEffects(
  db: Db,
  terms: { before: number; except: ReadonlySet<string> },
  after: number,
): Promise<EffectStep> {
  const rows: OldEffect[] = await db('outbox')
    .where('id', '>', after)
    .orderBy('id')
    .limit(STEP)
    .select('id', 'object_id', 'kind', 'payload', 'status', 'created_at', 'delivered_at');
  const over = rows.filter(
    (row) =>
      row.status === 'delivered' &&
      Math.max(row.created_at, row.delivered_at ?? 0) < terms.before &&
      !KEPT_KINDS.includes(row.kind) &&
      !isAbout(row, terms.except),
  );
  const effects = await deleteEffects(
    db,
    over.map(({ id }) => id),
  );
  const isEnd = rows.length < STEP || rows.every((row) => row.created_at >= terms.before);
  return { effects, next: isEnd ? null : (rows.at(-1)?.id ?? null) };
}

interface OldEffect {
  id: number;
  object_id: string;
  kind: string;
  payload: string;
  status: string;
  created_at: number;
  delivered_at: number | null;
}

function isAbout(row: OldEffect, names: ReadonlySet<string>): boolean {
  if (names.size === 0) return false;
  const payload = JSON.parse(row.payload) as Record<string, unknown>;
  const data = (payload['data'] ?? payload) as Record<string, unknown>;
  const own = [data['customerId'], data['subscriptionId'], data['invoiceId']];
  return [...row.object_id.split(/[:>]/), ...own].some((name) => names.has(String(name)));
}

async function deleteEffects(db: Db, ids: number[]): Promise<number> {
  if (ids.length === 0) return 0;
  return db.transaction(async (trx) => {
    const over = trx('outbox').whereIn('id', ids).where({ status: 'delivered' });
    const gone: number[] = await withoutWaiting(trx, over).pluck('id');
    await trx('webhook_attempts').whereIn('effect_id', gone).delete();
    const deleted: number = await trx('outbox').whereIn('id', gone).delete();
    return deleted;
  });
}

export interface LockStep {
  locks: number;
  next: string | null;
}

/**
 * One step through the customer locks, in the order of their keys: forgets those whose lease was given back, or ended before
 * `before`. One that is claimed again comes back with a fence that it never had.
 */
export async function pruneLocks(db: Db, before: number, after: string): Promise<LockStep> {
  const keys: string[] = await db('subjects')
    .where('key', '>', after)
    .orderBy('key')
    .limit(STEP)
    .pluck('key');
  const idle = db('subjects').whereIn('key', keys).where('lease_until', '<', before);
  const locks =
    keys.length === 0
      ? 0
      : await db('subjects')
          .whereIn('key', withoutWaiting(db, idle.select('key')))
          .delete();
  return { locks, next: keys.length === STEP ? (keys.at(-1) ?? null) : null };
}

/** The rows of a query, without those that another transaction has locked: neither waits for the other. */
function withoutWaiting<Query extends Knex.QueryBuilder>(db: Db, rows: Query): Query {
  if (isPostgres(db)) void rows.forUpdate().skipLocked();
  return rows;
}
