import type pg from 'pg';
import { isPostgres, type Db } from './database.ts';
import { allPrepared, type SqliteConnection } from './sqlite-connection.ts';
import { binaryTextArray } from './text-array.ts';
import type { NewEvent } from './webhook-events.ts';

const COLUMNS = [
  'id',
  'type',
  'subject',
  'subscription_id',
  'object_id',
  'payload',
  'api_version',
  'livemode',
  'account',
  'flags',
  'source',
  'created_at',
  'received_at',
  'status',
  'headers',
] as const;

const POSTGRES_TYPES: Partial<Record<(typeof COLUMNS)[number], string>> = {
  livemode: 'boolean',
  created_at: 'bigint',
  received_at: 'bigint',
};

/** One array per column: the statement is the same for every size of batch, so it is prepared once. */
const POSTGRES_INSERT = `
INSERT INTO webhook_events (${COLUMNS.join(', ')}, attempts, next_attempt_at)
SELECT ${COLUMNS.join(', ')}, 0, received_at FROM unnest(${COLUMNS.map(
  (column, i) => `$${i + 1}::${POSTGRES_TYPES[column] ?? 'text'}[]`,
).join(', ')}) AS batch (${COLUMNS.join(', ')})
ON CONFLICT (id) DO NOTHING RETURNING id`;

/**
 * Stores a batch in one statement, each event once; nothing else is written.
 * Returns the ids that were new. All or nothing: a failure stores none of them.
 */
export async function insertEvents(db: Db, events: NewEvent[]): Promise<Set<string>> {
  if (events.length === 0) return new Set();
  // In one order, so that two batches with the same events in them cannot lock each other out.
  const ordered = [...events].sort((a, b) => (a.id < b.id ? -1 : 1));
  const rows = await (isPostgres(db) ? insertPrepared(db, ordered) : insertMany(db, ordered));
  return new Set(rows.map((row) => row.id));
}

/** In the order of `COLUMNS`. */
const valuesOf = (event: NewEvent): (string | number | boolean | null)[] => [
  event.id,
  event.type,
  event.subject,
  event.subscriptionId,
  event.objectId,
  event.payload,
  event.apiVersion,
  event.livemode,
  event.account,
  event.flags.join(','),
  event.source,
  event.createdAt,
  event.receivedAt,
  event.status,
  event.headers ?? '',
];

async function insertPrepared(db: Db, events: NewEvent[]): Promise<{ id: string }[]> {
  const rows = events.map(valuesOf);
  const values = COLUMNS.map((name, column) => {
    const list = rows.map((row) => row[column] ?? null);
    return name in POSTGRES_TYPES ? list : binaryTextArray(list.map(textOf));
  });
  const query = { name: 'insert_events', text: POSTGRES_INSERT, values };
  const connection: pg.Client = await db.client.acquireConnection();
  try {
    return (await connection.query<{ id: string }>(query)).rows;
  } finally {
    await db.client.releaseConnection(connection);
  }
}

const textOf = (value: string | number | boolean | null) => (value === null ? null : String(value));

/** One event, the usual case of a server that is not busy; half of the time went into parsing the statement. */
async function insertOne(db: Db, event: NewEvent): Promise<{ id: string }[]> {
  const connection: SqliteConnection = await db.client.acquireConnection();
  try {
    return await allPrepared(connection, sqliteInsert(1), [...valuesOf(event), event.receivedAt]);
  } finally {
    await db.client.releaseConnection(connection);
  }
}

const SQLITE_ROW = `(${COLUMNS.map(() => '?').join(',')},0,?)`;

const sqliteInsert = (rows: number) =>
  `INSERT INTO webhook_events (${COLUMNS.join(', ')}, attempts, next_attempt_at)
   VALUES ${Array.from({ length: rows }, () => SQLITE_ROW).join(',')} ON CONFLICT (id) DO NOTHING RETURNING id`;

/** SQLite takes at most 32,766 values in a statement; `inbox.ts` makes smaller batches. */
async function insertMany(db: Db, events: NewEvent[]): Promise<{ id: string }[]> {
  const [first] = events;
  if (events.length === 1 && first) return insertOne(db, first);
  return db.raw(
    sqliteInsert(events.length),
    events.flatMap((event) => [...valuesOf(event), event.receivedAt]),
  );
}
