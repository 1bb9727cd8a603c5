import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newPerson, PRO, type Person } from '../billing/person.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { verifyDatabase } from '../../../server/operations/verify.ts';
import { replayEvents } from '../../../server/webhooks/replay.ts';

const TABLES = [
  'customers',
  'subscriptions',
  'transitions',
  'subscription_counts',
  'webhook_events',
  'outbox',
  'trials',
];

describe('What was at Stripe before', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      env: { DUNNING_MAX_ATTEMPTS: '2', TRIAL_DAYS: '0' },
    });
  });
  afterAll(() => server.close());

  const { stringify } = JSON;
  const forget = async () => {
    await server.settled();
    for (const table of TABLES) await server.database.knex(table).delete();
    server.services.access.invalidateAll();
  };
  // What was told before is noted and not sent.
  const outbox = () => server.database.knex('outbox').whereNull('last_error').select('kind');
  const statusOf = async (id: string) => (await server.stripe.subscriptions.retrieve(id)).status;

  async function failing(): Promise<{ person: Person; id: string }> {
    const person = newPerson(server);
    const { id } = await person.subscribe(PRO);
    await person.useCard('pm_card_chargeCustomerFail');
    await server.advance(32);
    return { person, id };
  }

  it('O-3: is not ended by a repair, nor by the next failure, though others were counted before', async () => {
    const { id } = await failing();
    expect(await statusOf(id)).toBe('past_due');
    await forget();
    await verifyDatabase(server.services, { repair: true });
    await server.settled();
    expect(await outbox()).toEqual([]);
    expect(await statusOf(id)).toBe('past_due');
    // The second failure reaches the limit, and is the first that this server hears of.
    await server.advance(4);
    expect(await statusOf(id)).toBe('past_due');
    const kinds = (await outbox()).map(({ kind }: { kind: string }) => kind);
    expect(kinds).not.toContain('dunning.final_action');
  }, 120_000);

  it('O-3: is ended after as many failures as were followed', async () => {
    const { id } = await failing();
    await server.advance(4);
    await server.settled();
    await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe('canceled');
  }, 120_000);

  it('O-6, O-7, O-20: comes back with its account from verify --repair, and nothing is mailed', async () => {
    const person = newPerson(server);
    const { id } = await person.subscribe(PRO);
    const gone = newPerson(server);
    await gone.subscribe(PRO);
    await gone.command('cancel', { when: 'now' });
    const customer = await person.customerId();
    await forget();
    await verifyDatabase(server.services, { repair: true });
    expect(await person.customerId()).toBe(customer);
    expect((await person.subscription()).id).toBe(id);
    expect((await person.get('access')).json).toMatchObject({ allowed: true });
    expect((await person.post('portal')).status).toBe(200);
    expect((await person.get('invoices')).json['invoices']).toHaveLength(1);
    expect((await person.post('checkout', PRO)).status).toBe(409);
    expect(stringify(await outbox())).not.toMatch(/mail|dunning|trial/);
    await forget();
    await replayEvents(server.services, { since: 0 });
    await server.settled();
    expect(await person.customerId()).toBe(customer);
    expect(stringify(await outbox())).not.toMatch(/mail|dunning|trial/);
  }, 120_000);
});
