import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/database.ts';
import { schemaOf, SchemaNotUsedError, withSchema } from '../../db/database-schema.ts';
import { migrate, migrationStatus } from '../../db/migrate.ts';
import { prepareDatabase } from '../../db/prepare-database.ts';
import { findSubscription } from '../../db/subscriptions.ts';
import { loadConfig } from '../../server/config/config.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { createEngineLab, type EngineLab } from '../support/engine-lab.ts';
import { beginStory } from '../support/subscription-story.ts';

const prepare = (database: Database) =>
  prepareDatabase(database, { waitMs: 1_000, note: () => undefined });

describe('A-1: two deployments in a database of a host that has a table "customers",', () => {
  let host: TestDatabase;
  let lab: EngineLab;
  let one: Database;
  let two: Database;
  beforeAll(async () => {
    [host, lab] = await Promise.all([
      createTestDatabase('postgres', { empty: true }),
      createEngineLab(),
    ]);
    await host.knex.raw('CREATE TABLE customers (id integer PRIMARY KEY, company text)');
    await host.knex.raw('CREATE TABLE outbox (id integer PRIMARY KEY)');
    await host.knex('customers').insert({ id: 1, company: 'Acme' });
    one = openDatabase(withSchema(host.url, 'billing_one'));
    two = openDatabase(withSchema(host.url, 'billing_two'));
  });
  afterAll(async () => {
    await Promise.all([one.close(), two.close()]);
    await lab.emulator.close();
    await host.drop();
  });

  it('each has a schema, made at the first start, by several processes at once', async () => {
    const again = [one, two].map(({ url }) => openDatabase(url));
    await Promise.all([one, two, ...again].map(prepare));
    await Promise.all(again.map((each) => each.close()));
    for (const each of [one, two]) {
      expect(await migrationStatus(each)).toMatchObject({ pending: [], unknown: [] });
    }
    const mine: string[] = await host
      .knex('information_schema.tables')
      .where({ table_schema: 'public' })
      .orderBy('table_name')
      .pluck('table_name');
    expect(mine).toEqual(['customers', 'outbox']);
  });

  it('the events of one are processed there, and the tables of the host and of the other stay as they are', async () => {
    const engine = lab.engine(one);
    await engine.services.engine.start();
    const story = await beginStory(lab);
    for (const event of await story.news()) await engine.deliver(event);
    await engine.services.engine.stop();
    expect(await findSubscription(one.knex, story.subscriptionId)).toMatchObject({
      state: 'active',
    });
    expect(await findSubscription(two.knex, story.subscriptionId)).toBeNull();
    expect(await host.knex('customers')).toEqual([{ id: 1, company: 'Acme' }]);
    expect(await host.knex('outbox')).toEqual([]);
  });

  it('without a schema the host is told by the first table, and nothing is half made', async () => {
    await expect(migrate(host)).rejects.toThrow(/"?customers"? already exists/);
    expect(await host.knex.schema.hasTable('tenure_migrations')).toBe(false);
  });

  it('a connection that does not take the schema on is refused, before anything is written', async () => {
    const elsewhere = { ...host, url: withSchema(host.url, 'billing_three') };
    await expect(prepare(elsewhere)).rejects.toThrow(SchemaNotUsedError);
    await expect(prepare(elsewhere)).rejects.toThrow(/ALTER ROLE .* SET search_path/);
    expect(await host.knex.schema.hasTable('tenure_migrations')).toBe(false);
  });
});

describe('DATABASE_SCHEMA', () => {
  const env = {
    STRIPE_SECRET_KEY: 'sk_test_1',
    STRIPE_WEBHOOK_SECRET: 'whsec_12345678',
    STRIPE_PRO_MONTHLY_PRICE_ID: 'price_1',
  };

  it('is part of the address, beside what that says already', () => {
    const DATABASE_URL =
      'postgres://tenure:p%40ss@db/shop?options=-c%20work_mem%3D64MB&sslmode=require';
    const { databaseUrl } = loadConfig({ ...env, DATABASE_URL, DATABASE_SCHEMA: 'billing' });
    expect(schemaOf(databaseUrl)).toBe('billing');
    const { searchParams } = new URL(databaseUrl);
    expect(searchParams.get('options')).toBe('-c search_path=billing -c work_mem=64MB');
    expect(searchParams.get('sslmode')).toBe('require');
    expect(schemaOf(DATABASE_URL)).toBeNull();
  });

  it('is refused with SQLite, and where it is no name', () => {
    const load = (more: object) => loadConfig({ ...env, ...more });
    expect(() => load({ DATABASE_SCHEMA: 'billing' })).toThrow(/is for PostgreSQL/);
    for (const DATABASE_SCHEMA of ['pg_mine', 'my-schema', 'a"; DROP SCHEMA public'])
      expect(() => load({ DATABASE_SCHEMA, DATABASE_URL: 'postgres://db/shop' })).toThrow(
        /DATABASE_SCHEMA must be the name of a schema/,
      );
  });
});
