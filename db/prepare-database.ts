import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { saveCursor } from './cursors.ts';
import { databaseFailure, type DatabaseFailure } from './database-errors.ts';
import { isOptionRefused, schemaOf, SchemaNotUsedError } from './database-schema.ts';
import { sqliteFile, type Database } from './database.ts';
import { migrate } from './migrate.ts';

export interface PrepareOptions {
  /** How long a PostgreSQL that cannot be reached is waited for, in ms. */
  waitMs: number;
  /** Told what takes long. */
  note: (text: string) => void;
  /** Ends the waiting. */
  signal?: AbortSignal | undefined;
}

/** The database cannot be worked with; the message says which, why, and what to do. */
export class DatabaseStartError extends Error {
  override name = 'DatabaseStartError';
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** What may be over in a moment: a server that starts, a name that is not known yet, too many connections. */
const PASSING: ReadonlySet<DatabaseFailure> = new Set(['unreachable', 'busy', 'timeout']);

/**
 * What every server does first: waits for the database, brings its schema up to date, and writes a row to see that it can.
 * Throws `DatabaseStartError`, and what `migrate` throws.
 */
export async function prepareDatabase(database: Database, options: PrepareOptions): Promise<void> {
  await waitForDatabase(database, options);
  try {
    await migrate(database, { note: options.note });
    await saveCursor(database.knex, 'started', '');
  } catch (error) {
    throw explained(database, error, '');
  }
}

async function waitForDatabase(database: Database, options: PrepareOptions): Promise<void> {
  const { waitMs, note, signal } = options;
  const deadline = performance.now() + waitMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      await database.knex.raw('SELECT 1');
      return;
    } catch (error) {
      if (isOptionRefused(database.url, error)) {
        throw new SchemaNotUsedError(schemaOf(database.url) ?? '', error);
      }
      const failure = databaseFailure(error);
      const isPassing = database.dialect === 'postgres' && failure !== null && PASSING.has(failure);
      if (!isPassing || performance.now() + pause > deadline) {
        throw explained(database, error, isPassing ? ` within ${Math.round(waitMs / 1000)} s` : '');
      }
      note(`${placeOf(database)} cannot be reached yet (${wordsOf(error)}); it is tried again.`);
    }
    await sleep(pause, undefined, { signal });
  }
}

/** The same error where it is none of the database's state. */
function explained(database: Database, error: unknown, waited: string): unknown {
  const failure = databaseFailure(error);
  if (failure === null) return error;
  const words =
    database.dialect === 'sqlite'
      ? sqliteWords(sqliteFile(database.url), failure, error)
      : `${placeOf(database)} ${POSTGRES_WORDS[failure]}${waited} (${wordsOf(error)}). ${POSTGRES_FIX[failure]}`;
  return new DatabaseStartError(words, { cause: error });
}

const POSTGRES_WORDS: Record<DatabaseFailure, string> = {
  unreachable: 'could not be reached',
  busy: 'was busy',
  timeout: 'did not answer',
  read_only: 'takes no changes',
  full: 'has no room',
  corrupt: 'has a damaged table or index',
};
const POSTGRES_FIX: Record<DatabaseFailure, string> = {
  unreachable: 'Is it running, and is DATABASE_URL right?',
  busy: 'Let it have more connections, or fewer WORKERS.',
  timeout: 'Look at its load and its locks.',
  read_only: 'DATABASE_URL must name the primary, not a standby.',
  full: 'Make room on its disk.',
  corrupt: 'Restore the last backup.',
};

/** Codes of the file system, where not even the file could be opened. */
const BY_SYSTEM_CODE: Record<string, DatabaseFailure> = {
  EACCES: 'read_only',
  EPERM: 'read_only',
  EROFS: 'read_only',
  ENOSPC: 'full',
  EDQUOT: 'full',
};

function sqliteWords(file: string, failure: DatabaseFailure, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = BY_SYSTEM_CODE[code] ?? (hasNoRoom(file) ? 'full' : failure);
  return `The SQLite file ${file} ${SQLITE_WORDS[known]} (${wordsOf(error)}). ${SQLITE_FIX[known]}`;
}

const SQLITE_WORDS: Record<DatabaseFailure, string> = {
  unreachable: 'cannot be opened',
  busy: 'is locked by another process',
  timeout: 'did not answer',
  read_only: 'cannot be written',
  full: 'has no room: its disk is full',
  corrupt: 'is damaged, or is not a SQLite database',
};
const SQLITE_FIX: Record<DatabaseFailure, string> = {
  unreachable: 'Is the path in DATABASE_URL right, and is it a file?',
  busy: 'Stop the program that holds it.',
  timeout: 'Look at its disk.',
  read_only:
    'The user that runs this server must be able to write the file and its folder, and the file system must not be mounted read-only.',
  full: 'Make room and start again; nothing that was stored is lost.',
  corrupt:
    'Move it away and restore the last backup (docs/production.md). Without one, start with a new file and run "npm run verify -- --repair".',
};

/** A full disk shows as one of several errors of input and output. */
function hasNoRoom(file: string): boolean {
  try {
    return statfsSync(dirname(file)).bavail === 0;
  } catch {
    return false;
  }
}

/** Which database, without its password. */
function placeOf({ url, dialect }: Database): string {
  if (dialect === 'sqlite') return `The SQLite file ${sqliteFile(url)}`;
  if (!URL.canParse(url)) return 'The database of DATABASE_URL';
  const { host, pathname } = new URL(url);
  return `The database ${host}${pathname}`;
}

/** Connecting to each of a host's addresses fails with an error without words that holds the others. */
function wordsOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : String(first);
}
