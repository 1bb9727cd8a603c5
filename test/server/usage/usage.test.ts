import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { verifyUsage, type UsageDifference } from '../../../server/usage/verify-usage.ts';
import { newPerson, refusal, type Person } from '../billing/person.ts';
import { METER, meteredPlans } from './metered-plans.ts';

const TEAM = { plan: 'team', interval: 'monthly', quantity: 3 };
const DAY = 86_400_000;

describe.each(ROUTE_DIALECTS)('Usage on %s', (database) => {
  let server: TestServer;
  let person: Person;
  let keys = 0;

  beforeAll(async () => {
    server = await startTestServer({
      database,
      prepare: meteredPlans,
      env: { TRIAL_DAYS: '0' },
      services: { usage: { flushEvery: 0, retryBase: 10, retryMax: 50 } },
    });
    person = newPerson(server);
    await person.subscribe(TEAM);
  });
  afterAll(() => server.close());

  const now = () => server.services.clock.now();
  const piece = (quantity: number, more: object = {}) => ({
    meter: METER,
    quantity,
    idempotencyKey: `call-${(keys += 1)}`,
    ...more,
  });
  const report = (body: object) => person.post('usage', body);
  const flush = () => server.services.usage.flush();
  const totals = async () => (await person.get(`usage?meter=${METER}`)).json;
  /** What the tests before this one recorded; each leaves it sent. */
  const used = async () => Number((await totals())['recorded']);
  const atStripe = async () =>
    (
      await server.call('GET', `/admin/api/usage?userId=${person.id}&meter=${METER}`, {
        admin: true,
      })
    ).json;

  it('is recorded at once and sent in one event, whatever the number of calls', async () => {
    const before = await used();
    expect((await report(piece(1))).json).toEqual({ accepted: 1, duplicates: 0 });
    const many = await report(Array.from({ length: 50 }, () => piece(2)));
    expect([many.status, many.json]).toEqual([202, { accepted: 50, duplicates: 0 }]);
    const sum = before + 101;
    expect(await totals()).toMatchObject({ recorded: sum, acknowledged: before, pending: 101 });
    expect(await flush()).toEqual({ led: true, delivered: 1, calls: 1, rounds: 1 });
    expect(await totals()).toMatchObject({ recorded: sum, acknowledged: sum, pending: 0 });
    expect(await atStripe()).toMatchObject({ acknowledged: sum, atStripe: sum, difference: 0 });
  });

  it('counts a key once, in one request, in many at once and after it was sent', async () => {
    const sum = (await used()) + 5;
    const twice = piece(5);
    const [first, ...others] = await Promise.all([1, 2, 3, 4].map(() => report([twice, twice])));
    const answers = [first!, ...others].map((answer) => answer.json);
    expect(answers.reduce((sum, each) => sum + Number(each['accepted']), 0)).toBe(1);
    expect(answers.reduce((sum, each) => sum + Number(each['duplicates']), 0)).toBe(7);
    await flush();
    expect((await report(twice)).json).toEqual({ accepted: 0, duplicates: 1 });
    expect(await totals()).toMatchObject({ recorded: sum, acknowledged: sum });
  });

  it('refuses what is negative, broken, too late or ahead of time, and says why', async () => {
    const before = await used();
    const at = (ms: number) => ({ timestamp: new Date(now() + ms).toISOString() });
    const bad = [
      piece(-1),
      piece(1.5),
      piece(2_000_000_000),
      piece(1, at(-34 * DAY - 1000)),
      piece(1, at(6 * 60_000)),
      piece(1, at(-2 * DAY)),
    ];
    const answer = await report([piece(1), ...bad]);
    expect(refusal(answer)).toEqual([400, 'usage_refused']);
    const { refused } = answer.json['error'] as { refused: { index: number; reason: string }[] };
    expect(refused.map(({ index, reason }) => [index, reason])).toEqual([
      [1, 'negative_quantity'],
      [2, 'not_a_whole_number'],
      [3, 'quantity_too_large'],
      [4, 'too_old'],
      [5, 'in_future'],
      // The subscription began a moment ago: what was used before it is on no invoice.
      [6, 'before_subscription'],
    ]);
    expect(await totals()).toMatchObject({ recorded: before });
    expect(refusal(await report({ ...piece(1), meter: 'unheard_of' }))).toEqual([
      400,
      'unknown_meter',
    ]);
    expect(refusal(await report([]))).toEqual([400, 'invalid_request']);
    expect(refusal(await newPerson(server).post('usage', piece(1)))).toEqual([
      409,
      'no_billing_account',
    ]);
  });

  it('lesson 22: makes no call to Stripe on the request path', async () => {
    const sum = (await used()) + 24;
    const calls = await callsOf(server);
    for (let i = 0; i < 20; i += 1) await report(piece(1));
    await server.services.usage.track({ userId: person.id, meter: METER, quantity: 4 });
    await totals();
    expect(await callsOf(server)).toBe(calls);
    expect(await flush()).toMatchObject({ calls: 1 });
    expect(await totals()).toMatchObject({ recorded: sum, acknowledged: sum });
  });

  it('lesson 14: a repeated identifier counts as delivered', async () => {
    const before = await used();
    const sum = before + 10;
    await report(piece(10));
    // Stripe takes the event and its answer is lost: the next attempt meets its own identifier.
    await fault(server, { type: 'disconnect', when: 'after', times: 3 });
    await flush();
    expect(await totals()).toMatchObject({ recorded: sum, acknowledged: before });
    await afterBackoff();
    expect(await flush()).toMatchObject({ delivered: 1 });
    expect(await totals()).toMatchObject({ recorded: sum, acknowledged: sum });
    expect(await atStripe()).toMatchObject({ atStripe: sum, difference: 0 });
  });

  it('lesson 14: a cached error or 429 is not met again: the request key changes, the identifier stays', async () => {
    for (const trouble of [
      { type: 'error', keep: true, times: 1 },
      { type: 'rate_limit', keep: true, reason: 'endpoint-rate', times: 1 },
    ]) {
      const before = await used();
      await report(piece(10));
      // Without retries of the SDK the one failed call is all there is; its error is kept under its key.
      await fault(server, trouble);
      await flush();
      await afterBackoff();
      await flush();
      expect(await totals()).toMatchObject({ recorded: before + 10, acknowledged: before + 10 });
      expect(await atStripe()).toMatchObject({ difference: 0 });
    }
  });

  it('is corrected, before and after it was sent', async () => {
    const before = await used();
    const [kept, sent] = [piece(100), piece(40)];
    await report([kept, sent]);
    const correct = (record: { idempotencyKey: string }, quantity: number, admin = true) =>
      server.call('POST', '/api/billing/usage/corrections', {
        ...(admin ? { admin } : { user: person.id }),
        body: {
          userId: person.id,
          idempotencyKey: record.idempotencyKey,
          quantity,
          reportedBy: 'user',
        },
      });
    expect((await correct(kept, 1, false)).status).toBe(401);
    expect((await correct(kept, 60)).json).toEqual({ from: 100, to: 60 });
    await flush();
    expect((await correct(sent, 0)).json).toEqual({ from: 40, to: 0 });
    const same = await Promise.all([1, 2, 3].map(() => correct(kept, 50)));
    expect(same.map(({ json }) => json['to'])).toEqual([50, 50, 50]);
    expect(refusal(await correct(kept, -1))).toEqual([400, 'usage_refused']);
    expect(refusal(await correct(piece(1), 1))).toEqual([404, 'not_found']);
    await flush();
    const sum = before + 50;
    expect(await totals()).toMatchObject({ recorded: sum, acknowledged: sum, pending: 0 });
    expect(await atStripe()).toMatchObject({ atStripe: sum, difference: 0 });
  });

  it('is compared with what Stripe counts', async () => {
    await report(piece(3));
    await flush();
    expect(await verifyUsage(server.services)).toEqual({ checked: 1, differences: 0 });
    // Somebody sent an event past the ledger.
    await server.stripe.billing.meterEvents.create({
      event_name: METER,
      payload: { stripe_customer_id: await person.customerId(), value: '13' },
      timestamp: now() / 1000,
    });
    const found: UsageDifference[] = [];
    const result = await verifyUsage(server.services, (difference) => found.push(difference));
    expect(result).toEqual({ checked: 1, differences: 1 });
    expect(found).toMatchObject([{ userId: person.id, meter: METER, difference: 13 }]);
    await server.stripe.billing.meterEvents.create({
      event_name: METER,
      payload: { stripe_customer_id: await person.customerId(), value: '-13' },
      timestamp: now() / 1000,
    });
    expect(await verifyUsage(server.services)).toMatchObject({ differences: 0 });
  });

  it('waits, visibly, while its meter cannot take it', async () => {
    const [meter] = (await server.stripe.billing.meters.list()).data;
    await server.stripe.billing.meters.deactivate(meter!.id);
    server.services.usage.meters.forget();
    await report(piece(7));
    expect(await flush()).toMatchObject({ delivered: 0, calls: 0 });
    expect(await server.services.usage.health()).toMatchObject({ waiting: 1, failing: 1 });
    expect(await totals()).toMatchObject({ pending: 7 });
    await server.stripe.billing.meters.reactivate(meter!.id);
    await server.database.knex('usage_windows').update({ next_attempt_at: 0 });
    expect(await flush()).toMatchObject({ delivered: 1, calls: 1 });
    expect(await server.services.usage.health()).toEqual({ waiting: 0, failing: 0, refused: 0 });
  });

  it('is kept, visibly, when Stripe refuses it, and sent again on demand', async () => {
    const { knex } = server.database;
    const before = await used();
    await report(piece(9));
    // Nobody could send it for so long that Stripe takes it no more.
    const old = await knex('usage_windows').where({ status: 'open' }).first();
    await knex('usage_windows')
      .where({ id: old.id })
      .update({ last_at: now() - 36 * DAY });
    expect(await flush()).toMatchObject({ delivered: 0, calls: 1 });
    expect(await totals()).toMatchObject({ pending: 0, refused: 9, recorded: before + 9 });
    expect(await server.services.usage.health()).toMatchObject({ refused: 1 });
    await knex('usage_windows').where({ id: old.id }).update({ last_at: now() });
    const again = await server.call('POST', '/admin/api/usage/retry', { admin: true });
    expect([again.status, again.json]).toEqual([202, { retried: 1 }]);
    expect(await flush()).toMatchObject({ delivered: 1 });
    expect(await totals()).toMatchObject({ refused: 0, acknowledged: before + 9 });
  });
});

const afterBackoff = () => new Promise((resolve) => setTimeout(resolve, 80));

function control(server: TestServer, path: string, body?: object): Promise<Response> {
  return fetch(`${server.emulator.url}/_emulator/${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      authorization: `Bearer ${server.env['STRIPE_SECRET_KEY']}`,
      'content-type': 'application/json',
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

/** Trouble for the next meter events. */
async function fault(server: TestServer, trouble: object): Promise<void> {
  const answer = await control(server, 'faults', {
    path: '/v1/billing/meter_events',
    method: 'POST',
    ...trouble,
  });
  expect(answer.status).toBeLessThan(300);
}

/** How many calls this account of Stripe has seen; "now" is that of a test clock here, which is asked as well. */
async function callsOf(server: TestServer): Promise<number> {
  const { data } = (await (await control(server, 'requests')).json()) as {
    data: { path: string }[];
  };
  return data.filter(({ path }) => !path.startsWith('/v1/test_helpers/')).length;
}
