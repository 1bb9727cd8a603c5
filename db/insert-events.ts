import { columnsOf, unnest, type Value } from './columns.ts';
import { isPostgres, rowsOf, type Db } from './database.ts';
import { allPrepared, type SqliteConnection } from './sqlite-connection.ts';
import type { NewEvent } from './webhook-events.ts';

const COLUMNS = {
  id: 'text',
  type: 'text',
  subject: 'text',
  subscription_id: 'text',
  object_id: 'text',
  payload: 'text',
  api_version: 'text',
  livemode: 'boolean',
  account: 'text',
  flags: 'text',
  source: 'text',
  created_at: 'bigint',
  received_at: 'bigint',
  status: 'text',
  headers: 'text',
} as const;

const NAMES = Object.keys(COLUMNS).join(', ');

const INSERT_ON_POSTGRES = `
INSERT INTO webhook_events (${NAMES}, attempts, next_attempt_at)
SELECT ${NAMES}, 0, received_at FROM ${unnest(COLUMNS, 'batch')}
ON CONFLICT (id) DO NOTHING RETURNING id`;

/**
 * Stores a batch in one statement, each event once; nothing else is written.
 * Returns the ids that were new. All or nothing: a failure stores none of them.
 */
export async function insertEvents(db: Db, events: NewEvent[]): Promise<Set<string>> {
  if (events.length === 0) return new Set();
  // In one order, so that two batches with the same events in them cannot lock each other out.
  const ordered = [...events].sort((a, b) => (a.id < b.id ? -1 : 1)).map(toRow);
  const rows = await (isPostgres(db) ? insertOnPostgres(db, ordered) : insertOnSqlite(db, ordered));
  return new Set(rows.map((row) => row.id));
}

type Row = Record<keyof typeof COLUMNS, Value>;

/** In the order of the columns. */
const toRow = (event: NewEvent): Row => ({
  id: event.id,
  type: event.type,
  subject: event.subject,
  subscription_id: event.subscriptionId,
  object_id: event.objectId,
  payload: event.payload,
  api_version: event.apiVersion,
  livemode: event.livemode,
  account: event.account,
  flags: event.flags.join(','),
  source: event.source,
  created_at: event.createdAt,
  received_at: event.receivedAt,
  status: event.status,
  headers: event.headers ?? '',
});

const insertOnPostgres = async (db: Db, rows: Row[]) =>
  rowsOf<{ id: string }>(await db.raw(INSERT_ON_POSTGRES, columnsOf(COLUMNS, rows)));

/** SQLite takes at most 32,766 values in a statement; `inbox.ts` makes smaller batches. */
async function insertOnSqlite(db: Db, rows: Row[]): Promise<{ id: string }[]> {
  const sql = insertSql(rows.length);
  const values = rows.flatMap((row) => [...Object.values(row), row.received_at]);
  if (rows.length > 1) return db.raw(sql, values);
  // One event, the usual case of a server that is not busy; half of the time went into parsing the statement.
  const connection: SqliteConnection = await db.client.acquireConnection();
  try {
    return await allPrepared(connection, sql, values);
  } finally {
    await db.client.releaseConnection(connection);
  }
}

const SQLITE_ROW = `(${Object.keys(COLUMNS)
  .map(() => '?')
  .join(',')},0,?)`;

const insertSql = (rows: number) =>
  `INSERT INTO webhook_events (${NAMES}, attempts, next_attempt_at)
   VALUES ${Array.from({ length: rows }, () => SQLITE_ROW).join(',')} ON CONFLICT (id) DO NOTHING RETURNING id`;
