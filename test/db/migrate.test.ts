import { afterEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/database.ts';
import { migrate, migrationStatus, NewerSchemaError } from '../../db/migrate.ts';
import { migrations, type Migration } from '../../db/migrations/index.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../support/databases.ts';

const names = migrations.map((migration) => migration.name);

describe.each(DIALECTS)('migrations on %s', (dialect) => {
  let database: TestDatabase;
  afterEach(() => database.drop());

  it('bring an empty database up to date, and change nothing when run again', async () => {
    database = await createTestDatabase(dialect, { empty: true });
    expect(await migrationStatus(database)).toEqual({
      applied: [],
      pending: names,
      unknown: [],
      breaking: [],
    });
    expect(await migrate(database)).toEqual(names);
    expect(await migrate(database)).toEqual([]);
    expect(await migrationStatus(database)).toEqual({
      applied: names,
      pending: [],
      unknown: [],
      breaking: [],
    });
  });

  it('can be started by twenty clients at once', async () => {
    database = await createTestDatabase(dialect, { empty: true });
    const clients: Database[] = Array.from({ length: 20 }, () => database.again());
    const results = await Promise.all(clients.map((client) => migrate(client)));
    expect(results.filter((applied) => applied.length > 0)).toEqual([names]);
  });

  it('refuse a database of a newer release', async () => {
    database = await createTestDatabase(dialect);
    await database.knex('tenure_migrations').insert({ name: '9999-later', applied_at: 1 });
    await expect(migrate(database)).rejects.toThrow(NewerSchemaError);
    expect((await migrationStatus(database)).unknown).toEqual(['9999-later']);
  });

  it('build their indexes in a database that is filled as well as in a new one', async () => {
    database = await createTestDatabase(dialect);
    await database.knex('audit_log').insert({ at: 1, actor: 'a', action: 'b', detail: '{}' });
    const next: Migration = {
      name: '9998-next',
      indexes: [
        { name: 'audit_log_at', on: 'audit_log (at)' },
        { name: 'audit_log_once', on: `audit_log (actor) WHERE action = 'b'`, unique: true },
      ],
    };
    expect(await migrate(database, { list: [...migrations, next] })).toEqual([next.name]);
    const repeat = database
      .knex('audit_log')
      .insert({ at: 2, actor: 'a', action: 'b', detail: '{}' });
    await expect(repeat).rejects.toThrow(/unique/i);
    await expect(database.knex.raw('CREATE INDEX audit_log_at ON audit_log (at)')).rejects.toThrow(
      /exists/,
    );
  });

  it('leave nothing behind when one of them fails', async () => {
    database = await createTestDatabase(dialect);
    const broken: Migration = {
      name: '9998-broken',
      async up(trx) {
        await trx.raw('CREATE TABLE half_done (id integer)');
        throw new Error('broken on purpose');
      },
    };
    await expect(migrate(database, { list: [...migrations, broken] })).rejects.toThrow(
      'broken on purpose',
    );
    expect(await database.knex.schema.hasTable('half_done')).toBe(false);
    expect((await migrationStatus(database)).applied).toEqual(names);
  });
});

describe('openDatabase', () => {
  it('refuses a URL of another kind without repeating it, for it may hold a password', () => {
    expect(() => openDatabase('mysql://root:secret@host/db')).toThrow(/^DATABASE_URL must start/);
    expect(() => openDatabase('mysql://root:secret@host/db')).not.toThrow(/secret/);
  });

  it('makes SQLite durable: WAL, synchronous FULL, foreign keys', async () => {
    const database = await createTestDatabase('sqlite');
    const pragma = async (name: string) =>
      Object.values((await database.knex.raw(`PRAGMA ${name}`))[0])[0];
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(2);
    expect(await pragma('foreign_keys')).toBe(1);
    await database.drop();
  });

  it('reads bigint as numbers on Postgres, on its own connections only', async () => {
    const database = await createTestDatabase('postgres');
    const { rows } = await database.knex.raw(
      'SELECT 1795000000000::bigint AS at, sum(2::bigint) s',
    );
    expect(rows[0]).toEqual({ at: 1_795_000_000_000, s: 2 });
    await database.drop();
  });

  it('lets two SQLite connections read and then write in turn, without losing either', async () => {
    const database = await createTestDatabase('sqlite');
    const other = database.again();
    const add = (client: Database) =>
      client.knex.transaction(async (trx) => {
        const row = await trx('cursors').where({ name: 'n' }).first();
        const value = String(Number(row?.value ?? 0) + 1);
        await trx('cursors')
          .insert({ name: 'n', value, lease_until: 0, owner: '', updated_at: 0 })
          .onConflict('name')
          .merge(['value']);
      });
    await Promise.all(Array.from({ length: 40 }, (_, i) => add(i % 2 ? database : other)));
    expect((await database.knex('cursors').first()).value).toBe('40');
    await database.drop();
  });
});
