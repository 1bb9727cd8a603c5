import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../server/config/config.ts';
import { createLogger } from '../../../server/lib/log.ts';
import { createServices } from '../../../server/app/compose.ts';
import type { Services } from '../../../server/lib/services.ts';
import type { UsageOptions } from '../../../server/usage/options.ts';
import { DIALECTS } from '../../support/databases.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { newPerson, type Person } from '../billing/person.ts';
import { METER, meteredPlans } from './metered-plans.ts';

const DAY = 86_400_000;

describe.each(DIALECTS)('Usage of several processes on %s', (database) => {
  let server: TestServer;
  let person: Person;
  const others: Services[] = [];

  const another = (usage: Partial<UsageOptions>): Services => {
    const services = createServices(loadConfig(server.env), {
      env: server.env,
      log: createLogger({ level: 'silent' }),
      engine: { catchUpEvery: 0 },
      usage,
    });
    others.push(services);
    return services;
  };

  beforeAll(async () => {
    server = await startTestServer({
      database,
      prepare: meteredPlans,
      env: { TRIAL_DAYS: '0' },
      services: { usage: { flushEvery: 0, retryBase: 10, retryMax: 50 } },
    });
  });
  beforeEach(async () => {
    person = newPerson(server);
    await person.subscribe({ plan: 'metered', interval: 'monthly' });
  });
  afterAll(async () => {
    for (const services of others) await services.close();
    await server.close();
  });

  const use = (services: Services, quantity: number, key?: string) =>
    services.usage.record([{ userId: person.id, meter: METER, quantity, idempotencyKey: key }]);
  const usageOf = async () => (await person.get(`usage?meter=${METER}`)).json;
  const atStripe = async () =>
    (
      await server.call('GET', `/admin/api/usage?userId=${person.id}&meter=${METER}`, {
        admin: true,
      })
    ).json['atStripe'];

  it('is sent by one of them, and by another one when that is gone', async () => {
    const [first, second] = [another({ flushEvery: 0 }), another({ flushEvery: 0 })];
    await use(first, 10);
    const before = Number(
      (await server.database.knex('cursors').where({ name: 'usage-flush' }).first())?.lease_until ??
        0,
    );
    if (before > 0) await server.database.knex('cursors').update({ lease_until: 0 });
    expect(await first.usage.flush()).toMatchObject({ led: true, delivered: 1 });
    await use(second, 5);
    expect(await second.usage.flush()).toMatchObject({ led: false, delivered: 0 });
    // Somebody who waits for it does not wait for the lease.
    expect(await second.usage.flush([person.id])).toMatchObject({ delivered: 1 });
    await use(second, 5);
    await first.usage.stop();
    expect(await second.usage.flush()).toMatchObject({ led: true, delivered: 1 });
    await second.usage.stop();
    expect(await usageOf()).toMatchObject({ recorded: 20, acknowledged: 20 });
    expect(await atStripe()).toBe(20);
  });

  it('is counted once when many record and all of them send at once', async () => {
    const all = [1, 2, 3, 4].map(() => another({ flushEvery: 0 }));
    await Promise.all(
      all.flatMap((services) =>
        Array.from({ length: 20 }, async (_, i) => {
          await use(services, 1, `shared-${i}`);
          await services.usage.flush([person.id]);
        }),
      ),
    );
    await until(async () => {
      await server.database.knex('usage_windows').update({ next_attempt_at: 0 });
      await server.services.usage.flush([person.id]);
      return Number((await usageOf())['pending']) === 0;
    });
    expect(await usageOf()).toMatchObject({ recorded: 20, acknowledged: 20 });
    expect(await atStripe()).toBe(20);
  });

  it('goes by itself, and what failed is tried again when it is due', async () => {
    const services = another({ flushEvery: 50, retryBase: 10, retryMax: 20 });
    await services.engine.start();
    await fetch(`${server.emulator.url}/_emulator/faults`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.env['STRIPE_SECRET_KEY']}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        type: 'rate_limit',
        reason: 'endpoint-rate',
        path: '/v1/billing/meter_events',
        times: 2,
      }),
    });
    await use(services, 3);
    await until(async () => Number((await usageOf())['acknowledged']) === 3);
    await services.engine.stop();
    expect(await atStripe()).toBe(3);
  });

  it('is not sent again blindly once Stripe has forgotten the identifier', async () => {
    const { knex } = server.database;
    const tried = async (reachedStripe: boolean, quantity: number) => {
      await use(server.services, quantity);
      await server.services.usage.flush([person.id]);
      // As if the answer had been lost, and the process with it, for a day and more.
      await knex('usage_windows')
        .where({ user_id: person.id })
        .orderBy('id', 'desc')
        .whereIn('id', knex('usage_windows').where({ user_id: person.id }).max('id'))
        .update({ status: 'sealed', first_attempt_at: Date.now() - 2 * DAY, attempts: 1 });
      await knex('usage_totals')
        .where({ user_id: person.id })
        .update({ quantity: knex.raw('quantity - ?', [quantity]) });
      const row = await knex('usage_windows')
        .where({ user_id: person.id, status: 'sealed' })
        .first();
      const { identifier } = row as { identifier: string };
      if (!reachedStripe) {
        await server.stripe.billing.meterEventAdjustments.create({
          event_name: METER,
          type: 'cancel',
          cancel: { identifier },
        });
        // Stripe knows it no more.
        await knex('usage_windows')
          .where({ identifier })
          .update({ identifier: `${identifier}-new` });
      }
    };
    await use(server.services, 100);
    await server.services.usage.flush([person.id]);
    await tried(true, 7);
    expect(await server.services.usage.flush([person.id])).toMatchObject({
      delivered: 1,
      calls: 0,
    });
    expect(await usageOf()).toMatchObject({ recorded: 107, acknowledged: 107 });
    await tried(false, 5);
    expect(await server.services.usage.flush([person.id])).toMatchObject({
      delivered: 1,
      calls: 1,
    });
    expect(await usageOf()).toMatchObject({ recorded: 112, acknowledged: 112 });
    expect(await atStripe()).toBe(112);
    await tried(true, 3);
    await knex('usage_totals').where({ user_id: person.id }).update({ quantity: 50 });
    expect(await server.services.usage.flush([person.id])).toMatchObject({
      delivered: 0,
      calls: 0,
    });
    const held = await knex('usage_windows')
      .where({ user_id: person.id, status: 'sealed' })
      .first();
    expect((held as { last_error: string }).last_error).toContain('by hand');
  });
});
