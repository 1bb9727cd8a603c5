import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSubscription } from '../../db/subscriptions.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { newPerson, viewOf, type Person } from '../server/billing/person.ts';
import { METER, mixedPlans } from './mixed-plans.ts';

const YEAR = { plan: 'big', interval: 'yearly' };
const DAY = 86_400_000;

describe('The period of a plan beside items of another interval', { timeout: 90_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      prepare: mixedPlans,
      env: { TRIAL_DAYS: '0' },
    });
  });
  afterAll(() => server.close());

  const daysAhead = (at: string | null) =>
    Math.round((Date.parse(at ?? '') - server.services.clock.now()) / DAY);

  async function buyer(choice: object = YEAR): Promise<Person> {
    const person = newPerson(server);
    expect(await person.subscribe(choice)).toMatchObject({ state: 'active' });
    return person;
  }

  it('M-1: a paid year is canceled at its end, not at that of its monthly meter', async () => {
    const person = await buyer();
    const { currentPeriodEnd } = await person.subscription();
    // 366 in a leap year, which the clock comes to.
    expect([365, 366]).toContain(daysAhead(currentPeriodEnd));
    await server.advance(1);
    const canceled = viewOf(await person.command('cancel', { when: 'period_end' }));
    expect(canceled).toMatchObject({ cancelAt: currentPeriodEnd, currentPeriodEnd });
    await server.advance(32);
    expect(await person.subscription()).toMatchObject({
      state: 'cancel_pending',
      access: { level: 'full' },
    });
    const resumed = viewOf(await person.command('resume'));
    expect(resumed).toMatchObject({ state: 'active', cancelAt: null });
    await person.command('cancel', { when: 'period_end' });
    await server.advance(334);
    expect(await person.subscription()).toMatchObject({ state: 'canceled' });
  });

  it('M-1: the same for a year that a monthly add-on came along to', async () => {
    const person = await buyer({ plan: 'big', interval: 'monthly' });
    await server.stripe.subscriptionItems.create({
      subscription: (await person.subscription()).id,
      price: String(server.env['ADDON_PRICE_ID']),
    });
    await server.settled();
    const { answer, quote } = await person.changeTo(YEAR);
    expect(answer.status).toBe(202);
    // M-3: the next invoice is the add-on's, a month from now.
    expect(quote.nextAmount).toBe(2_100);
    const canceled = viewOf(await person.command('cancel'));
    expect(canceled.cancelAt).toBe(canceled.currentPeriodEnd);
    expect(daysAhead(canceled.cancelAt)).toBeGreaterThan(364);
    await server.advance(32);
    expect(await person.subscription()).toMatchObject({ access: { level: 'full' } });
    expect((await person.invoices())[0]).toMatchObject({ total: 2_100 });
  });

  it('M-2: a smaller plan comes after the paid year', async () => {
    const person = await buyer();
    const { answer } = await person.changeTo({ plan: 'small', interval: 'yearly' });
    expect(viewOf(answer)).toMatchObject({ state: 'downgrading', plan: 'big' });
    expect(viewOf(answer).pendingChange?.at).toBe(viewOf(answer).currentPeriodEnd);
    expect(daysAhead(viewOf(answer).currentPeriodEnd)).toBeGreaterThan(364);
    await server.advance(32);
    expect(await person.subscription()).toMatchObject({ state: 'downgrading', plan: 'big' });
    await server.advance(335);
    expect(await person.subscription()).toMatchObject({ state: 'active', plan: 'small' });
  });

  it('M-3: an unpaid invoice of usage does not end the paid year', async () => {
    const person = await buyer();
    await server.advance(1);
    await server.services.usage.record([{ userId: person.id, meter: METER, quantity: 1_000 }]);
    await server.services.usage.flush();
    await person.useCard('pm_card_chargeCustomerFail');
    for (const days of [31, 4, 6, 2]) await server.advance(days);
    const view = await person.subscription();
    expect((await person.invoices())[0]).toMatchObject({ total: 500, status: 'open' });
    expect(view).toMatchObject({ state: 'past_due', access: { level: 'full' } });
  });

  it('M-3: an unpaid renewal of the year is known, although the latest invoice is one of the meter', async () => {
    const person = await buyer();
    await server.advance(1);
    const { id } = await person.subscription();
    await server.stripe.subscriptions.update(id, {
      collection_method: 'send_invoice',
      days_until_due: 30,
    });
    await server.advance(335);
    // In one leap over the renewal and the end of a month after it: its events are read when both are over.
    await server.advance(61);
    const [latest, ...earlier] = await person.invoices();
    expect(latest).toMatchObject({ total: 0, status: 'paid' });
    const renewal = earlier.find(({ total }) => total === 50_000);
    expect(renewal).toMatchObject({ status: 'open' });
    const stored = await findSubscription(server.database.knex, id);
    expect(stored?.facts.planInvoice).toMatchObject({ id: renewal?.id, status: 'open' });
    await server.stripe.invoices.voidInvoice(String(renewal?.id));
    await server.settled();
    const after = await findSubscription(server.database.knex, id);
    expect(after?.facts.planInvoice).toMatchObject({ id: renewal?.id, status: 'void' });
    expect((await person.subscription()).access).toMatchObject({ level: 'none' });
  });
});
