import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payCheckout } from '../../scripts/pay-checkout.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { newPerson, refusal, type Person } from '../server/billing/person.ts';
import { stripeSwitches } from '../server/billing/stripe-calls.ts';
import { limitedPlans } from './limited-plans.ts';
import { METER } from './mixed-plans.ts';

const SMALL = { plan: 'small', interval: 'monthly' };
const BIG = { plan: 'big', interval: 'monthly' };
const SMALL_YEAR = { plan: 'small', interval: 'yearly' };
const BIG_YEAR = { plan: 'big', interval: 'yearly' };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    database: 'sqlite',
    prepare: limitedPlans,
    env: { TRIAL_DAYS: '0' },
  });
});
afterAll(() => server.close());

async function buyer(choice: object): Promise<Person> {
  const person = newPerson(server);
  await person.subscribe(choice);
  await server.advance(1);
  return person;
}
const charges = async (person: Person) =>
  (await server.stripe.charges.list({ customer: await person.customerId() })).data;
const credit = async (person: Person) => Number((await person.get('credit')).json['balance']);
const access = async (person: Person) => (await person.subscription()).access;
const bills = async (person: Person) =>
  (await person.invoices()).map(({ status, total, amount_paid }) => [status, total, amount_paid]);
const use = async (person: Person, quantity: number) => {
  await server.services.usage.record([{ userId: person.id, meter: METER, quantity }]);
  await server.services.usage.flush();
  await server.advance(0.01);
};
async function refund(charge: string | undefined): Promise<void> {
  await server.stripe.refunds.create({ charge: String(charge) });
  await server.settled();
}

describe('What was sent back is not had as well', { timeout: 90_000 }, () => {
  it('a refund after a downgrade takes its credit too, and ends the month that was paid with it, not the next', async () => {
    const person = await buyer(BIG_YEAR);
    await person.changeTo({ ...SMALL, when: 'now' });
    expect(await credit(person)).toBeGreaterThan(47_000);
    await refund((await charges(person))[0]?.id);
    expect(await credit(person)).toBe(0);
    expect(await access(person)).toMatchObject({ level: 'none', reason: 'refunded' });
    expect((await person.command('preview', { command: 'pause' })).json['credit']).toBe(0);
    await server.advance(31.1);
    expect((await bills(person))[0]).toEqual(['paid', 2_000, 2_000]);
    expect(await access(person)).toMatchObject({ level: 'full' });
  });

  it('nor the credit of a pause; the period that is bought with its end is another', async () => {
    const person = await buyer(BIG);
    await person.command('pause');
    await refund((await charges(person))[0]?.id);
    expect(await credit(person)).toBe(0);
    expect((await person.command('resume')).status).toBe(200);
    expect((await bills(person))[0]).toEqual(['paid', 5_000, 5_000]);
    expect(await access(person)).toMatchObject({ level: 'full' });
  });

  it('the refund of a month leaves the year that was paid for since', async () => {
    const person = await buyer(SMALL);
    const [month] = await charges(person);
    expect((await person.changeTo(SMALL_YEAR)).answer.status).toBe(202);
    await refund(month?.id);
    expect(await access(person)).toMatchObject({ level: 'full' });
  });

  it('what was paid beside credit is a part: its refund leaves the period, and the operator is told so', async () => {
    const person = await buyer(SMALL);
    await server.call('POST', `/admin/api/accounts/${person.id}/credit`, {
      admin: true,
      body: { amount: 1_500, currency: 'usd', description: 'For the trouble' },
    });
    await server.advance(32);
    expect((await bills(person))[0]).toEqual(['paid', 2_000, 500]);
    const [charge] = await charges(person);
    const preview = await server.call('POST', `/admin/api/accounts/${person.id}/refunds/preview`, {
      admin: true,
      body: { payment: charge?.id },
    });
    expect(preview.json).toMatchObject({ amount: 500, left: 0, endsAccess: false });
    await refund(charge?.id);
    expect(await access(person)).toMatchObject({ level: 'full' });
  });

  it('an add-on that was refunded gives no credit when it is removed', async () => {
    const person = await buyer(BIG);
    await person.changeTo({ ...BIG, addons: { boost: 1 } });
    const without = { ...BIG, addons: { boost: 0 }, when: 'now' };
    expect((await person.command('preview', without)).json['credit']).toBeGreaterThan(2_000);
    await refund((await charges(person))[0]?.id);
    const { status, json } = await person.command('preview', without);
    expect([status, json['error']]).toMatchObject([409, { reason: 'period_returned' }]);
  });
});

describe('A dispute follows the credit of its payment', { timeout: 90_000 }, () => {
  it('into the subscription that was bought with it, until it is won; lost, it ends that one too', async () => {
    const person = await buyer(BIG_YEAR);
    const [charge] = await charges(person);
    await person.changeTo({ ...SMALL, when: 'now' });
    await person.command('cancel', { when: 'now' });
    expect((await person.command('reactivate', BIG_YEAR)).status).toBe(200);
    expect((await bills(person))[0]).toEqual(['paid', 50_000, 2_137]);
    const dispute = async () => {
      const { id } = (await stripeSwitches(server).dispute(String(charge?.id))) as { id: string };
      await server.settled();
      return id;
    };
    const first = await dispute();
    expect(await access(person)).toMatchObject({ level: 'none', reason: 'disputed' });
    expect((await person.subscription()).actions).not.toContain('resume');
    // A refund of its own, of a part, does not lift it.
    const [own] = await charges(person);
    await server.stripe.refunds.create({ charge: String(own?.id), amount: 100 });
    await server.settled();
    expect(await access(person)).toMatchObject({ level: 'none', reason: 'disputed' });
    const evidence = { uncategorized_text: 'winning_evidence' };
    await server.stripe.disputes.update(first, { evidence, submit: true });
    await server.settled();
    expect(await access(person)).toMatchObject({ level: 'full' });
    expect((await person.atStripe()).pause_collection).toBeNull();
    await server.stripe.disputes.close(await dispute());
    await server.settled();
    expect(await person.subscription()).toMatchObject({ state: 'canceled' });
  });
});

