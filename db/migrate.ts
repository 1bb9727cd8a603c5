import type { Knex } from 'knex';
import type { Database, Dialect } from './database.ts';
import { migrations, type Migration } from './migrations/index.ts';

/** Any fixed number: the key of the Postgres advisory lock that migrating clients queue on. */
const LOCK_KEY = 7_236_451;

export interface MigrationStatus {
  applied: string[];
  pending: string[];
  /** Migrations the database has and this program does not know: it belongs to a newer release. */
  unknown: string[];
}

/** The database was migrated by a newer release; running an older one on it could harm it. */
export class NewerSchemaError extends Error {
  override name = 'NewerSchemaError';
  constructor(unknown: string[]) {
    super(
      `The database has migrations that this release does not know (${unknown.join(', ')}). ` +
        'Run the newer release, or restore a backup from before the upgrade.',
    );
  }
}

/**
 * Brings the schema up to date; safe to call by many processes at once and again.
 * Returns the names it applied. Throws `NewerSchemaError`.
 */
export async function migrate(
  database: Database,
  list: readonly Migration[] = migrations,
): Promise<string[]> {
  return database.knex.transaction(async (trx) => {
    if (database.dialect === 'postgres') {
      await trx.raw('SELECT pg_advisory_xact_lock(?)', [LOCK_KEY]);
    }
    await createLedger(trx);
    const status = compare(await appliedNames(trx), list);
    if (status.unknown.length > 0) throw new NewerSchemaError(status.unknown);
    for (const migration of list) {
      if (status.pending.includes(migration.name)) {
        await apply(trx, migration, database.dialect);
      }
    }
    return status.pending;
  });
}

/** Which migrations the database has; reads only, and works on an empty database. */
export async function migrationStatus(
  database: Database,
  list: readonly Migration[] = migrations,
): Promise<MigrationStatus> {
  const exists = await database.knex.schema.hasTable('tenure_migrations');
  return compare(exists ? await appliedNames(database.knex) : [], list);
}

async function createLedger(trx: Knex.Transaction): Promise<void> {
  await trx.raw(
    'CREATE TABLE IF NOT EXISTS tenure_migrations (name text PRIMARY KEY, applied_at bigint NOT NULL)',
  );
}

async function appliedNames(db: Knex): Promise<string[]> {
  const rows: { name: string }[] = await db('tenure_migrations').select('name').orderBy('name');
  return rows.map((row) => row.name);
}

async function apply(trx: Knex.Transaction, migration: Migration, dialect: Dialect): Promise<void> {
  await migration.up(trx, dialect);
  await trx('tenure_migrations').insert({ name: migration.name, applied_at: Date.now() });
}

function compare(applied: string[], list: readonly Migration[]): MigrationStatus {
  const known = new Set(list.map((migration) => migration.name));
  return {
    applied,
    pending: list.map((m) => m.name).filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.has(name)),
  };
}
