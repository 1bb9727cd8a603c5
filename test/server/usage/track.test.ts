import express from 'express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trackRequests, trackUsage } from '../../../server/entrypoints/express.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { tokenFor } from '../../support/tokens.ts';
import { newPerson, type Person } from '../billing/person.ts';
import { METER, meteredPlans } from './metered-plans.ts';

describe.each(ROUTE_DIALECTS)('A host app that tracks usage on %s', (database) => {
  let server: TestServer;
  let person: Person;

  beforeAll(async () => {
    server = await startTestServer({
      database,
      prepare: meteredPlans,
      env: { TRIAL_DAYS: '0' },
      services: { usage: { flushEvery: 0, maxBuffered: 50, commitTimeoutMs: 300 } },
    });
    person = newPerson(server);
    await person.subscribe({ plan: 'metered', interval: 'monthly' });
  });
  afterAll(() => server.close());

  const recorded = async () => Number((await person.get(`usage?meter=${METER}`)).json['recorded']);

  it('counts the requests of its users that were answered, after the answer', async () => {
    const { services } = server;
    const before = await recorded();
    const app = express();
    app.use(
      trackRequests(METER, {
        services,
        quantity: (incoming) => Number(incoming.headers['x-cost'] ?? 1),
      }),
    );
    app.get('/work', (_request, response) => void response.send('done'));
    app.get('/fails', (_request, response) => void response.status(500).send('broken'));
    const authorization = `Bearer ${await tokenFor(person.id)}`;
    await Promise.all(
      Array.from({ length: 10 }, () =>
        request(app).get('/work').set({ authorization }).expect(200),
      ),
    );
    await request(app).get('/work').set({ authorization, 'x-cost': '5' }).expect(200);
    await request(app).get('/fails').set({ authorization }).expect(500);
    await request(app).get('/work').expect(200);
    const stranger = `Bearer ${await tokenFor('stranger')}`;
    await request(app).get('/work').set({ authorization: stranger }).expect(200);
    await until(async () => (await recorded()) >= before + 15);
    expect(await recorded()).toBe(before + 15);
  });

  it('adds calls without a key up, and counts calls with a key once', async () => {
    const { services } = server;
    const before = await recorded();
    const lines = async () =>
      Number((await server.database.knex('usage_records').count({ n: '*' }).first())?.['n']);
    const linesBefore = await lines();
    const at = new Date(services.clock.now());
    const many = Array.from({ length: 2_000 }, () =>
      trackUsage(services, { userId: person.id, meter: METER }),
    );
    expect(await Promise.all(many)).toContainEqual({ accepted: 1, duplicates: 0 });
    expect(await recorded()).toBe(before + 2_000);
    expect((await lines()) - linesBefore).toBeLessThan(100);
    const keyed = { userId: person.id, meter: METER, quantity: 7, idempotencyKey: 'job-1', at };
    expect(await trackUsage(services, keyed)).toEqual({ accepted: 1, duplicates: 0 });
    expect(await trackUsage(services, keyed)).toEqual({ accepted: 0, duplicates: 1 });
    expect(await recorded()).toBe(before + 2_007);
  });

  it('is refused what is wrong, as it is over HTTP', async () => {
    const { services } = server;
    const good = { userId: person.id, meter: METER };
    await expect(trackUsage(services, { ...good, quantity: -1 })).rejects.toMatchObject({
      code: 'usage_refused',
      fields: { reason: 'negative_quantity' },
    });
    await expect(trackUsage(services, { ...good, meter: 'x' })).rejects.toMatchObject({
      code: 'unknown_meter',
    });
    await expect(trackUsage(services, { ...good, userId: 'nobody' })).rejects.toMatchObject({
      code: 'no_billing_account',
    });
  });

  it('refuses more than it may hold in memory, and loses nothing of what it took', async () => {
    const { services } = server;
    const before = await recorded();
    const tries = await Promise.allSettled(
      Array.from({ length: 200 }, (_, i) =>
        trackUsage(services, { userId: person.id, meter: METER, idempotencyKey: `burst-${i}` }),
      ),
    );
    const taken = tries.filter(({ status }) => status === 'fulfilled').length;
    expect(taken).toBeGreaterThanOrEqual(50);
    expect(tries.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'overloaded', status: 503 },
    });
    expect(await recorded()).toBe(before + taken);
  });

  it('takes in all of what comes together or none of it, also where memory is short', async () => {
    const { services } = server;
    const before = await recorded();
    const together = (name: string) =>
      services.usage.record(
        Array.from({ length: 40 }, (_, i) => ({
          userId: person.id,
          meter: METER,
          quantity: 1,
          idempotencyKey: `${name}-${i}`,
        })),
      );
    const tries = await Promise.allSettled(['a', 'b', 'c', 'd'].map(together));
    const taken = tries.filter(({ status }) => status === 'fulfilled').length;
    expect(tries).toContainEqual(expect.objectContaining({ status: 'rejected' }));
    expect(await recorded()).toBe(before + taken * 40);
  });

  it('tries a commit that failed again, and counts it once when it had come through', async () => {
    const { services } = server;
    const before = await recorded();
    const { knex } = server.database;
    await knex.schema.renameTable('usage_windows', 'usage_windows_away');
    const waiting = trackUsage(services, { userId: person.id, meter: METER, quantity: 3 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await knex.schema.renameTable('usage_windows_away', 'usage_windows');
    expect(await waiting).toEqual({ accepted: 1, duplicates: 0 });
    expect(await recorded()).toBe(before + 3);
    await knex.schema.renameTable('usage_windows', 'usage_windows_away');
    await expect(trackUsage(services, { userId: person.id, meter: METER })).rejects.toThrow();
    await knex.schema.renameTable('usage_windows_away', 'usage_windows');
    expect(await recorded()).toBe(before + 3);
  });
});
