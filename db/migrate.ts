import type { Knex } from 'knex';
import { isPostgres, type Database, type Db } from './database.ts';
import { prepareSchema } from './database-schema.ts';
import { migrateBesideOthers } from './migrate-beside-others.ts';
import { createLedger, noteMigration, readLedger, type Ledger } from './migration-ledger.ts';
import { LOCK_KEY, withMigrationSession, type Note } from './migration-session.ts';
import { migrations, type Migration } from './migrations/index.ts';
import { createIndex } from './migrations/migration.ts';

export interface MigrationStatus {
  applied: string[];
  pending: string[];
  /** Migrations the database has and this program does not know: it belongs to a newer release. */
  unknown: string[];
  /** Of those, the ones that this program cannot run on. */
  breaking: string[];
}

/** The database was migrated by a newer release in a way that this one cannot run on. */
export class NewerSchemaError extends Error {
  override name = 'NewerSchemaError';
  constructor(breaking: string[]) {
    super(
      `The database has migrations that this release does not know and cannot run on (${breaking.join(', ')}). ` +
        'Run the newer release, or restore a backup from before the upgrade.',
    );
  }
}

export interface MigrateOptions {
  /** All of this release by default. */
  list?: readonly Migration[];
  note?: Note;
}

/**
 * Brings the schema up to date; safe to call by many processes at once and again, and while others write: on
 * PostgreSQL no lock that they wait for is held for long. What takes long there is told to `note`. Returns the names it
 * applied. Throws `NewerSchemaError` and `SchemaNotUsedError`.
 */
export async function migrate(
  database: Database,
  { list = migrations, note = () => undefined }: MigrateOptions = {},
): Promise<string[]> {
  await prepareSchema(database);
  // Most starts find nothing to do, and need no lock to see it.
  if ((await pendingIn(database.knex, list)).length === 0) return [];
  if (database.dialect === 'sqlite') {
    return database.knex.transaction((trx) => migrateAtOnce(trx, list));
  }
  const applied = await database.knex.transaction((trx) => migrateNew(trx, list));
  if (applied) return applied;
  return withMigrationSession(database, note, async (session) => {
    await session.inTransaction(createLedger);
    const pending = await session.inTransaction((trx) => pendingIn(trx, list));
    for (const migration of pending) await migrateBesideOthers(session, migration, { note });
    return pending.map(({ name }) => name);
  });
}

/** Which migrations the database has; reads only, and works on an empty database. */
export async function migrationStatus(
  database: Database,
  list: readonly Migration[] = migrations,
): Promise<MigrationStatus> {
  return compare(await readLedger(database.knex), list);
}

/** Throws `NewerSchemaError`. */
async function pendingIn(db: Db, list: readonly Migration[]): Promise<Migration[]> {
  const { pending, breaking } = compare(await readLedger(db), list);
  if (breaking.length > 0) throw new NewerSchemaError(breaking);
  return list.filter(({ name }) => pending.includes(name));
}

/**
 * In a new database no session has to wait, and one transaction is far faster. Returns null, and has done
 * nothing, when it is not new or another process is at it.
 */
async function migrateNew(
  trx: Knex.Transaction,
  list: readonly Migration[],
): Promise<string[] | null> {
  const { rows } = await trx.raw(`SELECT pg_try_advisory_xact_lock(${LOCK_KEY}) AS mine`);
  if (!rows[0].mine) return null;
  const { applied, begun } = await readLedger(trx);
  return applied.length + begun.length === 0 ? migrateAtOnce(trx, list) : null;
}

/** All of it, or nothing: others wait until it is done. */
async function migrateAtOnce(trx: Knex.Transaction, list: readonly Migration[]): Promise<string[]> {
  await createLedger(trx);
  const pending = await pendingIn(trx, list);
  for (const migration of pending) {
    await migration.up?.(trx, isPostgres(trx) ? 'postgres' : 'sqlite');
    for (const index of migration.indexes ?? []) await trx.raw(createIndex(index));
    for (const name of migration.replaces ?? []) await trx.raw(`DROP INDEX IF EXISTS ${name}`);
    await noteMigration(trx, migration, 'applied');
  }
  return pending.map(({ name }) => name);
}

function compare(
  { applied, begun, compatible }: Ledger,
  list: readonly Migration[],
): MigrationStatus {
  const known = new Set(list.map((migration) => migration.name));
  const unknown = [...applied, ...begun].filter((name) => !known.has(name));
  return {
    applied,
    pending: list.map((m) => m.name).filter((name) => !applied.includes(name)),
    unknown,
    breaking: unknown.filter((name) => !compatible.includes(name)),
  };
}
