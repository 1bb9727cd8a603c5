import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import knexModule, { type Knex } from 'knex';
import { type Client, TypeOverrides, types } from 'pg';
import { markDatabaseError } from './database-errors.ts';
import { preparePostgres } from './postgres-connection.ts';
import { prepareConnection } from './sqlite-connection.ts';

/** The two databases Tenure runs on. */
export type Dialect = 'sqlite' | 'postgres';

/** A connection pool, or a transaction of it. Every query function takes one. */
export type Db = Knex | Knex.Transaction;

/** What the database's clock says, without asking it each time. */
export interface DatabaseClock {
  /** Now by the database's clock, in ms; by that of this process until the database has answered once. */
  now(): number;
  /** Asks the database. A failure leaves what was known. */
  refresh(): Promise<void>;
}

export interface Database {
  knex: Knex;
  dialect: Dialect;
  /** The URL it was opened with; holds a password on Postgres, so never log it. */
  url: string;
  /** When something is due, for all processes alike. */
  clock: DatabaseClock;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Largest number of Postgres connections; SQLite always has one. Default 10. */
  poolSize?: number;
  /** How long a query waits for a connection, in ms. Default 10 s. */
  acquireTimeout?: number;
  /** How long PostgreSQL may take for a statement before its connection is given up, in ms; 0 for ever. Default 20 s. */
  queryTimeoutMs?: number;
}

/**
 * Opens `postgres://…`, `sqlite:path` or `sqlite::memory:`. Does not migrate.
 * Throws on another scheme; a Postgres that is down shows at the first query.
 */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const dialect = dialectOf(url);
  const knex = dialect === 'sqlite' ? openSqlite(url, options) : openPostgres(url, options);
  markFailedAcquires(knex);
  const clock = dialect === 'sqlite' ? sameClock : createDatabaseClock(() => readNow(knex));
  return { knex, dialect, url, clock, close: () => knex.destroy() };
}

