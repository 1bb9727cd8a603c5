import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrate, migrationStatus } from '../../db/migrate.ts';
import { migrateBesideOthers, MigrationBlockedError } from '../../db/migrate-beside-others.ts';
import { withMigrationSession } from '../../db/migration-session.ts';
import { migrations, type Migration } from '../../db/migrations/index.ts';
import { createIndex } from '../../db/migrations/migration.ts';
import { waitsDuring } from '../../scripts/bench/longest-wait.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';

/** Longer than anybody may wait, and far shorter than what is waited for here. */
const LONG_MS = 500;

const indexing: Migration = {
  name: '9998-index',
  indexes: [{ name: 'audit_log_actor', on: 'audit_log (actor, id)' }],
};
const altering: Migration = {
  name: '9998-column',
  up: async (trx) => {
    await trx.raw(`ALTER TABLE audit_log ADD COLUMN note text NOT NULL DEFAULT ''`);
  },
};

describe('A migration of a PostgreSQL that is in use', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase('postgres');
    notes.length = 0;
  });
  afterEach(() => database.drop());

  const notes: string[] = [];
  const note = (text: string) => void notes.push(text);
  const migrateTo = (next: Migration) => migrate(database, { list: [...migrations, next], note });

  const write = () =>
    database.knex('audit_log').insert({ at: 1, actor: 'writer', action: 'wrote', detail: '{}' });

  /** What `pg_index` says of an index; undefined when there is none. */
  const isValid = async (name: string): Promise<boolean | undefined> => {
    const { rows } = await database.knex.raw(
      'SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(?)',
      [name],
    );
    return rows[0]?.indisvalid;
  };

  /** The process of the server that builds an index and waits for something. */
  const waitingBuild = async (): Promise<number> => {
    for (;;) {
      const { rows } = await database.knex.raw(
        `SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%CONCURRENTLY%'
          AND datname = current_database() AND wait_event_type = 'Lock'`,
      );
      if (rows[0]) return rows[0].pid;
      await sleep(20);
    }
  };

  it('builds an index for seconds, and who writes meanwhile never waits long', async () => {
    await database.knex
      .raw(`CREATE FUNCTION slowly(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE
      AS $$ BEGIN PERFORM pg_catalog.pg_sleep(0.002); RETURN value; END $$`);
    await database.knex.raw(`INSERT INTO audit_log (at, actor, action, detail)
      SELECT 1, 'reader', 'read', '{}' FROM generate_series(1, 1000)`);
    const started = performance.now();
    const building = migrateTo({
      name: '9998-slow',
      indexes: [{ name: 'audit_log_slow', on: 'audit_log (slowly(actor))' }],
    });
    const waits = await waitsDuring(building, () => Promise.all([write(), sleep(5)]));
    expect(performance.now() - started).toBeGreaterThan(3 * LONG_MS);
    expect(waits.longest).toBeLessThan(LONG_MS);
    expect(waits.calls).toBeGreaterThan(20);
    expect(await isValid('audit_log_slow')).toBe(true);
    expect(notes).toEqual([
      'Building the index audit_log_slow, beside the writers.',
      expect.stringMatching(/^The index audit_log_slow is built, in \d+\.\d s\.$/),
    ]);
  });

  it('is not applied while an index was left half built, and builds it again', async () => {
    const writer = await database.again().knex.transaction();
    await writer.raw('LOCK TABLE audit_log IN ROW EXCLUSIVE MODE');
    const killed = expect(migrateTo(indexing)).rejects.toThrow();
    await database.knex.raw('SELECT pg_terminate_backend(?)', [await waitingBuild()]);
    await killed;
    await writer.rollback();
    expect(await isValid('audit_log_actor')).toBe(false);
    const list = [...migrations, indexing];
    expect((await migrationStatus(database, list)).pending).toEqual([indexing.name]);
    // For a release that does not know it, it is there: the schema is newer.
    expect((await migrationStatus(database)).unknown).toEqual([indexing.name]);
    expect(await migrateTo(indexing)).toEqual([indexing.name]);
    expect(await isValid('audit_log_actor')).toBe(true);
    expect((await migrationStatus(database, list)).pending).toEqual([]);
  });

  it('is finished by the next process when the one that built an index was killed', async () => {
    const writer = await database.again().knex.transaction();
    await writer.raw('LOCK TABLE audit_log IN ROW EXCLUSIVE MODE');
    const child = startProcess(database.url, indexing);
    await waitingBuild();
    child.kill('SIGKILL');
    const next = migrateTo(indexing);
    await sleep(300);
    await writer.commit();
    expect(await next).toEqual([indexing.name]);
    expect(await isValid('audit_log_actor')).toBe(true);
  });

  it('goes on after its `up` when only the indexes are missing', async () => {
    const both = { ...altering, indexes: indexing.indexes };
    const broken = { ...both, indexes: [{ name: 'audit_log_actor', on: 'audit_log (nothing)' }] };
    await expect(migrateTo(broken)).rejects.toThrow(/nothing/);
    expect(await migrateTo(both)).toEqual([both.name]);
    expect(await isValid('audit_log_actor')).toBe(true);
  });

  it('drops an index only when the one that replaces it is there', async () => {
    const replacing = {
      name: '9999-better',
      indexes: [{ name: 'audit_log_better', on: 'audit_log (nothing)' }],
      replaces: ['audit_log_actor'],
    };
    await migrateTo(indexing);
    const list = [...migrations, indexing, replacing];
    await expect(migrate(database, { list })).rejects.toThrow(/nothing/);
    expect(await isValid('audit_log_actor')).toBe(true);
    replacing.indexes = [{ name: 'audit_log_better', on: 'audit_log (actor, at)' }];
    expect(await migrate(database, { list })).toEqual([replacing.name]);
    expect(await isValid('audit_log_better')).toBe(true);
    expect(await isValid('audit_log_actor')).toBeUndefined();
  });

  it('is done once by ten processes at once, none of which waits for another in a transaction', async () => {
    const clients = Array.from({ length: 10 }, () => database.again());
    const list = [...migrations, altering, { ...indexing, name: '9999-index' }];
    const results = await Promise.all(clients.map((client) => migrate(client, { list })));
    expect(results.filter((applied) => applied.length > 0)).toEqual([
      [altering.name, '9999-index'],
    ]);
  });

  it('waits for a transaction that holds the table, and keeps nobody waiting behind it', async () => {
    const reader = await database.again().knex.transaction();
    await reader('audit_log').first();
    const migrating = migrateTo(altering);
    const waits = await waitsDuring(sleep(2_500), write);
    expect(waits.longest).toBeLessThan(LONG_MS);
    expect((await migrationStatus(database, [...migrations, altering])).pending).toHaveLength(1);
    await reader.commit();
    expect(await migrating).toEqual([altering.name]);
    expect(notes).toEqual(['9998-column waits for a table that another transaction has locked.']);
  });

  it('says once that it waits for another process', async () => {
    const others: Promise<string[]>[] = [];
    await withMigrationSession(database, note, async () => {
      others.push(migrateTo(altering));
      await sleep(700);
    });
    expect(await Promise.all(others)).toEqual([[altering.name]]);
    expect(notes).toEqual(['Another process migrates the database; this one waits for it.']);
  });

  it('stops when its lock is gone, as behind a pooler in transaction mode', async () => {
    const migrating = withMigrationSession(database, note, async (session) => {
      await session.run('SELECT pg_advisory_unlock_all()');
      await migrateBesideOthers(session, indexing, { note });
    });
    await expect(migrating).rejects.toThrow(/pooler in transaction mode/);
    expect(await isValid('audit_log_actor')).toBeUndefined();
  });

  it('gives up in the end on a transaction that never ends, and changes nothing', async () => {
    const reader = await database.again().knex.transaction();
    await reader('audit_log').first();
    const migrating = withMigrationSession(database, note, (session) =>
      migrateBesideOthers(session, altering, { timeoutMs: 0, note }),
    );
    await expect(migrating).rejects.toThrow(MigrationBlockedError);
    await reader.commit();
    expect(await database.knex.schema.hasColumn('audit_log', 'note')).toBe(false);
    expect(await migrateTo(altering)).toEqual([altering.name]);
  });
});

