import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../server/config/config.ts';
import { addressed } from '../../../db/outbox.ts';
import { HOOKS } from '../../../server/config/receivers.ts';
import type { HookEvent } from '../../../server/lib/hooks.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { effectOfAnyRelease } from '../../support/effects.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { newPerson } from '../billing/person.ts';

describe.each(ROUTE_DIALECTS)('A-12: hooks of the host app, on %s,', (dialect) => {
  const changes: HookEvent<'subscription.changed'>[] = [];
  const paid: HookEvent<'payment.succeeded'>[] = [];
  let failures = 0;
  let hangs = false;
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: dialect,
      env: { TRIAL_DAYS: '0' },
      engine: { poll: 20, retryBase: 20, retryMax: 40, settle: 20, hookTimeout: 200 },
      services: {
        on: {
          'subscription.changed': async (event) => {
            changes.push(event);
            if (hangs) await new Promise(() => undefined);
            if (failures > 0) {
              failures -= 1;
              throw new Error('not yet');
            }
          },
          'payment.succeeded': (event) => paid.push(event),
        },
      },
    });
  });
  afterAll(() => server.close());

  const delivered = async () => {
    const { knex } = server.database;
    return !(await knex('outbox').where({ receiver: HOOKS, status: 'waiting' }).first('id'));
  };

  it('are called for each change in order, again when one throws, with the id that repetitions share', async () => {
    failures = 2;
    const person = newPerson(server);
    await person.subscribe();
    await until(() => Promise.resolve(paid.length > 0));
    await person.command('cancel', { when: 'period_end' });
    await person.command('resume');
    await until(delivered);
    const mine = changes.filter(({ data }) => data.userId === person.id);
    const turns = mine.map(({ data }) => data.number);
    expect(turns).toEqual(turns.toSorted((a, b) => a - b));
    expect(turns.filter((number) => number === turns[0])).toHaveLength(3);
    const idsOf = new Map(mine.map(({ data, id }) => [data.number, id]));
    for (const { data, id } of mine) expect(id).toBe(idsOf.get(data.number));
    expect(new Set(idsOf.values()).size).toBe(idsOf.size);
    expect(mine.map(({ data }) => data.to).slice(2)).toEqual([
      'active',
      'cancel_pending',
      'active',
    ]);
    // One that fails holds up no event of another kind.
    expect(paid).toMatchObject([{ type: 'payment.succeeded', data: { amountPaid: 5_000 } }]);
    // What has no hook, and no receiver, is not stored.
    const kinds: string[] = await server.database
      .knex('outbox')
      .whereNot({ receiver: '' })
      .distinct()
      .pluck('kind');
    expect(kinds.sort()).toEqual(['event.payment.succeeded', 'event.subscription.changed']);
  });

  it('are called again when they do not end, and shown with their attempts', async () => {
    hangs = true;
    const person = newPerson(server);
    await person.subscribe();
    const mine = () => changes.filter(({ data }) => data.userId === person.id);
    await until(() => Promise.resolve(mine().length >= 2));
    hangs = false;
    await until(delivered);
    const { json } = await server.call(
      'GET',
      `/admin/api/webhooks?receiver=${HOOKS}&type=subscription.changed`,
      { admin: true },
    );
    const [latest] = json['webhooks'] as { id: string; state: string }[];
    expect(latest?.state).toBe('delivered');
    const one = await server.call('GET', `/admin/api/webhooks/${latest?.id}`, { admin: true });
    const log = one.json['log'] as { error: string | null }[];
    expect(log[0]?.error).toContain('no answer within 0.2 seconds');
    expect(log.at(-1)?.error).toBeNull();
  });

  it('wait for a process that has them: one without stores for them and calls none', async () => {
    const env = { ...server.env, HOOK_EVENTS: 'payment.*' };
    const effects = ['webhook.payment.failed', 'webhook.dispute.won'].map((kind) =>
      effectOfAnyRelease(kind, 'in_1'),
    );
    expect(addressed(loadConfig(env).receivers, effects)).toEqual([
      { ...effects[0], receiver: HOOKS },
    ]);
    expect(() => loadConfig({ ...env, HOOK_EVENTS: 'payment.fail' })).toThrow(/HOOK_EVENTS must/);
  });
});
