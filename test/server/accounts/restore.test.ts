import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { markRestored } from '../../../server/operations/mark-restored.ts';
import { verifyDatabase } from '../../../server/operations/verify.ts';
import { replayEvents } from '../../../server/webhooks/replay.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, type Person } from '../billing/person.ts';
import { METER, meteredPlans } from '../usage/metered-plans.ts';

const DAY = 86_400;
const HOUR_MS = 3_600_000;
const VOLUME = { plan: 'volume', interval: 'monthly' };
/** What is not of an account: the schema's own, and leases of what runs. */
const KEPT = /^(migrations|schema_|knex_|deployment$|cursors$|sqlite_)/;

describe('O-6, O-7, O-20: a database that was lost', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      prepare: meteredPlans,
      startAt: Math.floor(Date.now() / 1000) - 10 * DAY,
      env: {
        TRIAL_DAYS: '0',
        OUTGOING_WEBHOOK_URL: 'http://127.0.0.1:9/hook',
        OUTGOING_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
      },
      // Sent when the test says so, and at the end of a period.
      services: { usage: { flushEvery: 3_600_000 } },
    });
  });
  afterAll(() => server.close());

  const use = (person: Person, quantity: number, at = server.services.clock.now()) =>
    server.services.usage.record([{ userId: person.id, meter: METER, quantity, at }]);

  async function lose(): Promise<void> {
    await server.settled();
    const { knex } = server.database;
    const tables: string[] = await knex('sqlite_master').where({ type: 'table' }).pluck('name');
    for (const table of tables) if (!KEPT.test(table)) await knex(table).delete();
    server.services.access.invalidateAll();
  }

  /** What would be sent to people or to the team's own system. */
  const told = async (): Promise<string[]> => {
    const rows: { kind: string }[] = await server.database
      .knex('outbox')
      .where((q) => void q.whereLike('kind', 'mail.%').orWhereLike('kind', 'webhook.%'))
      .whereNull('last_error');
    return rows.map(({ kind }) => kind);
  };

  it('comes back from verify --repair alone: accounts, access, portal, invoices, usage; nothing is sent', async () => {
    const person = newPerson(server);
    const { id } = await person.subscribe(VOLUME);
    const learned = newPerson(server);
    const atStripe = await server.stripe.subscriptions.create({
      customer: await stranger(),
      items: (await server.stripe.subscriptions.retrieve(id)).items.data.map(({ price }) => ({
        price: price.id,
      })),
      metadata: { user_id: learned.id },
    });
    const gone = newPerson(server);
    await gone.subscribe(VOLUME);
    await gone.command('cancel', { when: 'now' });
    await use(person, 40);
    await server.services.usage.flush();
    const customer = await person.customerId();

    await lose();
    const result = await verifyDatabase(server.services, { repair: true });
    expect(result.repaired).toBe(result.differences);
    expect(await told()).toEqual([]);
    expect(await person.customerId()).toBe(customer);
    for (const [who, subscriptionId] of [
      [person, id],
      [learned, atStripe.id],
    ] as const) {
      expect(await who.subscription()).toMatchObject({ id: subscriptionId, plan: 'volume' });
      expect((await who.get('access')).json).toMatchObject({ allowed: true });
      expect((await who.post('portal')).status).toBe(200);
      expect((await who.get('invoices')).json['invoices']).toHaveLength(1);
      expect((await who.get('credit')).status).toBe(200);
      expect((await who.post('checkout', VOLUME)).status).toBe(409);
      const used = { meter: METER, quantity: 7, idempotencyKey: `after-${who.id}` };
      expect((await who.post('usage', used)).json).toEqual({ accepted: 1, duplicates: 0 });
    }
    await server.services.usage.flush();
    await server.advance(31);
    await server.advance(1);
    // 40 were sent before and are not sent again; 7 came after: 47 at 10 cents, and the base fee.
    expect((await person.invoices())[0]).toMatchObject({ total: 470 + 1_000 });
    const [renewal] = (await server.stripe.invoices.list({ subscription: atStripe.id })).data;
    expect(renewal).toMatchObject({ total: 70 + 1_000 });

    await lose();
    await replayEvents(server.services, { since: 0 });
    await server.settled();
    expect(await told()).toEqual([]);
    expect((await person.get('access')).json).toMatchObject({ allowed: true });
  }, 60_000);

  async function stranger(): Promise<string> {
    const customer = await server.stripe.customers.create({
      test_clock: server.env['STRIPE_TEST_CLOCK'],
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    return customer.id;
  }
});

describe('A backup from before usage was sent', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      prepare: meteredPlans,
      startAt: Math.floor(Date.now() / 1000) - 10 * DAY,
      env: { TRIAL_DAYS: '0' },
      services: { usage: { flushEvery: 3_600_000 } },
    });
  });
  afterAll(() => server.close());

  it('does not bill it twice, though Stripe has forgotten its identifier', async () => {
    const person = newPerson(server);
    await person.subscribe(VOLUME);
    await server.advance(5);
    const at = server.services.clock.now() - 30 * HOUR_MS;
    await server.services.usage.record([{ userId: person.id, meter: METER, quantity: 40, at }]);
    const { knex } = server.database;
    const backup = await knex('usage_windows').first();
    await server.services.usage.flush();

    await knex('usage_windows').delete();
    await knex('usage_totals').delete();
    // Stripe keeps them for a day.
    await knex('usage_windows').insert({ ...backup, identifier: `${backup.identifier}-forgotten` });
    await markRestored(server.services);
    await server.services.usage.flush();
    const path = `/admin/api/usage?userId=${person.id}&meter=${METER}`;
    const { json } = await server.call('GET', path, { admin: true });
    expect(json).toMatchObject({ acknowledged: 40, atStripe: 40, difference: 0 });
  }, 60_000);
});
