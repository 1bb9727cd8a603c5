import type { Db } from './database.ts';

/** How far the database is. */
export interface Ledger {
  applied: string[];
  /** Their `up` is done, their indexes are not. */
  begun: string[];
}

export async function createLedger(db: Db): Promise<void> {
  await db.raw(
    'CREATE TABLE IF NOT EXISTS tenure_migrations (name text PRIMARY KEY, applied_at bigint NOT NULL)',
  );
}

/** Reads only, and works on an empty database. */
export async function readLedger(db: Db): Promise<Ledger> {
  if (!(await db.schema.hasTable('tenure_migrations'))) return { applied: [], begun: [] };
  const rows: { name: string; applied_at: number }[] =
    await db('tenure_migrations').orderBy('name');
  const names = (done: boolean) =>
    rows.filter((row) => row.applied_at > 0 === done).map((row) => row.name);
  return { applied: names(true), begun: names(false) };
}

/** A migration that has begun is noted with 0 as its time. */
export async function noteMigration(
  db: Db,
  name: string,
  stage: 'begun' | 'applied',
): Promise<void> {
  await db('tenure_migrations')
    .insert({ name, applied_at: stage === 'applied' ? Date.now() : 0 })
    .onConflict('name')
    .merge();
}
