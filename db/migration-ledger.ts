import type { Db } from './database.ts';
import type { Migration } from './migrations/migration.ts';

/** How far the database is. */
export interface Ledger {
  applied: string[];
  /** Their `up` is done, their indexes are not. */
  begun: string[];
  /** Of both, those that releases which do not know them can run on. */
  compatible: string[];
}

export async function createLedger(db: Db): Promise<void> {
  await db.raw(
    'CREATE TABLE IF NOT EXISTS tenure_migrations (name text PRIMARY KEY, applied_at bigint NOT NULL)',
  );
  // Ledgers of the first releases have no such column; what is in them says nothing.
  if (await db.schema.hasColumn('tenure_migrations', 'compatible')) return;
  await db.raw('ALTER TABLE tenure_migrations ADD COLUMN compatible integer NOT NULL DEFAULT 0');
}

/** Reads only, and works on an empty database. */
export async function readLedger(db: Db): Promise<Ledger> {
  if (!(await db.schema.hasTable('tenure_migrations'))) {
    return { applied: [], begun: [], compatible: [] };
  }
  const rows: { name: string; applied_at: number; compatible?: number }[] =
    await db('tenure_migrations').orderBy('name');
  const names = (are: (row: (typeof rows)[number]) => boolean) =>
    rows.filter(are).map((row) => row.name);
  return {
    applied: names((row) => row.applied_at > 0),
    begun: names((row) => row.applied_at <= 0),
    compatible: names((row) => row.compatible === 1),
  };
}

/** A migration that has begun is noted with 0 as its time. */
export async function noteMigration(
  db: Db,
  { name, breaks }: Migration,
  stage: 'begun' | 'applied',
): Promise<void> {
  await db('tenure_migrations')
    .insert({
      name,
      applied_at: stage === 'applied' ? Date.now() : 0,
      compatible: breaks === undefined ? 1 : 0,
    })
    .onConflict('name')
    .merge();
}
