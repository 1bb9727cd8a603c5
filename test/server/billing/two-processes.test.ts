import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fillAmounts } from '../../../server/catalogue/fill-amounts.ts';
import { loadConfig } from '../../../server/config/config.ts';
import { createLogger } from '../../../server/lib/log.ts';
import { startServer } from '../../../server/app/http-server.ts';
import { createServices } from '../../../server/app/compose.ts';
import { startTestServer, type Answer, type TestServer } from '../../support/server.ts';
import { tokenFor } from '../../support/tokens.ts';
import { newPerson, PRO, PRO_YEARLY, STARTER, type Person } from './person.ts';

/** Two servers on one Postgres: the tabs of one person may reach either. */
describe('Commands that reach two processes at once', () => {
  let server: TestServer;
  let second: Awaited<ReturnType<typeof startServer>>;
  beforeAll(async () => {
    server = await startTestServer({ database: 'postgres', env: { TRIAL_DAYS: '0' } });
    const env = { ...server.env, DATABASE_URL: server.database.url, PORT: '0' };
    const services = createServices(loadConfig(env), {
      env,
      log: createLogger({ level: 'silent' }),
      engine: { catchUpEvery: 0 },
    });
    second = await startServer(services);
    await fillAmounts(services.catalogue, services);
  });
  afterAll(async () => {
    await second.close();
    await server.close();
  });

  /** The same request to both, at the same moment; their status codes, sorted. */
  async function both(person: Person, path: string, bodies: object[]): Promise<number[]> {
    const authorization = `Bearer ${await tokenFor(person.id)}`;
    const there = async (body: object): Promise<number> => {
      const response = await fetch(`${second.url}/api/billing/${path}`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      await response.arrayBuffer();
      return response.status;
    };
    const here = (body: object) => person.post(path, body).then(({ status }: Answer) => status);
    const statuses = await Promise.all(bodies.map((body, i) => (i % 2 ? there(body) : here(body))));
    return statuses.toSorted((a, b) => a - b);
  }
  const quoted = async (person: Person, choice: object) => {
    const { prorationDate } = (await person.command('preview', choice)).json;
    return { ...choice, prorationDate };
  };

  it('make one customer and leave one Checkout page', async () => {
    const person = newPerson(server);
    await both(person, 'checkout', [PRO, PRO_YEARLY, PRO, STARTER]);
    const customer = await person.customerId();
    const test_clock = String(server.env['STRIPE_TEST_CLOCK']);
    const all = await server.stripe.customers.list({ limit: 100, test_clock });
    const mine = all.data.filter(({ metadata }) => metadata['user_id'] === person.id);
    const open = await server.stripe.checkout.sessions.list({ customer, status: 'open' });
    expect([mine.length, open.data.length]).toEqual([1, 1]);
  });

  it('charge one upgrade, and refuse another plan that was quoted beside it', async () => {
    const person = newPerson(server);
    await person.subscribe(STARTER);
    const same = await quoted(person, PRO);
    const updates = async () =>
      (await person.invoices()).filter((each) => each.billing_reason === 'subscription_update');
    expect(await both(person, 'subscription/change', [same, same, same])).toEqual([202, 202, 202]);
    expect(await updates()).toHaveLength(1);
    const three = await quoted(person, { ...PRO, quantity: 3 });
    const five = await quoted(person, { ...PRO, quantity: 5 });
    expect(await both(person, 'subscription/change', [three, five])).toEqual([202, 409]);
    expect(await updates()).toHaveLength(2);
  });

  it('come back with one subscription', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO);
    await person.command('cancel', { when: 'now' });
    expect(await both(person, 'subscription/reactivate', [PRO, PRO])).toEqual([200, 409]);
    const customer = await person.customerId();
    expect((await server.stripe.subscriptions.list({ customer })).data).toHaveLength(1);
  });
});
