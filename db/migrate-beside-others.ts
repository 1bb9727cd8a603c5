import { setTimeout as sleep } from 'node:timers/promises';
import { noteMigration, readLedger } from './migration-ledger.ts';
import { requireTurn, type MigrationSession, type Note } from './migration-session.ts';
import { createIndex, type Index, type Migration } from './migrations/migration.ts';

/** Who waits for a lock on a table keeps all others waiting behind it: so long at most, in ms. */
const LOCK_TIMEOUT_MS = 200;
/** Between two attempts, so that the others get on; in ms. */
const PAUSE_MS = 1_000;
/** For how long a migration that cannot get a lock is tried again, in ms. */
const TIMEOUT_MS = 10 * 60_000;
/** PostgreSQL's code of a lock that did not come in time. */
const LOCK_NOT_AVAILABLE = '55P03';

export interface MigrationTerms {
  /** For how long one that cannot get a lock is tried again, in ms. */
  timeoutMs?: number;
  note: Note;
}

/**
 * One migration on a PostgreSQL that others work with. It can be ended anywhere and is continued by the next call:
 * what `up` did is noted with it, and an index that is there is not built again.
 */
export async function migrateBesideOthers(
  session: MigrationSession,
  migration: Migration,
  { timeoutMs = TIMEOUT_MS, note }: MigrationTerms,
): Promise<void> {
  await requireTurn(session);
  const { begun } = await session.inTransaction(readLedger);
  if (!begun.includes(migration.name)) await begin(session, migration, { timeoutMs, note });
  for (const index of migration.indexes ?? []) {
    await requireTurn(session);
    await ensureIndex(session, index, note);
  }
  for (const name of migration.replaces ?? []) {
    await requireTurn(session);
    await session.run(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
  }
  await session.inTransaction((trx) => noteMigration(trx, migration, 'applied'));
}

async function begin(
  session: MigrationSession,
  migration: Migration,
  { timeoutMs, note }: Required<MigrationTerms>,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let told = false;
  for (;;) {
    try {
      await session.inTransaction(async (trx) => {
        await trx.raw(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
        await migration.up?.(trx, 'postgres');
        await noteMigration(trx, migration, 'begun');
      });
      return;
    } catch (error) {
      if (codeOf(error) !== LOCK_NOT_AVAILABLE) throw error;
      if (Date.now() > deadline) throw new MigrationBlockedError(migration.name, error);
      if (!told) note(`${migration.name} waits for a table that another transaction has locked.`);
      told = true;
      await sleep(PAUSE_MS * (0.5 + Math.random()));
    }
  }
}

/** A transaction that does not end holds what a migration has to lock. */
export class MigrationBlockedError extends Error {
  override name = 'MigrationBlockedError';
  constructor(migration: string, cause: unknown) {
    super(
      `The migration ${migration} could not lock a table, because another transaction holds it without end. Nothing ` +
        'was changed. End that transaction (the oldest of SELECT pid, xact_start, query FROM pg_stat_activity ' +
        'ORDER BY xact_start) or wait for it (a backup, for example), and start again.',
      { cause },
    );
  }
}

async function ensureIndex({ run }: MigrationSession, index: Index, note: Note): Promise<void> {
  const [found] = await run<{ valid: boolean }>(
    'SELECT indisvalid AND indisready AS valid FROM pg_index WHERE indexrelid = to_regclass(?)',
    [index.name],
  );
  if (found?.valid) return;
  // What an attempt left that was ended half way: it costs at each write and helps no query.
  if (found) await run(`DROP INDEX CONCURRENTLY IF EXISTS ${index.name}`);
  const began = performance.now();
  note(`Building the index ${index.name}, beside the writers.`);
  await run(createIndex(index, 'CONCURRENTLY'));
  note(
    `The index ${index.name} is built, in ${((performance.now() - began) / 1000).toFixed(1)} s.`,
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
