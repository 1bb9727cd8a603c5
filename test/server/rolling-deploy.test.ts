import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { migrate, NewerSchemaError } from '../../db/migrate.ts';
import { migrations, type Migration } from '../../db/migrations/index.ts';
import { runServer } from '../../server/app/run-server.ts';
import { DIALECTS } from '../support/databases.ts';
import { nextRelease as next } from '../support/next-release.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { newPerson } from './billing/person.ts';

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.close());

describe.each(DIALECTS)('While a newer release is rolled out on %s', (database) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database, emulator });
  });
  afterAll(() => server.close());

  it('the older servers go on working on the newer schema, and stay ready', async () => {
    const before = newPerson(server);
    await before.subscribe();
    expect(await migrate(server.database, { list: [...migrations, next] })).toEqual([next.name]);
    expect((await server.call('GET', '/readyz')).status).toBe(200);
    const after = newPerson(server);
    expect((await after.subscribe()).state).toBe('trialing');
    await before.command('cancel', { when: 'now' });
    await server.settled();
    expect((await before.subscription()).state).toBe('canceled');
    expect((await server.call('GET', '/admin/api/events', { admin: true })).status).toBe(200);
  });

  it('S-15: an older server that starts, again or after a way back, runs on it too', async () => {
    const older = await runServer({ env: { ...server.env, PORT: '0' } });
    const ready = await fetch(`${older.url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'ready' }]);
    expect((await fetch(`${older.url}/api/billing/plans`)).status).toBe(200);
    await older.close();
  });

  it('an older server that cannot run on it is told so when it starts, and what to do', async () => {
    const breaking: Migration = { name: '9999b-breaking', breaks: 'a table has another meaning' };
    await migrate(server.database, { list: [...migrations, next, breaking] });
    const start = runServer({ env: { ...server.env, PORT: '0' } });
    await expect(start).rejects.toThrow(NewerSchemaError);
    await expect(start).rejects.toThrow(/\(9999b-breaking\).*Run the newer release/s);
  });
});

describe('Every migration', () => {
  const folder = new URL('../../db/migrations/', import.meta.url);
  const files = readdirSync(folder).filter((name) => /^\d{4}-/.test(name));

  it.each(files)('only adds, or says why older servers cannot go on: %s', (file) => {
    const own = migrations.find(({ name }) => `${name}.ts` === file);
    expect(own).toBeDefined();
    if (own?.breaks !== undefined) return;
    const source = readFileSync(new URL(file, folder), 'utf8');
    expect(source).not.toMatch(
      /drop(Table|Column|Nullable|Primary|Unique)|rename(Table|Column)|\.alter\(\)|DROP |RENAME /,
    );
  });

  it('drops an index only for one that takes its place', () => {
    const replacing = migrations.filter(({ replaces }) => replaces !== undefined);
    expect(replacing.map(({ name }) => name)).toEqual(['0007-events-by-subject', '0035-receivers']);
    for (const { indexes } of replacing) expect(indexes?.length).toBeGreaterThan(0);
  });
});
