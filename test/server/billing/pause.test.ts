import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, PRO_YEARLY, refusal, STARTER, viewOf, type Person } from './person.ts';

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

describe.each(ROUTE_DIALECTS)('Pausing and coming back on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: dialect, emulator, env: { TRIAL_DAYS: '0' } });
  });
  afterAll(() => server.close());

  async function subscriber(choice: object = PRO): Promise<Person> {
    const person = newPerson(server);
    expect(await person.subscribe(choice)).toMatchObject({ state: 'active' });
    return person;
  }
  const inDays = (days: number) =>
    new Date(server.services.clock.now() + days * 86_400_000).toISOString();

  describe('A pause', () => {
    it('stops the period, turns the unused rest into credit, and ends with a new period', async () => {
      const person = await subscriber();
      await server.advance(10);
      const paused = viewOf(await person.command('pause'));
      expect(paused).toMatchObject({
        state: 'paused',
        status: 'paused',
        access: { level: 'none', reason: 'paused' },
        actions: expect.arrayContaining(['resume', 'cancel']),
      });
      const credit = Number((await person.get('credit')).json['balance']);
      expect(credit).toBeGreaterThan(3000);
      expect(credit).toBeLessThan(3500);
      const before = (await person.invoices()).length;
      await server.advance(40);
      expect((await person.invoices()).length).toBe(before);
      const resumed = await person.command('resume');
      expect(resumed.json['payment']).toBeNull();
      expect(viewOf(resumed)).toMatchObject({ state: 'active', access: { level: 'full' } });
      expect((await person.invoices())[0]).toMatchObject({
        total: 5000,
        amount_due: 5000 - credit,
      });
      const days =
        (Date.parse(viewOf(resumed).currentPeriodEnd) - server.services.clock.now()) / 864e5;
      expect(days).toBeGreaterThan(27.9);
    });

    it('whose end is not paid stays a pause, says where to pay, and is paid once', async () => {
      const person = await subscriber();
      await server.advance(27);
      await person.command('pause');
      await person.useCard('pm_card_chargeCustomerFail');
      const refused = await person.command('resume');
      expect(viewOf(refused)).toMatchObject({ state: 'paused' });
      const payment = refused.json['payment'] as { invoiceId: string; amountDue: number };
      expect(payment).toMatchObject({ status: 'failed', url: expect.stringMatching(/^http/) });
      await person.useCard('pm_card_visa');
      const again = await person.command('resume');
      expect(viewOf(again)).toMatchObject({ state: 'active' });
      const opened = (await person.invoices()).filter(({ total }) => total === 5000);
      expect(opened.map(({ status }) => status)).toEqual(['paid', 'paid']);
    });

    it('with an end voids what falls into it, ends by itself, and gives nothing that is not paid', async () => {
      const person = await subscriber();
      const resumesAt = inDays(40);
      const paused = viewOf(await person.command('pause', { resumesAt }));
      expect(paused).toMatchObject({
        state: 'active',
        access: { level: 'none', reason: 'collection_paused' },
      });
      // An upgrade would be billed into the void.
      expect(paused.actions).toEqual(['cancel', 'resume', 'update_payment_method']);
      for (const name of ['preview', 'change', 'pause']) {
        const body = name === 'pause' ? {} : PRO_YEARLY;
        expect(refusal(await person.command(name, body))).toEqual([409, 'not_allowed']);
      }
      await server.advance(32);
      expect((await person.invoices())[0]).toMatchObject({ status: 'void' });
      await server.advance(9);
      // M-8: nothing was paid for the rest of that period; a new one can be bought, or the renewal waited for.
      const unpaid = await person.subscription();
      expect(unpaid).toMatchObject({ access: { level: 'none', reason: 'period_unpaid' } });
      expect(unpaid.actions).toContain('resume');
      await server.advance(22);
      expect((await person.invoices())[0]).toMatchObject({ status: 'paid', amount_paid: 5000 });
    });

    it('with an end can be ended early, and none lies in the past', async () => {
      const person = await subscriber();
      const past = await person.command('pause', { resumesAt: inDays(-1) });
      expect(refusal(past)).toEqual([400, 'invalid_request']);
      await person.command('pause', { resumesAt: inDays(20) });
      const resumed = viewOf(await person.command('resume'));
      expect(resumed).toMatchObject({ state: 'active', access: { level: 'full' } });
      expect((await person.atStripe()).pause_collection).toBeNull();
    });

    it('clicked twice, or beside a cancel in another tab, is one', async () => {
      const person = await subscriber();
      const answers = await Promise.all([
        person.command('pause'),
        person.command('pause'),
        person.command('cancel'),
      ]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect(statuses.filter((status) => status === 409)).toHaveLength(2);
      const { state } = await person.subscription();
      expect(state).toBe(answers[2]?.status === 200 ? 'cancel_pending' : 'paused');
      const ended = await person.command('cancel', { when: 'now' });
      expect(ended.status).toBe(state === 'paused' ? 200 : 409);
    });
  });

  describe('A return', () => {
    it('charges the saved card, once for a double click', async () => {
      const person = await subscriber();
      await person.command('cancel', { when: 'now' });
      const answers = await Promise.all([1, 2].map(() => person.command('reactivate', STARTER)));
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
      const view = await person.subscription();
      expect(view).toMatchObject({ state: 'active', plan: 'starter' });
      const customer = await person.customerId();
      const made = await server.stripe.subscriptions.list({ customer, status: 'all' });
      expect(made.data.map(({ status }) => status).toSorted()).toEqual(['active', 'canceled']);
    });

    it('with a declined card leaves nothing behind', async () => {
      const person = await subscriber();
      await person.useCard('pm_card_chargeCustomerFail');
      await person.command('cancel', { when: 'now' });
      expect(refusal(await person.command('reactivate', PRO))).toEqual([402, 'card_declined']);
      expect(await person.subscription()).toMatchObject({ state: 'canceled' });
      const customer = await person.customerId();
      const made = await server.stripe.subscriptions.list({ customer, status: 'all' });
      expect(made.data).toHaveLength(1);
    });

    it('without a card, or when the bank wants to see the customer, leads to Checkout', async () => {
      const person = await subscriber();
      await person.useCard('pm_card_authenticationRequired');
      await person.command('cancel', { when: 'now' });
      const led = await person.command('reactivate', PRO);
      expect([led.status, led.json]).toEqual([
        200,
        { url: expect.stringMatching(/^http/), sessionId: expect.stringMatching(/^cs_/) },
      ]);
      const customer = await person.customerId();
      await person.command('reactivate', PRO);
      const open = await server.stripe.checkout.sessions.list({ customer, status: 'open' });
      expect(open.data).toHaveLength(1);
      for (const { id } of (await server.stripe.paymentMethods.list({ customer })).data) {
        await server.stripe.paymentMethods.detach(id);
      }
      const again = await person.command('reactivate', STARTER);
      expect(again.json['url']).toMatch(/^http/);
      expect(again.json['sessionId']).not.toBe(led.json['sessionId']);
    });

    it('closes the Checkout page that is still open in another tab', async () => {
      const person = await subscriber();
      await person.command('cancel', { when: 'now' });
      await person.post('checkout', PRO);
      await person.command('reactivate', PRO);
      const customer = await person.customerId();
      const open = await server.stripe.checkout.sessions.list({ customer, status: 'open' });
      expect(open.data).toEqual([]);
      expect(refusal(await person.post('checkout', PRO))).toEqual([409, 'already_subscribed']);
    });
  });
});
