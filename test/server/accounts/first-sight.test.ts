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
  /** What is sent about these people; what was told before is noted and not sent. */
  async function sentAbout(...people: Known[]): Promise<string[]> {
    const marks = people.flatMap(({ person, id, customer }) => [`"${person.id}"`, id, customer]);
    const rows: { kind: string; object_id: string; payload: string }[] = await server.database
      .knex('outbox')
      .whereNull('last_error');
    return rows
      .filter((row) => marks.some((mark) => `${row.object_id} ${row.payload}`.includes(mark)))
      .map(({ kind }) => kind);
  }
  const statusOf = async (id: string) => (await server.stripe.subscriptions.retrieve(id)).status;

  interface Known {
    person: Person;
    id: string;
    customer: string;
  }
  async function payer(): Promise<Known> {
    const person = newPerson(server);
    const { id } = await person.subscribe(PRO);
    return { person, id, customer: await person.customerId() };
  }
  async function failing(): Promise<Known> {
    const known = await payer();
    await known.person.useCard('pm_card_chargeCustomerFail');
    await server.advance(32);
    return known;
  }

  it('O-3: is not ended by a repair, nor by the next failure, though others were counted before', async () => {
    const known = await failing();
    const { id } = known;
    expect(await statusOf(id)).toBe('past_due');
    await forget();
    await verifyDatabase(server.services, { repair: true });
    await server.settled();
    expect(await sentAbout(known)).toEqual([]);
    expect(await statusOf(id)).toBe('past_due');
    // The second failure reaches the limit, and is the first that this server hears of.
    await server.advance(4);
    expect(await statusOf(id)).toBe('past_due');
    expect(await sentAbout(known)).not.toContain('dunning.final_action');
  }, 120_000);

  it('O-3: is ended after as many failures as were followed', async () => {
    const { id } = await failing();
    await server.advance(4);
    await server.settled();
    await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe('canceled');
  }, 120_000);

  it('O-6, O-7, O-20: comes back with its account from verify --repair, and nothing is mailed', async () => {
    const [known, gone] = [await payer(), await payer()];
    const { person, id, customer } = known;
    await gone.person.command('cancel', { when: 'now' });
    expect(await sentAbout(known, gone)).toContain('mail.receipt');
    await forget();
    await verifyDatabase(server.services, { repair: true });
    expect(await person.customerId()).toBe(customer);
    expect((await person.subscription()).id).toBe(id);
    expect((await person.get('access')).json).toMatchObject({ allowed: true });
    expect((await person.post('portal')).status).toBe(200);
    expect((await person.get('invoices')).json['invoices']).toHaveLength(1);
    expect((await person.post('checkout', PRO)).status).toBe(409);
    expect(stringify(await sentAbout(known, gone))).not.toMatch(/mail|dunning|trial/);
    await forget();
    await replayEvents(server.services, { since: 0 });
    await server.settled();
    expect(await person.customerId()).toBe(customer);
    expect(stringify(await sentAbout(known, gone))).not.toMatch(/mail|dunning|trial/);
  }, 120_000);
});