function dialectOf(url: string): Dialect {
  if (url.startsWith('sqlite:')) return 'sqlite';
  if (/^postgres(ql)?:\/\//.test(url)) return 'postgres';
  throw new Error('DATABASE_URL must start with "sqlite:" or "postgres://".');
}

/** No connection to be had: an error of the database too, though it may be one of a socket. */
function markFailedAcquires({ client }: Knex): void {
  const acquire: () => Promise<unknown> = client.acquireConnection.bind(client);
  client.acquireConnection = async () => {
    try {
      return await acquire();
    } catch (error) {
      markDatabaseError(error);
      throw error;
    }
  };
}

/** The file of a `sqlite:` URL, with its whole path; `:memory:` for none. */
export function sqliteFile(url: string): string {
  const name = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
  return name === ':memory:' ? name : resolve(name);
}

/** Knex would print lost connections between the lines of the log; who asked hears of them anyway. */
const SILENT: Knex.Logger = {
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
  deprecate: () => undefined,
};

function openSqlite(url: string, options: DatabaseOptions): Knex {
  const filename = sqliteFile(url);
  const knex = knexModule({
    client: 'sqlite3',
    connection: { filename },
    useNullAsDefault: true,
    log: SILENT,
    acquireConnectionTimeout: options.acquireTimeout ?? 10_000,
    pool: {
      min: 1,
      max: 1,
      idleTimeoutMillis: 2_147_483_647,
      afterCreate: prepareConnection,
    },
  });
  if (filename === ':memory:') return knex;
  const { client } = knex;
  const connect: () => Promise<unknown> = client.acquireRawConnection.bind(client);
  // With the first connection, not before: who only looks whether there is a file must not make one.
  client.acquireRawConnection = () => {
    prepareFile(filename);
    return connect();
  };
  return knex;
}

/** Customers' addresses are in it: only its owner may read it. SQLite gives its other files the same mode. */
function prepareFile(filename: string): void {
  mkdirSync(dirname(filename), { recursive: true });
  closeSync(openSync(filename, 'a', 0o600));
}

function openPostgres(url: string, options: DatabaseOptions): Knex {
  return knexModule({
    client: 'pg',
    connection: {
      connectionString: url,
      types: numberTypes(),
      application_name: 'tenure',
      connectionTimeoutMillis: 10_000,
      // A server that is gone without a word (its machine, the network) must not be waited for without end.
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      // A process that hangs in the middle of a transaction must not hold its locks for ever.
      idle_in_transaction_session_timeout: 30_000,
    },
    acquireConnectionTimeout: options.acquireTimeout ?? 10_000,
    log: SILENT,
    pool: {
      min: 0,
      max: options.poolSize ?? 10,
      afterCreate(connection: Client, done: (error: null, connection: Client) => void) {
        preparePostgres(connection, options.queryTimeoutMs ?? 20_000);
        done(null, connection);
      },
    },
  });
}

/** Milliseconds and counts are far below 2^53: read bigint and numeric as numbers, on our connections only. */
function numberTypes(): Knex.PgConnectionConfig['types'] {
  const parsers = new TypeOverrides();
  parsers.setTypeParser(types.builtins.INT8, Number);
  parsers.setTypeParser(types.builtins.NUMERIC, Number);
  return { getTypeParser: (oid, format) => parsers.getTypeParser(oid, format as 'text') };
}

/** True when this handle belongs to PostgreSQL. */
export function isPostgres(db: Db): boolean {
  return db.client.config.client === 'pg';
}

/** Lets the statements of a transaction wait for locked rows no longer than this; SQLite locks no rows. */
export async function limitLockWait(trx: Db, ms: number): Promise<void> {
  if (isPostgres(trx)) await trx.raw(`SET LOCAL lock_timeout = ${Math.round(ms)}`);
}

/** "Now" in ms, as SQL, by the one clock that all processes share: that of the statement. */
export function nowSql(db: Db): string {
  return isPostgres(db)
    ? '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
    : "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";
}

/** The same as a value for a query. */
export const databaseNow = (db: Db): Knex.Raw => db.raw(nowSql(db));

async function readNow(db: Db): Promise<number> {
  const [row] = rowsOf<{ now: number }>(await db.raw(`SELECT ${nowSql(db)} AS now`));
  return row!.now;
}

/** Asked again after this long: two clocks drift apart, and one may be set. */
const VALID_MS = 10_000;

/**
 * What is due when must not depend on which process says so: a process adds to the database's time what has passed since by a
 * monotonic clock, so that neither a wrong nor a moved clock of its own shows. `read` asks the database, in ms.
 */
function createDatabaseClock(read: () => Promise<number>): DatabaseClock {
  /** The database's time less the monotonic time, as of the latest answer. */
  let offset: number | null = null;
  let readAt = -Infinity;
  let reading: Promise<void> | null = null;

  async function ask(): Promise<void> {
    const asked = performance.now();
    readAt = asked;
    try {
      const now = await read();
      const took = performance.now() - asked;
      // An answer that took long says too little of when it was given, unless there is none better.
      if (offset === null || took < 1_000) offset = now - asked - took / 2;
    } catch {
      // What needs the database now hears of it from its own query.
    }
  }
  function refresh(): Promise<void> {
    reading ??= ask().finally(() => {
      reading = null;
    });
    return reading;
  }

  return {
    refresh,
    now() {
      if (performance.now() - readAt > VALID_MS) void refresh();
      return offset === null ? Date.now() : Math.round(performance.now() + offset);
    },
  };
}

/** Where the only processes that use a database share its machine's clock. */
const sameClock: DatabaseClock = {
  now: () => Date.now(),
  refresh: () => Promise.resolve(),
};

/** SQLite takes at most 500 rows in one INSERT of many, as a compound SELECT; PostgreSQL 65,535 values. */
const MAX_ROWS = 400;

/** Rows in portions that either database takes in one INSERT. */
export function inChunks<Row>(rows: readonly Row[]): Row[][] {
  const chunks: Row[][] = [];
  for (let i = 0; i < rows.length; i += MAX_ROWS) chunks.push(rows.slice(i, i + MAX_ROWS));
  return chunks;
}

/** The rows of a raw statement: PostgreSQL answers with a result, SQLite with the rows. */
export function rowsOf<Row>(answer: unknown): Row[] {
  return Array.isArray(answer) ? answer : (answer as { rows: Row[] }).rows;
}
