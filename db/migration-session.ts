import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { openDatabase, type Database } from './database.ts';

/** Any fixed number: the key of the advisory lock of the one process that migrates. */
export const LOCK_KEY = 7_236_452;
const LONGEST_PAUSE_MS = 200;

/** The one connection that migrates. When it is lost, so is the lock, and nothing more can be done with it. */
export interface MigrationSession {
  inTransaction: <T>(work: (trx: Knex.Transaction) => Promise<T>) => Promise<T>;
  /** A statement outside of any transaction; returns its rows. */
  run: <Row>(sql: string, bindings?: readonly string[]) => Promise<Row[]>;
}

/** Is told what takes long, in a sentence. */
export type Note = (text: string) => void;

/** Does the work on a PostgreSQL when no other process migrates it. */
export async function withMigrationSession<T>(
  { url }: Pick<Database, 'url'>,
  note: Note,
  work: (session: MigrationSession) => Promise<T>,
): Promise<T> {
  // A connection of its own: its settings and its lock end with it, however the work ends.
  const own = openDatabase(url, { poolSize: 1, queryTimeoutMs: 0 });
  const { knex } = own;
  try {
    const connection: object = await knex.client.acquireConnection();
    try {
      const session: MigrationSession = {
        inTransaction: (inner) => knex.transaction(inner, { connection }),
        run: async (sql, bindings = []) =>
          (await knex.raw(sql, [...bindings]).connection(connection)).rows,
      };
      await prepare(session);
      await waitForTurn(session, note);
      return await work(session);
    } finally {
      await knex.client.releaseConnection(connection);
    }
  } finally {
    await own.close();
  }
}

async function prepare({ run }: MigrationSession): Promise<void> {
  // Limits that are set for requests would end the building of an index half way.
  await run('SET statement_timeout = 0');
  await run('SET lock_timeout = 0');
  // The lock of a machine that is gone without a word is not held for ever. (PostgreSQL 14 and later know it.)
  await run(`SELECT set_config('idle_session_timeout', '30s', false)
    WHERE current_setting('server_version_num')::int >= 140000`);
}

/**
 * Asks again and again in place of waiting in a statement: building an index beside writers waits for every statement that
 * began before, so one that waits for the lock and the lock's holder would wait for each other.
 */
async function waitForTurn({ run }: MigrationSession, note: Note): Promise<void> {
  let told = false;
  for (let pause = 5; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const [row] = await run<{ mine: boolean }>(`SELECT pg_try_advisory_lock(${LOCK_KEY}) AS mine`);
    if (row?.mine) return;
    if (!told) note('Another process migrates the database; this one waits for it.');
    told = true;
    await sleep(pause * (0.5 + Math.random() / 2));
  }
}

/** The lock went to another connection: two processes could migrate at once. */
export class MigrationLockLostError extends Error {
  override name = 'MigrationLockLostError';
  constructor() {
    super(
      'The lock of the migrations is not held any more, so nothing further was migrated. Most likely DATABASE_URL leads to a ' +
        'pooler in transaction mode (PgBouncer, a port of a hosted database): let it lead to PostgreSQL itself, or to a pooler in ' +
        'session mode, and start again.',
    );
  }
}

/** Throws `MigrationLockLostError` unless this connection has the lock. */
export async function requireTurn({ run }: Pick<MigrationSession, 'run'>): Promise<void> {
  const [row] = await run<{ mine: boolean }>(
    `SELECT count(*) > 0 AS mine FROM pg_locks
      WHERE locktype = 'advisory' AND classid = 0 AND objid = ${LOCK_KEY} AND pid = pg_backend_pid() AND granted`,
  );
  if (!row?.mine) throw new MigrationLockLostError();
}
