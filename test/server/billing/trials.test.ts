import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findTrial } from '../../../db/trials.ts';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, PRO_YEARLY, refusal, STARTER, viewOf, type Person } from './person.ts';

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

const CARDS = ['4242424242424242', '5555555555554444', '371449635398431', '6011000990139424'];

const trialAt = async (server: TestServer, person: Person) =>
  findTrial(server.database.knex, (await person.subscription()).id);

describe.each(ROUTE_DIALECTS)('Trials on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    const env = { TRIAL_ONE_PER_CARD: 'true' };
    server = await startTestServer({ database: dialect, emulator, env });
  });
  afterAll(() => server.close());

  const trialOf = (person: Person) => trialAt(server, person);
  const mailsTo = async (person: Person): Promise<string[]> => {
    const rows: { kind: string; payload: string }[] = await server.database
      .knex('outbox')
      .where('kind', 'like', 'mail.%')
      .orderBy('id');
    return rows.filter(({ payload }) => payload.includes(`"${person.id}"`)).map(({ kind }) => kind);
  };

  it('that end in a payment are recorded as converted, and reminded of three days before', async () => {
    const person = newPerson(server);
    const view = await person.subscribe(PRO, CARDS[0]);
    expect(view).toMatchObject({ state: 'trialing' });
    expect(await trialOf(person)).toMatchObject({ userId: person.id, outcome: null });
    await server.advance(10.9);
    expect(await mailsTo(person)).toEqual([]);
    await server.advance(0.2);
    expect(await mailsTo(person)).toEqual(['mail.trial_ending']);
    await server.advance(3);
    const trial = await trialOf(person);
    expect(trial).toMatchObject({ outcome: 'converted', cardFingerprint: expect.any(String) });
    expect(trial?.endsAt).toBe(Date.parse(view.trialEnd ?? ''));
    expect(trial?.startedAt).toBe((trial?.endsAt ?? 0) - 14 * 86_400_000);
    expect(trial?.outcomeAt).toBeGreaterThanOrEqual(trial?.endsAt ?? Infinity);
  });

  it('that are canceled are recorded as lost, and a return gets no second one', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO, CARDS[1]);
    await person.command('cancel', { when: 'now' });
    expect(await trialOf(person)).toMatchObject({ outcome: 'lost' });
    const back = await person.command('reactivate', PRO);
    expect(viewOf(back)).toMatchObject({ state: 'active', trialEnd: null });
    await person.command('cancel', { when: 'now' });
    expect(await person.subscribe(PRO, CARDS[1])).toMatchObject({ state: 'active' });
  });

  it('change their plan without a charge, and stay trials', async () => {
    const person = newPerson(server);
    await person.subscribe(STARTER, CARDS[2]);
    const { quote, answer } = await person.changeTo(PRO_YEARLY);
    expect(quote).toMatchObject({ kind: 'upgrade', effective: 'now', amountDue: 0, lines: [] });
    expect(quote).toMatchObject({ prorationDate: null, nextAmount: 50_000 });
    expect(viewOf(answer)).toMatchObject({ state: 'trialing', plan: 'pro', interval: 'yearly' });
    const down = await person.changeTo(STARTER);
    expect(down.quote).toMatchObject({ kind: 'downgrade', effective: 'now', nextAmount: 2000 });
    expect(viewOf(down.answer)).toMatchObject({ state: 'trialing', plan: 'starter' });
    expect((await person.invoices()).map(({ total }) => total)).toEqual([0]);
  });

  it('M-19: are one per bank account as well', async () => {
    const buyer = async (iban: string) => {
      const person = newPerson(server);
      const opened = await person.post('checkout', PRO);
      const form = { method: 'sepa_debit', email: 'a@example.com', name: 'A', iban };
      const body = new URLSearchParams(form);
      const url = String(opened.json['url']);
      const page = await fetch(url, { method: 'POST', body, redirect: 'manual' });
      expect(page.status).toBe(303);
      await server.settled();
      return person;
    };
    const first = await buyer('DE89370400440532013000');
    expect(await first.subscription()).toMatchObject({ state: 'trialing' });
    const second = await buyer('DE89370400440532013000');
    await until(async () => (await second.subscription()).state === 'canceled');
    const other = await buyer('AT611904300234573201');
    expect(await other.subscription()).toMatchObject({ state: 'trialing' });
  });

  it('are one per card: another person with the same card gets none, and is not charged (lesson 15)', async () => {
    const first = newPerson(server);
    expect(await first.subscribe(PRO, CARDS[3])).toMatchObject({ state: 'trialing' });
    const second = newPerson(server);
    await second.subscribe(PRO, CARDS[3]);
    await until(async () => (await second.subscription()).state === 'canceled');
    expect((await second.invoices()).map(({ total }) => total)).toEqual([0]);
    expect(await mailsTo(second)).toContain('mail.trial_refused');
    expect(await first.subscription()).toMatchObject({ state: 'trialing' });
    const back = await second.command('reactivate', PRO);
    expect(viewOf(back)).toMatchObject({ state: 'active', trialEnd: null });
    const third = newPerson(server);
    await third.subscribe(PRO, CARDS[3]);
    await until(async () => (await third.subscription()).state === 'canceled');
  });
});

describe.each(ROUTE_DIALECTS)('Trials with other settings on %s', (dialect) => {
  let server: TestServer;
  const start = async (env: Record<string, string>) => {
    server = await startTestServer({ database: dialect, emulator, env });
  };
  afterEach(() => server.close());

  it('without a payment method end as configured, and are lost', async () => {
    await start({ TRIAL_END_WITHOUT_METHOD: 'pause' });
    const person = newPerson(server);
    await person.subscribe(PRO);
    const customer = await person.customerId();
    for (const { id } of (await server.stripe.paymentMethods.list({ customer })).data) {
      await server.stripe.paymentMethods.detach(id);
    }
    await server.advance(14.1);
    expect(await person.subscription()).toMatchObject({
      state: 'paused',
      access: { level: 'none' },
      actions: expect.arrayContaining(['resume', 'cancel']),
    });
    expect(await trialAt(server, person)).toMatchObject({ outcome: 'lost' });
    const unpaid = await person.command('resume');
    expect(refusal(unpaid)[0]).toBeLessThan(500);
    expect(await person.subscription()).toMatchObject({ state: 'paused' });
    await person.useCard('pm_card_visa');
    expect(viewOf(await person.command('resume'))).toMatchObject({ state: 'active' });
  });

  it('are not given when none are configured', async () => {
    await start({ TRIAL_DAYS: '0' });
    expect(await newPerson(server).subscribe(PRO)).toMatchObject({ state: 'active' });
  });
});
