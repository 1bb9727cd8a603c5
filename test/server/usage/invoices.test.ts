import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { reconcileUsage } from '../../../server/usage/reconcile.ts';
import { newPerson, type Person } from '../billing/person.ts';
import { METER, meteredPlans } from './metered-plans.ts';

const START = Date.UTC(2026, 10, 3, 12, 34, 56) / 1000;
const HOUR = 3_600_000;

describe.each(ROUTE_DIALECTS)('Invoices with usage on %s', (database) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer({
      database,
      prepare: meteredPlans,
      startAt: START,
      env: { TRIAL_DAYS: '0' },
      // Nothing is sent but what the tests, and the end of a period, ask for.
      services: { usage: { flushEvery: 3_600_000 } },
    });
  });
  afterAll(() => server.close());

  const use = (person: Person, quantity: number, at = server.services.clock.now()) =>
    server.services.usage.record([{ userId: person.id, meter: METER, quantity, at }]);
  const usageOf = async (person: Person) => (await person.get(`usage?meter=${METER}`)).json;
  const periodEnd = async (person: Person) =>
    Date.parse((await person.subscription()).currentPeriodEnd);
  /** Moves the clock to a moment, in ms. */
  const goTo = async (moment: number) => {
    const clock = await server.stripe.testHelpers.testClocks.retrieve(
      server.env['STRIPE_TEST_CLOCK']!,
    );
    await server.advance((moment / 1000 - clock.frozen_time) / 86_400);
  };

  it('bill a base fee by the seat and graduated usage to the cent, over the end of a period', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'team', interval: 'monthly', quantity: 3 });
    const other = newPerson(server);
    await other.subscribe({ plan: 'volume', interval: 'monthly' });
    const last = newPerson(server);
    await last.subscribe({ plan: 'metered', interval: 'monthly' });
    expect((await person.invoices()).map(({ total }) => total)).toEqual([6_000]);
    expect((await other.invoices()).map(({ total }) => total)).toEqual([1_000]);
    expect((await last.atStripe()).items.data).toMatchObject([
      { price: { recurring: { usage_type: 'metered' } } },
    ]);

    await server.advance(10);
    await use(person, 12_000);
    await use(person, 345);
    await use(other, 101);
    await use(last, 333);
    await server.services.usage.flush();
    const end = await periodEnd(person);
    await goTo(end - 60_000);
    // Used in the last minute of the period, and not sent before it ends.
    await use(person, 1_000);
    await goTo(end + HOUR / 3);
    // The renewal's webhook makes it go at once: the draft waits an hour.
    await until(async () => Number((await usageOf(person))['pending']) === 0);
    await use(person, 7);
    // Reported late, for the period that has just ended.
    await use(person, 55, end - 1);
    await server.services.usage.flush();
    await goTo(end + 2 * HOUR);

    // 13,400: 1,000 free, 9,000 x 0.25, 3,400 x 0.1; three seats at 20.00.
    const [renewal] = await person.invoices();
    expect(renewal).toMatchObject({ total: 2_250 + 340 + 6_000, status: 'paid' });
    // 101 fall in the second tier as a whole: 101 x 5 + 200.
    expect((await other.invoices())[0]).toMatchObject({ total: 505 + 200 + 1_000, status: 'paid' });
    // 333 x 0.5 = 166.5, rounded half up.
    expect((await last.invoices())[0]).toMatchObject({ total: 167, status: 'paid' });
    expect(await usageOf(person)).toMatchObject({
      periodStart: new Date(end).toISOString(),
      recorded: 7,
      acknowledged: 7,
    });
    const late = await person.post('usage', {
      meter: METER,
      quantity: 1,
      idempotencyKey: 'too-late',
      timestamp: new Date(end - 1).toISOString(),
    });
    expect(late.json['error']).toMatchObject({ code: 'usage_refused', reason: 'period_closed' });
  });

  it('bill what a meter counts: the number of records, the last quantity, the highest one', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'counted', interval: 'monthly' });
    const report = (meter: string, quantity: number, at = server.services.clock.now()) =>
      server.services.usage.record([{ userId: person.id, meter, quantity, at }]);
    const told = async (meter: string) => (await person.get(`usage?meter=${meter}`)).json;
    const start = server.services.clock.now();
    for (let i = 0; i < 5; i += 1) await report('jobs', 1);
    await report('storage', 40);
    await report('users', 7);
    expect(await told('users')).toMatchObject({ aggregation: 'max', recorded: 7, pending: 7 });
    await server.services.usage.flush();
    await server.advance(2);
    await report('jobs', 1);
    await report('storage', 25);
    await report('users', 8);
    expect(await server.services.usage.flush()).toMatchObject({ calls: 3 });
    await report('users', 4);
    // What is not the highest is nothing to tell.
    expect(await server.services.usage.flush()).toMatchObject({ delivered: 1, calls: 0 });
    // What comes late is not the last, and may well be the highest.
    await report('storage', 90, start + HOUR);
    await report('users', 9, start + HOUR);
    await server.services.usage.flush();
    expect(await told('jobs')).toMatchObject({ aggregation: 'count', recorded: 6 });
    expect(await told('storage')).toMatchObject({ recorded: 25, acknowledged: 25, pending: 0 });
    expect(await told('users')).toMatchObject({ recorded: 9, acknowledged: 9, pending: 0 });
    // A limit of that name is compared with the same number.
    const access = (await person.get('access?feature=users')).json;
    expect(access).toMatchObject({ allowed: true, limit: 10, remaining: 1 });
    for (const meter of ['jobs', 'storage', 'users']) {
      expect(await reconcileUsage(server.services, { userId: person.id, meter })).toMatchObject({
        difference: 0,
      });
    }
    const two = server.services.usage.record([
      { userId: person.id, meter: 'jobs', quantity: 2, at: start },
    ]);
    await expect(two).rejects.toMatchObject({ fields: { reason: 'counts_as_one' } });
    const end = await periodEnd(person);
    await goTo(end + 2 * HOUR);
    const [renewal] = await person.invoices();
    expect(renewal).toMatchObject({ total: 500 + 6 * 3 + 25 * 10 + 9 * 50, status: 'paid' });
    // Each period begins anew.
    expect(await told('users')).toMatchObject({ recorded: 0 });
    await report('users', 2);
    await report('storage', 0);
    await server.services.usage.flush();
    await goTo((await periodEnd(person)) + 2 * HOUR);
    expect((await person.invoices())[0]).toMatchObject({ total: 500 + 2 * 50 });
  });

  it('are told of before they grow: each threshold once in a period, and the cap refuses', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'counted', interval: 'monthly' });
    const jobs = async (many: number) => {
      const records = Array.from({ length: many }, (_, i) => i);
      await server.services.usage.record(
        records.map(() => ({ userId: person.id, meter: 'jobs', quantity: 1 })),
      );
    };
    const told = async () => {
      const rows: { kind: string; payload: string }[] = await server.database
        .knex('outbox')
        .where('kind', 'like', '%usage%threshold')
        .orderBy('id');
      return rows.flatMap(({ kind, payload }) => {
        const { data, ...mail } = JSON.parse(payload) as { data?: Told } & Told;
        const { userId, threshold, isCap } = data ?? mail;
        return userId === person.id ? [`${kind.split('.')[0]} ${threshold} ${isCap}`] : [];
      });
    };
    const access = async () => (await person.get('access?feature=jobs')).json;
    await jobs(2);
    expect(await told()).toEqual([]);
    expect(await access()).toMatchObject({ allowed: true, limit: 6, remaining: 4 });
    // Both in one request.
    await jobs(2);
    // Without a receiver there is no webhook.
    const two = ['mail 3 false', 'mail 4 false'];
    expect(await told()).toEqual(two);
    await jobs(3);
    const all = [...two, 'mail 6 true'];
    expect(await told()).toEqual(all);
    await jobs(1);
    expect(await told()).toEqual(all);
    expect(await access()).toEqual({
      allowed: false,
      level: 'full',
      reason: 'cap_reached',
      limit: 6,
      remaining: 0,
    });
    await server.services.usage.flush();
    await goTo((await periodEnd(person)) + 2 * HOUR);
    // What was used all the same is billed.
    expect((await person.invoices())[0]).toMatchObject({ total: 500 + 8 * 3 });
    expect(await access()).toMatchObject({ allowed: true, remaining: 6 });
    await jobs(3);
    expect(await told()).toEqual([...all, 'mail 3 false']);
  });

  it('count usage where it was used, also when it is sent after the next period has begun', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'volume', interval: 'monthly' });
    const from = await periodEnd(person);
    await goTo(from + HOUR / 2);
    await use(person, 40);
    const end = await periodEnd(person);
    await goTo(end + HOUR / 2);
    await server.services.usage.flush();
    const who = { userId: person.id, meter: METER };
    const totals = await server.services.usage.totals(who, { from, until: end });
    expect(totals).toMatchObject({ recorded: 40, acknowledged: 40 });
  });

  it('bill usage until now when somebody cancels at once, or pauses', async () => {
    const leaver = newPerson(server);
    await leaver.subscribe({ plan: 'volume', interval: 'monthly' });
    await use(leaver, 40);
    await server.advance(1 / 24);
    await leaver.command('cancel', { when: 'now' });
    await server.settled();
    expect(await leaver.subscription()).toMatchObject({ state: 'canceled' });
    expect((await leaver.invoices())[0]).toMatchObject({ total: 400, status: 'paid' });

    const sleeper = newPerson(server);
    await sleeper.subscribe({ plan: 'metered', interval: 'monthly' });
    await use(sleeper, 2_000);
    await server.advance(1 / 24);
    await sleeper.command('pause');
    await server.settled();
    expect(await sleeper.subscription()).toMatchObject({ state: 'paused' });
    expect((await sleeper.invoices())[0]).toMatchObject({ total: 1_000 });
  });

  it('bill usage of the former plan when somebody changes it', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'volume', interval: 'monthly' });
    await use(person, 40);
    await server.advance(1 / 24);
    const { answer } = await person.changeTo({ plan: 'team', interval: 'monthly' });
    expect(answer.status).toBe(202);
    await use(person, 1_000);
    await server.services.usage.flush();
    const items = (await person.atStripe()).items.data;
    expect(items).toHaveLength(2);
    const billed = (await person.invoices()).flatMap(({ lines }) => lines.data);
    expect(billed).toContainEqual(expect.objectContaining({ quantity: 40, amount: 400 }));
  });

  it('bill with the next one what Stripe could not be told before the invoice was final', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'metered', interval: 'monthly' });
    const end = await periodEnd(person);
    await goTo(end - 60_000);
    await use(person, 1_000);
    const refuse = { type: 'error', path: '/v1/billing/meter_events', status: 503 };
    await control(server, 'POST', refuse);
    await goTo(end + 2 * HOUR);
    expect((await person.invoices())[0]).toMatchObject({ total: 0 });
    expect(await usageOf(person)).toMatchObject({ recorded: 0 });
    await control(server, 'DELETE');
    await server.database.knex('usage_windows').update({ next_attempt_at: 0 });
    await server.services.usage.flush();
    expect(await usageOf(person)).toMatchObject({ recorded: 1_000, acknowledged: 1_000 });
    await use(person, 200);
    await server.services.usage.flush();
    await goTo((await periodEnd(person)) + 2 * HOUR);
    expect((await person.invoices())[0]).toMatchObject({ total: 600, status: 'paid' });
  });
});

interface Told {
  userId: string;
  threshold: number;
  isCap: boolean;
}

async function control(server: TestServer, method: string, body?: object): Promise<void> {
  const answer = await fetch(`${server.emulator.url}/_emulator/faults`, {
    method,
    headers: {
      authorization: `Bearer ${server.env['STRIPE_SECRET_KEY']}`,
      'content-type': 'application/json',
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  expect(answer.status).toBeLessThan(300);
}
