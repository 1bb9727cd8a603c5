import { isPostgres, rowsOf, type Db } from './database.ts';
import { flagsOf, type EventRow } from './webhook-events.ts';

/** A waiting event without what Stripe sent. */
export type DueEvent = Pick<
  EventRow,
  'id' | 'subject' | 'subscriptionId' | 'source' | 'attempts' | 'receivedAt' | 'flags'
>;

interface Row {
  id: string;
  subject: string;
  subscription_id: string | null;
  source: DueEvent['source'];
  attempts: number;
  received_at: number;
  flags: string;
}

const DUE = [
  'id',
  'subject',
  'subscription_id',
  'source',
  'attempts',
  'received_at',
  'flags',
] as const;

const dueFromRow = (row: Row): DueEvent => ({
  id: row.id,
  subject: row.subject,
  subscriptionId: row.subscription_id,
  source: row.source,
  attempts: row.attempts,
  receivedAt: row.received_at,
  flags: flagsOf(row.flags),
});

/** The customer of an event that waits; the index of migration 0007 is used only by who writes it like this. */
const WAITING_KEY = "(CASE WHEN status = 'waiting' THEN webhook_events.subject END)";

/** The order in which the events of a customer are told. */
const TOLD = 'received_at, created_at, id';

/**
 * The events of a customer that are due, oldest first; those in `also` whether due or not, because Stripe
 * has just sent them again.
 */
export async function dueEventsOf(
  db: Db,
  key: string,
  options: { now: number; limit: number; also?: string[] },
): Promise<DueEvent[]> {
  return dueEventsOfMany(db, [key], { also: [], ...options });
}

/**
 * The same for several customers at once; `limit` is for each of them. The events in `also` are due for whichever
 * of these customers they belong to.
 */
export async function dueEventsOfMany(
  db: Db,
  keys: string[],
  options: { now: number; limit: number; also: string[] },
): Promise<DueEvent[]> {
  const { now, limit, also } = options;
  if (isPostgres(db)) {
    const answer: unknown = await db.raw(DUE_EVENTS, [keys, now, also, limit]);
    return rowsOf<Row>(answer).map(dueFromRow);
  }
  const numbered = db('webhook_events')
    .whereRaw(`${WAITING_KEY} IN (${keys.map(() => '?').join(',')})`, keys)
    .where((q) => {
      void q.where('next_attempt_at', '<=', now);
      if (also.length > 0) void q.orWhereIn('id', also);
    })
    .select(
      ...DUE,
      'created_at',
      db.raw(`row_number() OVER (PARTITION BY subject ORDER BY ${TOLD}) AS nth`),
    );
  const rows: Row[] = await db
    .from(numbered.as('numbered'))
    .where('nth', '<=', limit)
    .orderByRaw(TOLD)
    .select(...DUE);
  return rows.map(dueFromRow);
}

const DUE_EVENTS = `
SELECT due.* FROM unnest(?::text[]) AS asked (key) CROSS JOIN LATERAL (
  SELECT ${DUE.join(', ')} FROM webhook_events
  WHERE ${WAITING_KEY} = asked.key
    AND (next_attempt_at <= ? OR id = ANY (?::text[]))
  ORDER BY ${TOLD} LIMIT ?
) AS due`;

/** What Stripe sent, by event id. */
export async function payloadsOf(db: Db, ids: string[]): Promise<Map<string, string>> {
  const rows: { id: string; payload: string }[] = await db('webhook_events')
    .whereIn('id', ids)
    .select('id', 'payload');
  return new Map(rows.map(({ id, payload }) => [id, payload]));
}

/** When the next waiting event that is not due yet becomes so; null when none waits. */
export async function nextDueAt(db: Db): Promise<number | null> {
  const row = await db('webhook_events')
    .where({ status: 'waiting' })
    .min({ at: 'next_attempt_at' })
    .first();
  return (row?.at as number | null | undefined) ?? null;
}