describe('What was used is not given back', { timeout: 90_000 }, () => {
  const refused = async (person: Person, choice: object) => {
    const { status, json } = await person.command('preview', { ...choice, when: 'now' });
    expect([status, json['error']]).toMatchObject([409, { reason: 'allowance_used' }]);
    const prorationDate = new Date(server.services.clock.now()).toISOString();
    const change = await person.command('change', { ...choice, when: 'now', prorationDate });
    expect(change.status).toBe(409);
  };

  it('of a bigger plan, more than the smaller one allows', async () => {
    const person = await buyer(SMALL);
    await person.changeTo(BIG);
    await use(person, 1_000);
    expect((await person.command('preview', { ...SMALL, when: 'now' })).status).toBe(200);
    await use(person, 1);
    await refused(person, SMALL);
    expect((await person.changeTo(SMALL)).quote).toMatchObject({ effective: 'period_end' });
  });

  it('of an add-on, more than the plan allows without it', async () => {
    const person = await buyer(SMALL);
    await person.changeTo({ ...SMALL, addons: { boost: 1 } });
    await use(person, 1_001);
    await refused(person, { ...SMALL, addons: { boost: 0 } });
  });

  it('of a year, by a bigger plan for a month', async () => {
    const person = await buyer(SMALL_YEAR);
    expect((await person.command('preview', BIG)).json['credit']).toBeGreaterThan(19_000);
    await use(person, 900);
    await refused(person, BIG);
    expect((await person.changeTo(BIG_YEAR)).answer.status).toBe(202);
  });
});

describe('Nothing is paid twice', { timeout: 90_000 }, () => {
  it('what is bought once with a card uses no credit', async () => {
    const person = await buyer(BIG_YEAR);
    await person.changeTo({ ...SMALL, when: 'now' });
    const before = await credit(person);
    const opened = await person.post('payments', { product: 'lifetime' });
    await payCheckout(String(opened.json['url']));
    await server.settled();
    expect((await bills(person))[0]).toEqual(['paid', 9_900, 9_900]);
    expect(await credit(person)).toBe(before);
  });
});

describe('What was not paid did not happen, and what was paid stays', { timeout: 90_000 }, () => {
  it('a bigger plan for a year that was not paid takes nothing of the month, whether it waits or is given up', async () => {
    const person = await buyer(SMALL);
    const before = await access(person);
    await person.useCard('pm_card_chargeCustomerFail');
    expect((await person.changeTo(BIG_YEAR)).answer.json).toMatchObject({ payment: {} });
    expect((await bills(person))[0]?.[0]).toBe('open');
    expect(await access(person)).toEqual(before);
    expect((await person.command('change', SMALL)).status).toBe(202);
    expect((await bills(person))[0]?.[0]).toBe('void');
    expect(await access(person)).toEqual(before);
  });

  it('a change that was not paid is no debt after the end, in the same second either', async () => {
    const person = await buyer(SMALL);
    await person.useCard('pm_card_chargeCustomerFail');
    await person.changeTo(BIG);
    expect((await bills(person))[0]?.[0]).toBe('open');
    await person.command('cancel', { when: 'now' });
    expect((await bills(person))[0]?.[0]).toBe('void');
    await person.useCard('pm_card_visa');
    const back = await person.command('preview', { command: 'reactivate', ...SMALL });
    expect(back.json).toMatchObject({ amountDue: 2_000, debts: [] });
  });

  it('what a pause billed of usage is a debt after the end', async () => {
    const person = await buyer(BIG);
    await use(person, 9_000);
    await person.useCard('pm_card_chargeCustomerFail');
    await person.command('pause');
    expect((await bills(person))[0]).toEqual(['open', 4_500, 0]);
    await server.advance(1);
    await person.command('cancel', { when: 'now' });
    await server.settled();
    expect((await bills(person))[0]).toEqual(['uncollectible', 4_500, 0]);
    await person.useCard('pm_card_visa');
    const back = await person.command('preview', { command: 'reactivate', ...SMALL });
    expect(back.json).toMatchObject({ amountDue: 6_500 });
    expect(refusal(await person.post('checkout', SMALL))).toEqual([409, 'not_allowed']);
  });

  it('classic billing credits no more than what was paid, whatever the price is without a discount that is over', async () => {
    const person = await buyer(SMALL);
    await person.command('cancel', { when: 'now' });
    const method = await person.useCard('pm_card_visa');
    const { id: coupon } = await server.stripe.coupons.create({
      percent_off: 50,
      duration: 'once',
    });
    const price = server.services.catalogue.plans[1]?.prices['yearly']?.priceId;
    await server.stripe.subscriptions.create({
      customer: await person.customerId(),
      default_payment_method: method,
      items: [{ price: String(price) }],
      discounts: [{ coupon }],
      billing_mode: { type: 'classic' },
    });
    await server.settled();
    await server.advance(1);
    expect((await bills(person))[0]).toEqual(['paid', 25_000, 25_000]);
    const { status, json } = await person.command('preview', { ...SMALL, when: 'now' });
    expect([status, json['error']]).toMatchObject([409, { reason: 'period_discounted' }]);
  });
});
