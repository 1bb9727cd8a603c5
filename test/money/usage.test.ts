import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { takeKey, finishKey } from '../../db/idempotency-keys.ts';
import { onceForKey } from '../../server/http/idempotency.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { stripeSwitches } from '../server/billing/stripe-calls.ts';
import { METER, sellCalls } from './sell-calls.ts';
import { newPerson, PRO, PRO_YEARLY, refusal, type Person } from '../server/billing/person.ts';

const DAY = 86_400_000;

describe('Usage is billed once, and only by who may report it', { timeout: 90_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      prepare: sellCalls,
      env: { TRIAL_DAYS: '0' },
    });
  });
  afterAll(() => server.close());
  afterEach(() => vi.useRealTimers());

  const use = async (person: Person, quantity: number) => {
    await server.services.usage.record([{ userId: person.id, meter: METER, quantity }]);
    await server.services.usage.flush();
  };
  const buyer = async (choice = PRO) => {
    const person = newPerson(server);
    await person.subscribe(choice);
    return person;
  };
  /** Into the hour in which the renewal's invoice is a draft. */
  const toDraft = async (person: Person) => {
    const { currentPeriodEnd } = await person.subscription();
    const left = Date.parse(currentPeriodEnd) - server.services.clock.now();
    await server.advance((left + 600_000) / DAY);
    expect((await person.invoices())[0]).toMatchObject({ status: 'draft', total: 5_500 });
  };
  const taken = async (person: Person) =>
    (await person.invoices()).reduce((sum, { amount_paid }) => sum + amount_paid, 0);
  const billedForCalls = async (person: Person) =>
    (await person.invoices())
      .filter(({ status }) => status === 'paid' || status === 'open')
      .flatMap(({ lines }) => lines.data)
      .filter(({ description }) => description?.includes('Calls'))
      .reduce((sum, { amount }) => sum + amount, 0);

  it('M-10: a key of a user takes nothing from the host', async () => {
    const person = await buyer();
    const zero = { meter: METER, quantity: 0, idempotencyKey: 'job-7316' };
    expect(refusal(await person.post('usage', [zero]))).toEqual([403, 'forbidden']);
    const { usage } = server.services;
    const byUser = { ...zero, userId: person.id, reportedBy: 'user' as const };
    expect(await usage.record([byUser])).toEqual({ accepted: 1, duplicates: 0 });
    const host = { userId: person.id, meter: METER, idempotencyKey: 'job-7316' };
    const job = { ...host, quantity: 25_000 };
    expect(await usage.track(job)).toEqual({ accepted: 1, duplicates: 0 });
    expect(await usage.track(job)).toEqual({ accepted: 0, duplicates: 1 });
    await expect(usage.track({ ...host, quantity: 1 })).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
    await usage.flush();
    await server.advance(32);
    expect((await person.invoices())[0]).toMatchObject({ status: 'paid', total: 17_500 });
  });

  it('M-12: a key is held for as long as its request is worked on', async () => {
    const { knex } = server.database;
    const request = { owner: 'admin', key: 'one', hash: 'h' };
    const claim = () =>
      takeKey(
        knex,
        { userId: 'admin', key: 'one', requestHash: 'h', holder: 'second' },
        { now: Date.now(), lease: 60_000 },
      );
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
    let end: (response: Response) => void = () => undefined;
    let begun: () => void = () => undefined;
    const started = new Promise<void>((resolve) => (begun = resolve));
    const first = onceForKey(server.services, request, () => {
      begun();
      return new Promise((resolve) => (end = resolve));
    });
    await started;
    for (let i = 0; i < 4; i += 1) {
      const before = await lockedUntil();
      await vi.advanceTimersByTimeAsync(20_000);
      await vi.waitFor(async () => expect(await lockedUntil()).toBeGreaterThan(before));
    }
    expect(await claim()).toEqual({ kind: 'in_progress' });
    // Taken over all the same, as from a process that hung: what it says then does not count.
    // The last renewal may still be on its way.
    await vi.waitFor(async () => {
      await knex('idempotency_keys').where({ key: 'one' }).update({ locked_until: 0 });
      expect(await claim()).toEqual({ kind: 'claimed' });
    });
    end(new Response('first'));
    await first;
    const answer = { status: 200, headers: {}, body: 'second' };
    expect(await finishKey(knex, { userId: 'admin', key: 'one', holder: 'second' }, answer)).toBe(
      true,
    );
    expect(await claim()).toMatchObject({ kind: 'answered', response: { body: 'second' } });

    async function lockedUntil() {
      return Number((await knex('idempotency_keys').where({ key: 'one' }).first()).locked_until);
    }
  });

  it('M-29: no seats give no access', async () => {
    const person = await buyer();
    const { items } = await person.atStripe();
    await server.stripe.subscriptionItems.update(String(items.data[0]?.id), { quantity: 0 });
    await server.settled();
    const access = { level: 'none', reason: 'no_quantity' };
    expect(await person.subscription()).toMatchObject({ state: 'active', access });
  });

  it.each([
    ['a cancel', 'cancel', { when: 'now' }],
    ['a pause', 'pause', {}],
  ])('M-32: %s bills the renewal whose invoice is a draft', async (_what, name, body) => {
    const person = await buyer();
    await use(person, 1_000);
    await toDraft(person);
    expect((await person.command(name, body)).status).toBe(200);
    const renewal = (await person.invoices()).find(({ total }) => total === 5_500);
    expect(renewal).toMatchObject({ status: 'paid' });
    expect(await billedForCalls(person)).toBe(500);
  });

  it.each([
    ['a cancel', 'cancel', { when: 'now' }],
    ['a pause', 'pause', {}],
  ])(
    'M-32: %s shows what the draft will bill, also of usage that is not on it yet',
    async (_what, name, body) => {
      const person = await buyer();
      const end = Date.parse((await person.subscription()).currentPeriodEnd);
      await server.advance((end - server.services.clock.now() - 60_000) / DAY);
      await server.services.usage.record([{ userId: person.id, meter: METER, quantity: 1_759 }]);
      await server.advance(660_000 / DAY);
      const { knex } = server.database;
      const waiting = await knex('usage_windows').where({ user_id: person.id });
      expect(waiting).not.toEqual([]);
      const before = await taken(person);
      const shown = (await person.command('preview', { command: name, ...body })).json;
      expect(shown['amountDue']).toBe(5_880);
      const confirm = { amountDue: 5_880, currency: 'usd' };
      expect((await person.command(name, { ...body, confirm })).status).toBe(200);
      expect((await taken(person)) - before).toBe(5_880);
    },
  );

  it('M-8: a pause over the renewal that bills usage is refused: what was used would be void with it', async () => {
    const person = await buyer();
    await use(person, 3_000);
    const { currentPeriodEnd } = await person.subscription();
    const resumesAt = new Date(Date.parse(currentPeriodEnd) + 3 * 3_600_000).toISOString();
    const refused = await person.command('pause', { resumesAt });
    expect([refused.status, refused.text]).toEqual([
      409,
      expect.stringContaining('never be billed'),
    ]);
    await server.advance(32);
    expect((await person.invoices())[0]).toMatchObject({ status: 'paid' });
    expect(await billedForCalls(person)).toBe(1_500);
  });

  it('M-34: what a pause billed is not billed again by a cancel', async () => {
    const person = await buyer();
    await use(person, 3_000);
    await server.advance(1);
    await person.command('pause');
    expect(await billedForCalls(person)).toBe(1_500);
    // What is used meanwhile is in no period that an invoice bills.
    await expect(use(person, 1)).rejects.toMatchObject({ code: 'not_allowed' });
    await server.settled();
    const switches = stripeSwitches(server);
    const calls = await switches.callsOf(() => person.command('cancel', { when: 'now' }));
    // No invoice is asked for, so that it does not matter whether Stripe would bill it again.
    expect(calls.filter(({ path }) => path.includes('invoices'))).toEqual([]);
    expect(await billedForCalls(person)).toBe(1_500);
  });

  it('M-35: usage that the plan does not bill is refused', async () => {
    const person = await buyer(PRO_YEARLY);
    const track = server.services.usage.track({ userId: person.id, meter: METER, quantity: 1 });
    await expect(track).rejects.toMatchObject({ code: 'not_allowed' });
  });
});
