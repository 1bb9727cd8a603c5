import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { inject } from 'vitest';
import { openDatabase, sqliteFile, type Database, type Dialect } from '../../db/database.ts';
import { migrate } from '../../db/migrate.ts';
import type { SqliteConnection } from '../../db/sqlite-connection.ts';
import { SAMPLED } from './sizes.ts';

export const DIALECTS: readonly Dialect[] = ['sqlite', 'postgres'];

/**
 * For what is asked of routes, whose statements the tests of db/, of the engine and of usage run on both: on PostgreSQL, where
 * requests meet, and on SQLite as well with `FULL=1`. Most other tests of routes run on SQLite alone.
 */
export const ROUTE_DIALECTS: readonly Dialect[] = SAMPLED ? ['postgres'] : DIALECTS;

/** A database that belongs to one test file. */
export interface TestDatabase extends Database {
  /** Opens it once more, as another process would. */
  again(): Database;
  /** Empties every table, far faster than a new database. */
  clear(): Promise<void>;
  /** Closes every connection and removes it. */
  drop(): Promise<void>;
}

/** A new database of the dialect, migrated unless `empty`. `drop()` it at the end. */
export async function createTestDatabase(
  dialect: Dialect,
  options: { empty?: boolean; poolSize?: number } = {},
): Promise<TestDatabase> {
  const place = options.empty ? await emptyPlace(dialect) : await migratedPlace(dialect);
  const opened: Database[] = [];
  const open = () => {
    const database = openDatabase(place.url, { poolSize: options.poolSize ?? 5 });
    opened.push(database);
    return database;
  };
  const database = open();
  let tables: string[] | null = null;
  return {
    ...database,
    again: open,
    clear: async () => clearTables(database, (tables ??= await tableNames(database))),
    async drop() {
      await Promise.all(opened.map((each) => each.close()));
      await place.remove();
    },
  };
}

interface Place {
  url: string;
  remove(): Promise<void>;
}

async function emptyPlace(dialect: Dialect): Promise<Place> {
  return dialect === 'sqlite' ? sqlitePlace() : postgresPlace();
}

/** Tests need no disk that survives a power cut, and are faster without. */
export function memory(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

/** What this process migrated once: the bytes of a file, or a database of the server. A copy takes a fraction of the time. */
const migrated: { sqlite?: Promise<Buffer>; postgres?: Promise<string> } = {};

async function migratedPlace(dialect: Dialect): Promise<Place> {
  if (dialect === 'postgres') return postgresPlace(await (migrated.postgres ??= migratePostgres()));
  const bytes = await (migrated.sqlite ??= migrateSqlite());
  const place = sqlitePlace();
  writeFileSync(sqliteFile(place.url), bytes, { mode: 0o600 });
  return place;
}

async function migratePostgres(): Promise<string> {
  const { url } = await migrateNew(await postgresPlace());
  return new URL(url).pathname.slice(1);
}

async function migrateSqlite(): Promise<Buffer> {
  const place = await migrateNew(sqlitePlace());
  const bytes = readFileSync(sqliteFile(place.url));
  await place.remove();
  return bytes;
}

async function migrateNew(place: Place): Promise<Place> {
  const database = openDatabase(place.url);
  await migrate(database);
  await database.close();
  return place;
}

function sqlitePlace(): Place {
  const directory = mkdtempSync(join(memory(), 'tenure-sqlite-'));
  return {
    url: `sqlite:${join(directory, 'test.sqlite')}`,
    remove: () => Promise.resolve(rmSync(directory, { recursive: true, force: true })),
  };
}

/** A database of the server, as empty as a new one or a copy of another. */
async function postgresPlace(template = 'template1'): Promise<Place> {
  const serverUrl = inject('postgresUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  // As files: through the log, which is the default, a copy takes twice as long.
  await runOnServer(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`);
  return {
    url: `${serverUrl}/${name}`,
    remove: () => runOnServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function runOnServer(serverUrl: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: `${serverUrl}/postgres` });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function clearTables(database: Database, tables: string[]): Promise<void> {
  if (database.dialect === 'postgres') {
    // Not TRUNCATE: it makes new files for every table and index, which takes far longer than a few rows do.
    await database.knex.raw(tables.map((table) => `DELETE FROM ${table};`).join(' '));
    return;
  }
  // Thirty statements through Knex cost more than a short test does; the driver takes them in one call.
  const deletes = tables.map((table) => `DELETE FROM ${table};`).join(' ');
  await database.knex.transaction(async (trx) => {
    const connection: SqliteConnection = await trx.client.acquireConnection();
    await new Promise<void>((resolve, reject) => {
      connection.exec(deletes, (error) => (error ? reject(error) : resolve()));
    });
    await trx.client.releaseConnection(connection);
  });
}

async function tableNames(database: Database): Promise<string[]> {
  const rows: { name: string }[] =
    database.dialect === 'postgres'
      ? await database
          .knex('information_schema.tables')
          .where({ table_schema: 'public' })
          .select({ name: 'table_name' })
      : await database.knex('sqlite_master').where({ type: 'table' }).select('name');
  return rows
    .map((row) => row.name)
    .filter((name) => name !== 'tenure_migrations' && !name.startsWith('sqlite_'));
}
