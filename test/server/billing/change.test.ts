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

describe.each(ROUTE_DIALECTS)('Changing a plan on %s', (dialect) => {
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

  describe('An upgrade', () => {
    it('is charged at once, exactly as quoted', async () => {
      const person = await subscriber(STARTER);
      await server.advance(10);
      const { quote, answer } = await person.changeTo(PRO);
      expect(quote).toMatchObject({
        kind: 'upgrade',
        effective: 'now',
        currency: 'usd',
        nextAmount: 5000,
      });
      expect(quote.amountDue).toBe(quote.debit - quote.credit);
      expect(quote.amountDue).toBeGreaterThan(0);
      expect(quote.lines.map(({ proration }) => proration)).toEqual([true, true]);
      expect(answer.status).toBe(202);
      expect(answer.json['payment']).toBeNull();
      expect(viewOf(answer)).toMatchObject({ state: 'active', plan: 'pro', pendingChange: null });
      const [invoice] = await person.invoices();
      expect(invoice).toMatchObject({ amount_paid: quote.amountDue, status: 'paid' });
    });

    it('needs a quote of this hour, for this change, this state and this amount', async () => {
      const person = await subscriber(STARTER);
      expect(refusal(await person.command('change', PRO))).toEqual([400, 'invalid_request']);
      const never = { ...PRO, prorationDate: '2026-01-01T00:00:00.000Z' };
      expect(refusal(await person.command('change', never))).toEqual([409, 'quote_expired']);
      const { prorationDate } = (await person.command('preview', PRO)).json;
      const other = { ...PRO, quantity: 2, prorationDate };
      expect(refusal(await person.command('change', other))).toEqual([409, 'quote_expired']);
      await server.advance(0.1);
      expect(refusal(await person.command('change', { ...PRO, prorationDate }))).toEqual([
        409,
        'quote_expired',
      ]);
      expect(await person.subscription()).toMatchObject({ plan: 'starter' });
    });

    it('is refused when a credit given meanwhile makes it cost something else', async () => {
      const person = await subscriber(STARTER);
      const { prorationDate } = (await person.command('preview', PRO)).json;
      await server.stripe.customers.createBalanceTransaction(await person.customerId(), {
        amount: -100,
        currency: 'usd',
      });
      expect(refusal(await person.command('change', { ...PRO, prorationDate }))).toEqual([
        409,
        'quote_expired',
      ]);
    });

    it('that is not paid gives nothing away, and says where to pay', async () => {
      const person = await subscriber(STARTER);
      await person.useCard('pm_card_chargeCustomerFail');
      const { quote, answer } = await person.changeTo(PRO);
      expect(answer.status).toBe(202);
      expect(viewOf(answer)).toMatchObject({
        state: 'active',
        plan: 'starter',
        pendingChange: { kind: 'awaiting_payment', plan: 'pro' },
      });
      expect(answer.json['payment']).toMatchObject({
        status: 'failed',
        amountDue: quote.amountDue,
        url: expect.stringMatching(/^http/),
      });
      // The same again is the same; another plan takes its place.
      const again = await person.changeTo(PRO);
      expect(again.answer.json['payment']).toMatchObject({
        invoiceId: (answer.json['payment'] as { invoiceId: string }).invoiceId,
      });
      const kept = await person.command('change', STARTER);
      expect(viewOf(kept)).toMatchObject({ plan: 'starter', pendingChange: null });
      expect((await person.invoices())[0]).toMatchObject({ status: 'void' });
    });

    it('that the bank wants to see gives the customer a link, and is theirs once paid', async () => {
      const person = await subscriber(STARTER);
      await person.useCard('pm_card_authenticationRequired');
      const { answer } = await person.changeTo(PRO);
      expect(answer.json['payment']).toMatchObject({
        status: 'requires_action',
        url: expect.stringMatching(/^http/),
      });
      const good = await person.useCard('pm_card_visa');
      const { invoiceId } = answer.json['payment'] as { invoiceId: string };
      await server.stripe.invoices.pay(invoiceId, { payment_method: good });
      await server.settled();
      expect(await person.subscription()).toMatchObject({ plan: 'pro', pendingChange: null });
    });
  });

  describe('A downgrade', () => {
    it('waits for the end of the period, costs nothing, and then happens', async () => {
      const person = await subscriber();
      const { quote, answer } = await person.changeTo(STARTER);
      expect(quote).toMatchObject({
        kind: 'downgrade',
        effective: 'period_end',
        amountDue: 0,
        credit: 0,
        lines: [],
        prorationDate: null,
        nextAmount: 2000,
      });
      expect(answer.status).toBe(202);
      const view = viewOf(answer);
      expect(view).toMatchObject({
        state: 'downgrading',
        plan: 'pro',
        pendingChange: { kind: 'scheduled', plan: 'starter', at: view.currentPeriodEnd },
      });
      await server.advance(33);
      expect(await person.subscription()).toMatchObject({
        state: 'active',
        plan: 'starter',
        pendingChange: null,
      });
      expect((await person.invoices())[0]).toMatchObject({ amount_paid: 2000 });
    });

    it('can be undone, replaced, and overtaken by an upgrade', async () => {
      const person = await subscriber({ ...PRO, quantity: 4 });
      await person.changeTo({ quantity: 3 }, 'quantity');
      const undone = await person.command('resume');
      expect(viewOf(undone)).toMatchObject({ state: 'active', pendingChange: null });
      await person.changeTo(STARTER);
      const replaced = (await person.changeTo({ ...PRO, quantity: 2 })).answer;
      expect(viewOf(replaced)).toMatchObject({
        state: 'downgrading',
        pendingChange: { plan: 'pro', quantity: 2 },
      });
      const { quote, answer } = await person.changeTo({ ...PRO, quantity: 6 });
      expect(quote).toMatchObject({ kind: 'upgrade', nextAmount: 30_000 });
      expect(viewOf(answer)).toMatchObject({ state: 'active', quantity: 6, pendingChange: null });
      expect((await person.atStripe()).schedule).toBeNull();
    });

    it('can be forced now: the rest of what was paid becomes credit', async () => {
      const person = await subscriber();
      await server.advance(10);
      const { quote, answer } = await person.changeTo({ ...STARTER, when: 'now' });
      expect(quote).toMatchObject({ kind: 'downgrade', effective: 'now', amountDue: 0 });
      expect(quote.credit).toBeGreaterThan(quote.debit);
      expect(viewOf(answer)).toMatchObject({ state: 'active', plan: 'starter' });
      const credit = (await person.get('credit')).json;
      expect(credit).toMatchObject({ balance: quote.credit - quote.debit, currency: 'usd' });
    });

    it('is dropped by a cancel, which the schedule would forbid', async () => {
      const person = await subscriber();
      await person.changeTo(STARTER);
      const canceled = await person.command('cancel');
      expect(viewOf(canceled)).toMatchObject({ state: 'cancel_pending', pendingChange: null });
    });
  });

  describe('Another interval', () => {
    it('begins a new period now, with the rest of the old one as credit', async () => {
      const person = await subscriber();
      await server.advance(10);
      const { quote, answer } = await person.changeTo(PRO_YEARLY);
      expect(quote).toMatchObject({ kind: 'upgrade', debit: 50_000, nextAmount: 50_000 });
      expect(quote.amountDue).toBe(50_000 - quote.credit);
      expect(viewOf(answer)).toMatchObject({ interval: 'yearly', state: 'active' });
      expect((await person.invoices())[0]).toMatchObject({ amount_paid: quote.amountDue });
      const days =
        (Date.parse(viewOf(answer).currentPeriodEnd) - server.services.clock.now()) / 864e5;
      expect(days).toBeGreaterThan(363);
    });

    it('that is shorter waits for the end of the year', async () => {
      const person = await subscriber(PRO_YEARLY);
      const { quote, answer } = await person.changeTo(PRO);
      expect(quote).toMatchObject({ effective: 'period_end', amountDue: 0, nextAmount: 5000 });
      expect(viewOf(answer)).toMatchObject({
        state: 'downgrading',
        pendingChange: { plan: 'pro', interval: 'monthly' },
      });
    });
  });

  describe('Seats', () => {
    it('are added now and taken away later, each with its price told', async () => {
      const person = await subscriber({ ...PRO, quantity: 2 });
      await server.advance(10);
      const more = await person.changeTo({ quantity: 5 }, 'quantity');
      expect(more.quote).toMatchObject({ kind: 'upgrade', nextAmount: 25_000 });
      expect(viewOf(more.answer)).toMatchObject({ quantity: 5, state: 'active' });
      expect((await person.invoices())[0]).toMatchObject({ amount_paid: more.quote.amountDue });
      const fewer = await person.changeTo({ quantity: 1 }, 'quantity');
      expect(viewOf(fewer.answer)).toMatchObject({
        quantity: 5,
        state: 'downgrading',
        pendingChange: { quantity: 1 },
      });
      expect(refusal(await person.command('quantity', { quantity: 99 }))).toEqual([
        400,
        'invalid_request',
      ]);
    });

    it('stay as they are when only the interval changes', async () => {
      const person = await subscriber({ ...PRO, quantity: 3 });
      const { quote } = await person.changeTo(PRO_YEARLY);
      expect(quote).toMatchObject({ debit: 150_000 });
    });
  });

  describe('A change that is asked for twice', () => {
    it('by a double click is made and charged once', async () => {
      const person = await subscriber(STARTER);
      await server.advance(1);
      const { prorationDate, amountDue } = (await person.command('preview', PRO)).json;
      const body = { ...PRO, prorationDate };
      const answers = await Promise.all([1, 2, 3].map(() => person.command('change', body)));
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
      const made = (await person.invoices()).filter(
        ({ billing_reason }) => billing_reason === 'subscription_update',
      );
      expect(made.map(({ amount_paid }) => amount_paid)).toEqual([amountDue]);
    });

    it('in two tabs, for two plans, ends with one of them and a refusal', async () => {
      const person = await subscriber(STARTER);
      await server.advance(1);
      const choices = [PRO, { ...PRO, quantity: 3 }];
      const quotes = await Promise.all(choices.map((choice) => person.command('preview', choice)));
      const answers = await Promise.all(
        choices.map((choice, i) => {
          const prorationDate = quotes[i]?.json['prorationDate'];
          return person.command('change', { ...choice, prorationDate });
        }),
      );
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409]);
      const winner = answers.findIndex(({ status }) => status === 202);
      expect(await person.subscription()).toMatchObject({ quantity: winner === 0 ? 1 : 3 });
    });

    it('for a downgrade leaves one schedule', async () => {
      const person = await subscriber();
      const answers = await Promise.all([1, 2].map(() => person.command('change', STARTER)));
      expect(answers.map(({ status }) => status)).toEqual([202, 202]);
      const customer = await person.customerId();
      const schedules = await server.stripe.subscriptionSchedules.list({ customer });
      expect(schedules.data).toHaveLength(1);
    });
  });

  describe('Where the state does not allow it', () => {
    it('every change is refused with what is allowed', async () => {
      const person = newPerson(server);
      const names = ['preview', 'change', 'quantity', 'pause', 'resume', 'reactivate'];
      const body = (name: string) =>
        name === 'quantity' ? { quantity: 2 } : /pause|resume/.test(name) ? {} : PRO;
      const none = await Promise.all(names.map((name) => person.command(name, body(name))));
      expect(none.map(refusal)).toEqual(names.map(() => [409, 'not_allowed']));
      await person.subscribe();
      await person.command('cancel');
      for (const name of ['preview', 'change', 'quantity', 'pause', 'reactivate']) {
        const refused = await person.command(name, body(name));
        expect(refused.status).toBe(409);
        expect(refused.json['error']).toMatchObject({
          code: 'not_allowed',
          state: 'cancel_pending',
          actions: expect.arrayContaining(['resume']),
        });
      }
    });
  });
});