/** Another process that migrates the database. */
function startProcess(url: string, next: Migration): ChildProcess {
  const module = (path: string) => JSON.stringify(new URL(`../../db/${path}`, import.meta.url));
  const program = `
    import { openDatabase } from ${module('database.ts')};
    import { migrate } from ${module('migrate.ts')};
    import { migrations } from ${module('migrations/index.ts')};
    await migrate(openDatabase(${JSON.stringify(url)}), { list: [...migrations, ${JSON.stringify(next)}] });
  `;
  const flags = ['--import', 'tsx', '--input-type=module', '--eval', program];
  return spawn(process.execPath, flags, { stdio: ['ignore', 'ignore', 'inherit'] });
}

describe('Every migration', () => {
  it('leaves the indexes of tables that may be full to be built beside the writers', async () => {
    const database = await createTestDatabase('postgres', { empty: true });
    const locking: string[] = [];
    for (const migration of migrations) {
      const older = await tablesOf(database);
      await database.knex.transaction(async (trx) => {
        trx.on('query', ({ sql }: { sql: string }) => {
          const table = /^\s*create (?:unique )?index .*? on "?(\w+)/is.exec(sql)?.[1];
          if (table && older.includes(table)) locking.push(`${migration.name}: ${sql}`);
        });
        await migration.up?.(trx, 'postgres');
      });
      for (const index of migration.indexes ?? []) await database.knex.raw(createIndex(index));
    }
    expect(locking).toEqual([]);
    await database.drop();
  });
});

async function tablesOf({ knex }: TestDatabase): Promise<string[]> {
  const rows: { tablename: string }[] = await knex('pg_tables').where({ schemaname: 'public' });
  return rows.map((row) => row.tablename);
}
