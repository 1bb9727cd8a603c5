import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../db/database.ts';
import { allPrepared, type SqliteConnection } from '../../db/sqlite-connection.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';

const INSERT =
  "INSERT INTO cursors (name, value, lease_until, owner, updated_at) VALUES (?, '', 0, '', 0)";

describe('A statement that SQLite keeps prepared', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase('sqlite');
  });
  afterEach(() => database.drop());

  async function run<Row>(client: Database, sql: string, values: unknown[]): Promise<Row[]> {
    const pool = client.knex.client;
    const connection: SqliteConnection = await pool.acquireConnection();
    try {
      return await allPrepared<Row>(connection, sql, values);
    } finally {
      await pool.releaseConnection(connection);
    }
  }

  it('runs with other values each time', async () => {
    const rows = [];
    for (const value of [1, 2]) rows.push(...(await run(database, 'SELECT ? AS value', [value])));
    expect(rows).toEqual([{ value: 1 }, { value: 2 }]);
  });

  it('waits for the write lock of another connection instead of failing', async () => {
    const other = database.again();
    const trx = await other.knex.transaction();
    await trx('cursors').insert({ name: 'a', value: '', lease_until: 0, owner: '', updated_at: 0 });
    const waiting = run(database, INSERT, ['b']);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await trx.commit();
    await waiting;
    expect(await database.knex('cursors').orderBy('name').pluck('name')).toEqual(['a', 'b']);
  });

  it('says what is wrong with it, and is good once that is mended', async () => {
    const sql = 'SELECT count(*) AS n FROM later';
    await expect(run(database, sql, [])).rejects.toThrow(/no such table: later/);
    await database.knex.raw('CREATE TABLE later (n)');
    expect(await run(database, sql, [])).toEqual([{ n: 0 }]);
  });

  it('sees what a migration changed meanwhile', async () => {
    const sql = 'SELECT * FROM cursors';
    await run(database, INSERT, ['a']);
    await run(database, sql, []);
    await database.knex.raw("ALTER TABLE cursors ADD COLUMN note text NOT NULL DEFAULT 'new'");
    expect(await run(database, sql, [])).toMatchObject([{ name: 'a', note: 'new' }]);
  });

  it('does not keep its connection from being closed', async () => {
    const other = database.again();
    await run(other, INSERT, ['a']);
    await other.close();
    await expect(run(other, INSERT, ['b'])).rejects.toThrow('Unable to acquire a connection');
  });
});
