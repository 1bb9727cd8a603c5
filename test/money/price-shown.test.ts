import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type Answer, type TestServer } from '../support/server.ts';
import { newPerson, PRO, refusal, viewOf, type Person } from '../server/billing/person.ts';
import { METER, sellCalls } from './sell-calls.ts';

/** Pro monthly costs 5000, a call half a cent. */
describe('Rule 9.3: no command charges without having shown its price', { timeout: 90_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      prepare: sellCalls,
      env: { TRIAL_DAYS: '0' },
    });
  });
  afterAll(() => server.close());

  const buyer = async () => {
    const person = newPerson(server);
    await person.subscribe(PRO);
    return person;
  };
  const use = async ({ id: userId }: Person, quantity: number) => {
    const at = server.services.clock.now() - 60_000;
    await server.services.usage.record([{ userId, meter: METER, quantity, at }]);
    await server.services.usage.flush();
  };
  const preview = async (person: Person, command: string, body: object = {}) => {
    const answer = await person.post('subscription/preview', { command, ...body });
    expect(answer.status, answer.text).toBe(200);
    return answer.json as {
      amountDue: number;
      currency: string;
      credit: number;
      nextAmount: number;
      debts: { invoiceId: string; amount: number; collected: boolean }[];
      losses: { kind: string; message: string }[];
      payment: string;
    };
  };
  /** Sends a command as it is: `person.command` would confirm the price by itself. */
  const send = (person: Person, name: string, body: object = {}) =>
    person.post(`subscription/${name}`, body);
  const errorOf = ({ json }: Answer) => json['error'] as Record<string, unknown>;
  const total = async (person: Person) =>
    (await person.invoices()).reduce((sum, { amount_paid: paid }) => sum + paid, 0);

  it('cancel now: the usage is shown, confirmed and charged, and no more than that', async () => {
    const person = await buyer();
    await server.advance(1);
    await use(person, 3_000);
    const shown = await preview(person, 'cancel', { when: 'now' });
    expect(shown).toMatchObject({ amountDue: 1_500, currency: 'usd', nextAmount: 0 });
    expect(shown.losses.map(({ kind }) => kind)).toEqual(['access', 'unused_time']);
    const now = { when: 'now' };
    const confirm = { amountDue: shown.amountDue, currency: shown.currency };
    await use(person, 2_000);
    expect(refusal(await send(person, 'cancel', { ...now, confirm }))).toEqual([
      409,
      'quote_expired',
    ]);
    expect((await person.subscription()).state).toBe('active');
    // More than it costs by now is as good: usage adds up while the page is read.
    const most = { amountDue: 3_000, currency: 'usd' };
    expect((await send(person, 'cancel', { ...now, confirm: most })).status).toBe(200);
    expect(await total(person)).toBe(5_000 + 2_500);
  });

  it('cancel with the period costs nothing now, and says when access ends', async () => {
    const person = await buyer();
    const shown = await preview(person, 'cancel');
    const end = (await person.subscription()).currentPeriodEnd.slice(0, 10);
    expect(shown).toMatchObject({ amountDue: 0, payment: 'none' });
    expect(shown.losses).toEqual([
      expect.objectContaining({ kind: 'access', message: expect.stringContaining(end) }),
    ]);
    expect((await send(person, 'cancel')).status).toBe(200);
    const back = await preview(person, 'resume');
    expect(back).toMatchObject({ amountDue: 0, nextAmount: 5_000, losses: [] });
  });

  it('pause and its end: usage and credit, then the price of a new period', async () => {
    const person = await buyer();
    await server.advance(10);
    await use(person, 1_000_000);
    const shown = await preview(person, 'pause');
    expect(shown.credit).toBeGreaterThan(3_000);
    expect(shown.amountDue).toBe(500_000 - shown.credit);
    const { amountDue, currency } = shown;
    const before = await total(person);
    const paused = await send(person, 'pause', { confirm: { amountDue, currency } });
    expect(viewOf(paused).state).toBe('paused');
    expect((await total(person)) - before).toBe(amountDue);

    const resume = await preview(person, 'resume');
    expect(resume).toMatchObject({ amountDue: 5_000, nextAmount: 5_000 });
    const less = { amountDue: 4_999, currency };
    expect(refusal(await send(person, 'resume', { confirm: less }))).toEqual([
      409,
      'quote_expired',
    ]);
    const confirm = { amountDue: 5_000, currency };
    expect(viewOf(await send(person, 'resume', { confirm })).state).toBe('active');
    expect((await total(person)) - before).toBe(amountDue + 5_000);
  });

  it('M-14: reactivate collects debts and the first period, as shown, with a code', async () => {
    const person = await buyer();
    await person.useCard('pm_card_chargeCustomerFail');
    await server.advance(32);
    const owing = await preview(person, 'cancel', { when: 'now' });
    expect(owing).toMatchObject({ amountDue: 0, debts: [{ amount: 5_000, collected: false }] });
    await send(person, 'cancel', { when: 'now' });
    await person.useCard('pm_card_visa');
    const half = { code: 'BACK', percentOff: 50, duration: 'once' };
    await person.asAdmin('promotion-codes', half);
    const wish = { ...PRO, promotionCode: 'BACK' };
    const shown = await preview(person, 'reactivate', wish);
    expect(shown).toMatchObject({
      amountDue: 5_000 + 2_500,
      nextAmount: 5_000,
      debts: [{ amount: 5_000, collected: true }],
      payment: 'saved_method',
    });
    const before = await total(person);
    const refused = await send(person, 'reactivate', wish);
    expect(refusal(refused)).toEqual([409, 'confirmation_required']);
    expect(errorOf(refused)).toMatchObject({ reason: 'price', amountDue: 7_500, currency: 'usd' });
    const confirm = { amountDue: 7_500, currency: 'usd' };
    // What was shown with the code is not what it costs without.
    const other = await send(person, 'reactivate', { ...PRO, confirm });
    expect(refusal(other)).toEqual([409, 'quote_expired']);
    expect(errorOf(other)).toMatchObject({ amountDue: 10_000 });
    expect(await total(person)).toBe(before);
    expect((await send(person, 'reactivate', { ...wish, confirm })).status).toBe(200);
    expect(await total(person)).toBe(before + 7_500);
  });

  it('without `confirm` a command takes what is owed or listed anyway, and no debt', async () => {
    const person = await buyer();
    await server.advance(1);
    await use(person, 3_000);
    expect((await send(person, 'cancel', { when: 'now' })).status).toBe(200);
    expect(await total(person)).toBe(5_000 + 1_500);
    expect((await send(person, 'reactivate', PRO)).status).toBe(200);
    expect(await total(person)).toBe(5_000 + 1_500 + 5_000);
  });

  it('a preview of what is not allowed is refused as the command is', async () => {
    const person = await buyer();
    for (const [command, body] of [
      ['resume', {}],
      ['reactivate', PRO],
    ] as const) {
      const answer = await person.post('subscription/preview', { command, ...body });
      expect(refusal(answer)).toEqual([409, 'not_allowed']);
    }
    const unknown = await person.post('subscription/preview', { command: 'explode' });
    expect(refusal(unknown)).toEqual([400, 'invalid_request']);
  });
});
