import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTE_DIALECTS } from '../support/databases.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { newPerson, PRO, STARTER } from './billing/person.ts';

const START = Date.UTC(2026, 10, 3, 12) / 1000;

describe.each(ROUTE_DIALECTS)('The figures of the business on %s', (database) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database, startAt: START });
  });
  afterAll(() => server.close());

  const stats = async (days = 30) =>
    (await server.call('GET', `/admin/api/stats?days=${days}`, { admin: true })).json;

  it('follow trials, revenue, failed and recovered payments, and churn', async () => {
    expect(await stats()).toMatchObject({
      mrr: {},
      trialing: 0,
      paying: 0,
      churn: { lost: 0, rate: null },
      payments: { failed: 0, recovered: 0 },
      trials: [],
      usage: { waiting: 0, failing: 0, refused: 0 },
    });
    const [stays, leaves, fails] = [newPerson(server), newPerson(server), newPerson(server)];
    await stays.subscribe(PRO);
    await leaves.subscribe(STARTER);
    await fails.subscribe(STARTER);
    expect(await stats()).toMatchObject({
      trialing: 3,
      paying: 0,
      mrr: {},
      trials: [{ month: '2026-11', started: 3, converted: 0, lost: 0, open: 3, conversion: null }],
    });
    await leaves.command('cancel', { when: 'now' });
    await server.advance(15);
    expect(await stats()).toMatchObject({
      trialing: 0,
      paying: 2,
      mrr: { usd: 7_000 },
      churn: { lost: 0 },
      trials: [{ started: 3, converted: 2, lost: 1, open: 0, conversion: 2 / 3 }],
    });
    await fails.useCard('pm_card_chargeCustomerFail');
    await server.advance(31);
    expect(await stats()).toMatchObject({ payments: { failed: 1, recovered: 0 }, paying: 2 });
    await fails.useCard('pm_card_visa');
    const [open] = await fails.invoices();
    await server.stripe.invoices.pay(open!.id);
    await server.settled();
    expect(await stats()).toMatchObject({ payments: { failed: 1, recovered: 1 } });
    await stays.command('cancel', { when: 'now' });
    expect(await stats()).toMatchObject({
      mrr: { usd: 2_000 },
      paying: 1,
      churn: { lost: 1, rate: 0.5 },
      counts: { active: 1, canceled: 2 },
    });
    expect(await stats(1)).toMatchObject({ days: 1, paying: 1 });
  });
});
