import type { Knex } from 'knex';
import type { Db } from './database.ts';
import type { EventFlag, EventStatus } from './webhook-events.ts';

/** An event as listed: without its payload, which may be large. Times in ms. */
export interface EventSummary {
  id: string;
  type: string;
  subscriptionId: string | null;
  status: EventStatus;
  attempts: number;
  lastError: string | null;
  flags: EventFlag[];
  receivedAt: number;
}

export interface EventSearch {
  status: EventStatus | 'failed' | null;
  type: string | null;
  /** Of one of these subscriptions. */
  subscriptionIds: string[] | null;
  since: number | null;
  until: number | null;
  after: { receivedAt: number; id: string } | null;
  limit: number;
}

export interface EventPage {
  rows: EventSummary[];
  next: { receivedAt: number; id: string } | null;
  /** Set when the search stopped before it had a full page: everything newer was looked at. */
  searchedBackTo: number | null;
}

/** A rare type is looked for among this many events at a time, so that no page takes long. */
const SCAN = 20_000;

const COLUMNS = [
  'id',
  'type',
  'subscription_id',
  'status',
  'attempts',
  'last_error',
  'flags',
  'received_at',
] as const;

interface Row {
  id: string;
  type: string;
  subscription_id: string | null;
  status: EventStatus;
  attempts: number;
  last_error: string | null;
  flags: string;
  received_at: number;
}

/**
 * A page of the inbox, newest first. Types and states without an index of their own are filtered out of the
 * newest 20,000 events before the cursor; the page then says how far back it has looked.
 */
export async function searchEvents(db: Db, search: EventSearch): Promise<EventPage> {
  const scans = search.subscriptionIds === null && isScanned(search);
  const source = db('webhook_events').select(COLUMNS);
  if (search.since !== null) void source.where('received_at', '>=', search.since);
  if (search.until !== null) void source.where('received_at', '<', search.until);
  if (search.after) {
    void source.whereRaw('(received_at, id) < (?, ?)', [search.after.receivedAt, search.after.id]);
  }
  if (search.subscriptionIds) void source.whereIn('subscription_id', search.subscriptionIds);
  if (!scans) filter(source, search);
  newestFirst(source);

  const select = scans
    ? filter(db.select(COLUMNS).from(source.limit(SCAN).as('newest')), search)
    : source;
  const rows: Row[] = await newestFirst(select).limit(search.limit);
  const full = rows.length === search.limit;
  const last = rows.at(-1);
  if (full && last) return page(rows, { receivedAt: last.received_at, id: last.id });
  const end = scans ? await endOfScan(db, search) : null;
  return end ? { ...page(rows, end), searchedBackTo: end.receivedAt } : page(rows, null);
}

function isScanned(search: EventSearch): boolean {
  return search.type !== null || search.status === 'done' || search.status === 'ignored';
}

/** Events of a type, or of all that begin like `invoice.*`. */
function ofType(select: Knex.QueryBuilder, type: string): void {
  if (!type.endsWith('*')) {
    void select.where({ type });
    return;
  }
  const beginning = type.slice(0, -1).replaceAll(/[%_\\]/g, String.raw`\$&`);
  void select.whereRaw(String.raw`type LIKE ? ESCAPE '\'`, [`${beginning}%`]);
}

function filter(
  select: Knex.QueryBuilder,
  search: Pick<EventSearch, 'type' | 'status'>,
): Knex.QueryBuilder {
  if (search.type !== null) ofType(select, search.type);
  if (search.status === 'failed') {
    void select.where({ status: 'waiting' }).whereNotNull('last_error');
  } else if (search.status !== null) {
    void select.where({ status: search.status });
  }
  return select;
}

function newestFirst(select: Knex.QueryBuilder): Knex.QueryBuilder {
  return select.orderBy([
    { column: 'received_at', order: 'desc' },
    { column: 'id', order: 'desc' },
  ]);
}

/** Where a scan that found too little ended; null when it saw everything there is. */
async function endOfScan(
  db: Db,
  search: EventSearch,
): Promise<{ receivedAt: number; id: string } | null> {
  const select = db('webhook_events').select('received_at', 'id');
  if (search.since !== null) void select.where('received_at', '>=', search.since);
  if (search.until !== null) void select.where('received_at', '<', search.until);
  if (search.after) {
    void select.whereRaw('(received_at, id) < (?, ?)', [search.after.receivedAt, search.after.id]);
  }
  const rows: Pick<Row, 'received_at' | 'id'>[] = await newestFirst(select)
    .offset(SCAN - 1)
    .limit(1);
  return rows[0] ? { receivedAt: rows[0].received_at, id: rows[0].id } : null;
}

function page(rows: Row[], next: EventPage['next']): EventPage {
  return {
    rows: rows.map((row) => ({
      id: row.id,
      type: row.type,
      subscriptionId: row.subscription_id,
      status: row.status,
      attempts: row.attempts,
      lastError: row.last_error,
      flags: (row.flags === '' ? [] : row.flags.split(',')) as EventFlag[],
      receivedAt: row.received_at,
    })),
    next,
    searchedBackTo: null,
  };
}

/** Ids of dead or failed events, oldest first: the order in which they are replayed. */
export async function failedEventIds(
  db: Db,
  status: 'dead' | 'failed',
  limit: number,
): Promise<string[]> {
  const select = db('webhook_events').select('id').orderBy(['received_at', 'created_at', 'id']);
  const rows: { id: string }[] = await filter(select, { status, type: null }).limit(limit);
  return rows.map((row) => row.id);
}

/** Lets failed events be tried at once instead of at their time; returns how many there were. */
export async function retryNow(db: Db, ids: string[], now: number): Promise<number> {
  if (ids.length === 0) return 0;
  return db('webhook_events')
    .whereIn('id', ids)
    .where({ status: 'waiting' })
    .whereNotNull('last_error')
    .update({ next_attempt_at: now });
}
