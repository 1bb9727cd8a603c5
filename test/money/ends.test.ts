import { afterEach, describe, expect, it } from 'vitest';
import { startTestServer, until, type TestServer } from '../support/server.ts';
import { newPerson, PRO, PRO_YEARLY, refusal, viewOf } from '../server/billing/person.ts';
import { stripeSwitches } from '../server/billing/stripe-calls.ts';

let server: TestServer;
const start = async (env: Record<string, string>, settings?: object) => {
  server = await startTestServer({
    database: 'sqlite',
    env: { TRIAL_DAYS: '0', ...env },
    engine: { overdueEvery: 100 },
  });
  if (settings) await stripeSwitches(server).settings(settings);
};
afterEach(() => server.close());

const days = async (...some: number[]) => {
  for (const each of some) await server.advance(each);
};

describe('The end of dunning', { timeout: 90_000 }, () => {
  it('R-2, R-3: voids what was not paid, so that no money is taken for nothing', async () => {
    await start({});
    const person = newPerson(server);
    await person.subscribe(PRO);
    await days(15);
    await person.useCard('pm_card_chargeCustomerFail');
    await days(16, 4, 6);
    await until(async () => (await person.invoices())[0]?.status === 'void');
    expect(await person.subscription()).toMatchObject({ state: 'canceled' });
    const method = await person.useCard('pm_card_visa');
    const id = String((await person.invoices())[0]?.id);
    const paid = await person.post(`invoices/${id}/pay`, { paymentMethod: method });
    expect(refusal(paid)).toEqual([409, 'not_allowed']);
    expect((await person.command('reactivate', PRO)).status).toBe(200);
  });

  it('R-2: with open invoices kept, paying one is refused in words', async () => {
    await start({ DUNNING_OPEN_INVOICES: 'keep' });
    const person = newPerson(server);
    await person.subscribe(PRO);
    await days(15);
    await person.useCard('pm_card_chargeCustomerFail');
    await days(16, 4, 6);
    await until(async () => (await person.subscription()).state === 'canceled');
    const method = await person.useCard('pm_card_visa');
    const invoice = (await person.invoices())[0];
    expect(invoice?.status).toBe('open');
    const paid = await person.post(`invoices/${invoice?.id}/pay`, { paymentMethod: method });
    expect(refusal(paid)).toEqual([409, 'not_allowed']);
    expect((await person.invoices())[0]?.status).toBe('open');
    // on Stripe's own page it cannot be refused; the team is told.
    await server.stripe.invoices.pay(String(invoice?.id), { payment_method: method });
    await server.settled();
    expect(await person.subscription()).toMatchObject({ state: 'canceled' });
  });

  it('R-4, M-14: a cancel now writes off what is open, and coming back pays it first', async () => {
    await start({});
    const person = newPerson(server);
    await person.subscribe(PRO);
    await person.useCard('pm_card_chargeCustomerFail');
    await days(32);
    expect(await person.subscription()).toMatchObject({ state: 'past_due' });
    await person.command('cancel', { when: 'now' });
    expect((await person.invoices())[0]?.status).toBe('uncollectible');
    // Checkout cannot collect it; the failing card cannot either.
    const checkout = await person.post('checkout', PRO);
    expect(checkout.json['error']).toMatchObject({ code: 'not_allowed', reason: 'debt' });
    expect(refusal(await person.command('reactivate', PRO))).toEqual([402, 'card_declined']);
    await person.useCard('pm_card_visa');
    expect((await person.command('reactivate', PRO)).status).toBe(200);
    const paid = (await person.invoices()).map(({ status, total }) => `${status} ${total}`);
    expect(paid).toEqual(['paid 5000', 'paid 5000', 'paid 5000']);
  });

  it('M-13: grace and dunning end by time where no further attempt is made', async () => {
    await start({ TRIAL_DAYS: '14' }, { retryDays: [3], finalAction: 'past_due' });
    const person = newPerson(server);
    await person.subscribe(PRO_YEARLY, '4000000000000341');
    await days(18);
    expect(await person.subscription()).toMatchObject({
      state: 'past_due',
      access: { level: 'grace' },
    });
    await days(16);
    expect(['none']).toContain((await person.subscription()).access.level);
    await until(async () => (await person.subscription()).state === 'canceled');
  });

  it.each([0, 35])('R-5, R-6: unpaid has a way back, %i days later', async (later) => {
    await start({ DUNNING_FINAL_ACTION: 'unpaid' });
    const person = newPerson(server);
    await person.subscribe(PRO);
    await days(15);
    await person.useCard('pm_card_chargeCustomerFail');
    await days(16, 4, 6);
    await until(async () => (await person.subscription()).state === 'unpaid');
    if (later > 0) await days(later);
    const stopped = await person.subscription();
    expect(stopped).toMatchObject({ state: 'unpaid', access: { level: 'none' } });
    expect(stopped.actions).not.toContain('resume');
    const method = await person.useCard('pm_card_visa');
    const invoice = String(stopped['unpaidInvoiceId']);
    const paid = await person.post(`invoices/${invoice}/pay`, { paymentMethod: method });
    expect(paid.status).toBe(200);
    await server.settled();
    await until(async () => (await person.atStripe()).pause_collection === null);
    const stati = (await person.invoices()).map(({ status }) => status);
    expect(new Set(stati)).toEqual(new Set(['paid']));
    const view = await person.subscription();
    expect(view).toMatchObject({ state: 'active', access: { level: 'full' } });
    await days(31);
    expect((await person.invoices())[0]).toMatchObject({ status: 'paid', total: 5_000 });
  });

  it('R-8: what Stripe itself left unpaid goes on when it is paid, drafts included', async () => {
    await start({ DUNNING_FINAL_ACTION: 'none' }, { finalAction: 'unpaid' });
    const person = newPerson(server);
    await person.subscribe(PRO);
    await days(15);
    await person.useCard('pm_card_chargeCustomerFail');
    await days(16, 4, 6, 8, 30);
    expect(await person.subscription()).toMatchObject({ state: 'unpaid' });
    const [draft, old] = await person.invoices();
    expect([draft?.status, old?.status]).toEqual(['draft', 'open']);
    const paymentMethod = await person.useCard('pm_card_visa');
    const paid = await person.post(`invoices/${old?.id}/pay`, { paymentMethod });
    expect(paid.status).toBe(200);
    await server.settled();
    expect((await person.invoices()).map(({ status }) => status)).not.toContain('draft');
    expect(await person.subscription()).toMatchObject({
      state: 'active',
      access: { level: 'full' },
    });
  });

  it('R-7: drafts that a pause of collection kept are collected with its end', async () => {
    await start({});
    const person = newPerson(server);
    const { id } = await person.subscribe(PRO);
    await server.stripe.subscriptions.update(id, {
      pause_collection: { behavior: 'keep_as_draft' },
    });
    await days(32);
    expect((await person.invoices())[0]?.status).toBe('draft');
    const resumed = viewOf(await person.command('resume'));
    expect(resumed).toMatchObject({ state: 'active', access: { level: 'full' } });
    expect((await person.invoices())[0]).toMatchObject({ status: 'paid', total: 5_000 });
  });

  it('M-8: a pause over the renewal gives no access to a period that was not paid', async () => {
    await start({});
    const person = newPerson(server);
    const { currentPeriodEnd } = await person.subscribe(PRO);
    const left = Date.parse(currentPeriodEnd) - server.services.clock.now();
    await days(left / 86_400_000 - 1 / 24);
    const resumesAt = new Date(Date.parse(currentPeriodEnd) + 3 * 3_600_000).toISOString();
    await person.command('pause', { resumesAt });
    await days(0.25);
    const after = await person.subscription();
    expect((await person.invoices())[0]).toMatchObject({ status: 'void' });
    expect(after).toMatchObject({
      state: 'active',
      access: { level: 'none', reason: 'period_unpaid' },
      actions: expect.arrayContaining(['resume']),
    });
    const bought = viewOf(await person.command('resume'));
    expect(bought).toMatchObject({ state: 'active', access: { level: 'full' } });
    expect((await person.invoices())[0]).toMatchObject({ status: 'paid', total: 5_000 });
  });
});
