import type { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payCheckout } from '../../scripts/pay-checkout.ts';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { startTestServer, type Answer, type TestServer } from '../support/server.ts';
import {
  newPerson,
  PRO,
  PRO_YEARLY,
  refusal,
  STARTER,
  viewOf,
  type Person,
} from '../server/billing/person.ts';
import { stripeSwitches } from '../server/billing/stripe-calls.ts';
import { METER, sellCalls } from './sell-calls.ts';

const EUROS = { plan: 'starter', interval: 'yearly' };

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

/** Starter by the year is sold in euros; Pro comes with 1,000 free calls a month. */
async function prepare(stripe: Stripe): Promise<Record<string, string>> {
  const product = (await stripe.products.create({ name: 'Starter in Europe' })).id;
  const recurring = { interval: 'year' } as const;
  const euros = { product, currency: 'eur', unit_amount: 20_000, recurring };
  const meter = await stripe.billing.meters.create({
    display_name: 'API calls',
    event_name: METER,
    default_aggregation: { formula: 'sum' },
  });
  const calls = await stripe.prices.create({
    product: (await stripe.products.create({ name: 'Calls' })).id,
    currency: 'usd',
    billing_scheme: 'tiered',
    tiers_mode: 'graduated',
    tiers: [
      { up_to: 1_000, unit_amount: 0 },
      { up_to: 'inf', unit_amount: 1 },
    ],
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
  });
  return {
    STRIPE_STARTER_YEARLY_PRICE_ID: (await stripe.prices.create(euros)).id,
    STRIPE_PRO_API_CALLS_PRICE_ID: calls.id,
  };
}

describe('What counts once counts once, and a refusal says why', { timeout: 90_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    const env = { TRIAL_DAYS: '0' };
    server = await startTestServer({ database: 'sqlite', emulator, prepare, env });
  });
  afterAll(() => server.close());

  const buyer = async (choice: object = STARTER) => {
    const person = newPerson(server);
    await person.subscribe(choice);
    return person;
  };
  const code = (fields: object) =>
    server.call('POST', '/api/billing/promotion-codes', { admin: true, body: fields });

  it('M-15: free calls come with a period that was paid: a pause gives no second thousand', async () => {
    const person = await buyer(PRO);
    const use = async () => {
      const record = { userId: person.id, meter: METER, quantity: 1_000 };
      await server.services.usage.record([record]);
      await server.services.usage.flush();
    };
    for (let i = 0; i < 2; i += 1) {
      await server.advance(0.1);
      await use();
      const shown = (await person.command('preview', { command: 'pause' })).json;
      expect(shown).toMatchObject({ credit: 0 });
      expect((await person.command('pause')).status).toBe(200);
      expect((await person.get('credit')).json['balance']).toBe(0);
      expect(viewOf(await person.command('resume'))).toMatchObject({ state: 'active' });
    }
    const paid = (await person.invoices()).reduce((sum, each) => sum + each.amount_paid, 0);
    expect(paid).toBe(3 * 5_000);
    // Without free calls used, the unused time is credited as before.
    await server.advance(1);
    expect((await person.command('pause')).status).toBe(200);
    expect((await person.get('credit')).json['balance']).toBeGreaterThan(4_000);
  });

  it('M-15: free calls come with a period that was paid whole: no change now, whatever is in between, brings them again', async () => {
    const person = await buyer(PRO);
    await server.advance(0.1);
    await server.services.usage.record([{ userId: person.id, meter: METER, quantity: 1_000 }]);
    await server.services.usage.flush();
    const down = { ...STARTER, when: 'now' };
    const refused = async (choice: object) => {
      const { status, json } = await person.command('preview', choice);
      expect([status, json['error']]).toMatchObject([409, { reason: 'allowance_used' }]);
    };
    await refused(down);
    const prorationDate = new Date(server.services.clock.now()).toISOString();
    expect((await person.command('change', { ...down, prorationDate })).status).toBe(409);
    // The year has no meter, and nothing is used in it.
    expect((await person.changeTo(PRO_YEARLY)).answer.status).toBe(202);
    await server.advance(0.1);
    await refused(down);
    await refused({ ...PRO, when: 'now' });
    expect((await person.command('preview', { command: 'pause' })).json).toMatchObject({
      credit: 0,
    });
    expect((await person.changeTo(STARTER)).quote).toMatchObject({ effective: 'period_end' });
    // Without free calls used it is possible as before.
    const other = await buyer(PRO);
    expect((await other.changeTo(down)).answer.status).toBe(202);
  });

  it('a code for some months counts them from its first use, whatever it is taken off or bought again for', async () => {
    await code({ code: 'TWOMONTHS', percentOff: 50, duration: 'repeating', months: 2 });
    const person = await buyer(STARTER);
    const apply = () => person.command('discount', { promotionCode: 'TWOMONTHS' });
    expect((await apply()).status).toBe(200);
    await server.advance(32);
    expect((await person.invoices())[0]).toMatchObject({ status: 'paid', total: 1_000 });
    expect((await person.command('discount', { promotionCode: null })).status).toBe(200);
    const used = [400, 'unknown_promotion_code'];
    expect(refusal(await apply())).toEqual(used);
    await person.command('cancel', { when: 'now' });
    const again = { ...STARTER, promotionCode: 'TWOMONTHS' };
    expect(refusal(await person.command('reactivate', again))).toEqual(used);
    expect(refusal(await person.post('checkout', again))).toEqual(used);
  });

  it('M-14: a bank debit, which may bounce, settles no debt before a comeback: it is paid on its page first', async () => {
    const person = await buyer(STARTER);
    const customer = await person.customerId();
    const debit = await server.stripe.paymentMethods.create({
      type: 'sepa_debit',
      sepa_debit: { iban: 'DE62370400440532013001' },
      billing_details: { name: 'A', email: 'a@example.com' },
    });
    await server.stripe.paymentMethods.attach(debit.id, { customer });
    await server.stripe.customers.update(customer, {
      invoice_settings: { default_payment_method: debit.id },
    });
    await person.command('cancel', { when: 'now' });
    expect(viewOf(await person.command('reactivate', PRO))).toMatchObject({ state: 'active' });
    await server.advance(1);
    await person.command('cancel', { when: 'now' });
    const before = (await person.invoices()).map(({ status }) => status);
    expect(before).toEqual(['uncollectible', 'paid']);
    for (const name of ['preview', 'reactivate']) {
      const body = name === 'preview' ? { command: 'reactivate', ...PRO } : PRO;
      const { status, json } = await person.command(name, body);
      expect([name, status, json['error']]).toMatchObject([name, 409, { reason: 'debt' }]);
    }
    expect((await person.invoices()).map(({ status }) => status)).toEqual(before);
    await person.useCard('pm_card_visa');
    expect(viewOf(await person.command('reactivate', PRO))).toMatchObject({ state: 'active' });
    expect((await person.invoices()).map(({ status }) => status)).toEqual(['paid', 'paid', 'paid']);
  });

  it('M-21: a code that is not for you is 400 at every call site, and is not shown', async () => {
    const [person, owner] = [await buyer(PRO), await buyer()];
    await code({ code: 'FIRSTONLY', percentOff: 50, duration: 'forever', firstPurchaseOnly: true });
    await code({ code: 'EUROS5', amountOff: 500, currency: 'eur', duration: 'forever' });
    const coupon = await server.stripe.coupons.create({ percent_off: 50, duration: 'forever' });
    await server.stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      code: 'FORANOTHER',
      customer: await owner.customerId(),
    });
    const unknown = [400, 'unknown_promotion_code'];
    for (const promotionCode of ['FIRSTONLY', 'EUROS5', 'FORANOTHER', 'NOSUCHCODE']) {
      const applied = await person.command('discount', { promotionCode });
      expect([promotionCode, ...refusal(applied)]).toEqual([promotionCode, ...unknown]);
    }
    expect((await person.get('promotion-codes/FORANOTHER')).status).toBe(404);
    await person.command('cancel', { when: 'now' });
    for (const promotionCode of ['FIRSTONLY', 'EUROS5', 'FORANOTHER', 'NOSUCHCODE']) {
      const body = { ...PRO, promotionCode };
      const shown = await person.command('preview', { command: 'reactivate', ...body });
      expect([promotionCode, ...refusal(shown)]).toEqual([promotionCode, ...unknown]);
      expect(refusal(await person.command('reactivate', body))).toEqual(unknown);
      expect(refusal(await person.post('checkout', body))).toEqual(unknown);
    }
  });

  it('M-22: a code that an upgrade uses up is not in the next amount', async () => {
    const person = await buyer(STARTER);
    await server.advance(15);
    await code({ code: 'HALFONCE', percentOff: 50, duration: 'once' });
    expect((await person.command('discount', { promotionCode: 'HALFONCE' })).status).toBe(200);
    const { quote, answer } = await person.changeTo({ plan: 'pro', interval: 'monthly' });
    expect(answer.status).toBe(202);
    expect(quote).toMatchObject({
      nextAmount: 5_000,
      losses: [{ kind: 'promotion_code', message: expect.stringContaining('HALFONCE') }],
    });
    await server.advance(30);
    expect((await person.invoices())[0]).toMatchObject({ status: 'paid', total: 5_000 });
  });

  it('M-23: tax rates that were set by hand are on the subscription that comes back', async () => {
    const person = await buyer();
    const rate = await server.stripe.taxRates.create({
      display_name: 'VAT',
      percentage: 20,
      inclusive: false,
    });
    const { id } = await person.subscription();
    await server.stripe.subscriptions.update(id, { default_tax_rates: [rate.id] });
    await server.settled();
    await person.command('cancel', { when: 'now' });
    const shown = await person.command('preview', { command: 'reactivate', ...STARTER });
    expect(shown.json).toMatchObject({ amountDue: 2_400, tax: 400 });
    expect((await person.command('reactivate', STARTER)).status).toBe(200);
    expect((await person.invoices())[0]).toMatchObject({ status: 'paid', total: 2_400 });
  });

  it('M-24: credit in one currency, a plan in another: 409 that says which', async () => {
    const person = await buyer();
    const customer = await person.customerId();
    const credit = { amount: -2_000, currency: 'usd' };
    await server.stripe.customers.createBalanceTransaction(customer, credit);
    await person.command('cancel', { when: 'now' });
    for (const name of ['preview', 'reactivate']) {
      const body = name === 'preview' ? { command: 'reactivate', ...EUROS } : EUROS;
      const { status, json } = await person.command(name, body);
      expect([name, status]).toEqual([name, 409]);
      expect(json['error']).toMatchObject({ code: 'not_allowed', reason: 'currency' });
    }
  });

  it('M-25: paying without a usable card says what to do, and a good default pays', async () => {
    const person = await buyer();
    const customer = await person.customerId();
    const sent = await person.asAdmin('invoices', {
      userId: person.id,
      items: [{ description: 'Setup', amount: 700, currency: 'usd', quantity: 1 }],
      collection: 'send',
    });
    const { id: invoiceId } = sent.json['invoice'] as { id: string };
    for (const { id } of (await server.stripe.paymentMethods.list({ customer })).data) {
      await server.stripe.paymentMethods.detach(id);
    }
    await server.settled();
    const without = await person.post(`invoices/${invoiceId}/pay`, {});
    expect(refusal(without)).toEqual([409, 'not_allowed']);
    expect(without.json['error']).toMatchObject({ reason: 'payment_method' });
    const good = await server.stripe.paymentMethods.attach('pm_card_visa', { customer });
    await server.stripe.customers.update(customer, {
      invoice_settings: { default_payment_method: good.id },
    });
    expect((await person.post(`invoices/${invoiceId}/pay`, {})).status).toBe(200);
  });

  it('M-25: the failing card of a subscription is not tried again while a good default is there', async () => {
    const person = await buyer();
    await person.useCard('pm_card_chargeCustomerFail');
    await server.advance(32);
    expect(await person.subscription()).toMatchObject({ state: 'past_due' });
    const customer = await person.customerId();
    const good = await server.stripe.paymentMethods.attach('pm_card_visa', { customer });
    await server.stripe.customers.update(customer, {
      invoice_settings: { default_payment_method: good.id },
    });
    const [open] = await person.invoices();
    const paid = await person.post(`invoices/${open?.id}/pay`, {});
    expect([paid.status, paid.text.slice(0, 200)]).toEqual([200, expect.any(String)]);
    expect(await person.subscription()).toMatchObject({ state: 'active' });
  });

  it('a price that was archived is refused in words wherever it is chosen', async () => {
    const [person, former] = [await buyer(), await buyer()];
    await former.command('cancel', { when: 'now' });
    const price = String(server.env['STRIPE_PRO_YEARLY_PRICE_ID']);
    await server.stripe.prices.update(price, { active: false });
    const stranger = newPerson(server);
    const answers = {
      checkout: await stranger.post('checkout', PRO_YEARLY),
      preview: await person.command('preview', PRO_YEARLY),
      reactivate: await former.command('reactivate', PRO_YEARLY),
      'preview of it': await former.command('preview', { command: 'reactivate', ...PRO_YEARLY }),
    };
    await server.stripe.prices.update(price, { active: true });
    for (const [name, answer] of Object.entries(answers)) {
      expect([name, ...refusal(answer)]).toEqual([name, 400, 'unknown_price']);
    }
  });

  it('a payment method that cannot be charged is refused in words wherever it would be charged', async () => {
    const unusable = {
      'fails later': 'pm_card_chargeCustomerFail',
      'wants to ask': 'pm_card_authenticationRequired',
      detached: null,
    };
    /** A customer whose method cannot be used, after `before`. */
    const buyerWith = async (
      token: string | null,
      before?: (person: Person) => Promise<unknown>,
    ) => {
      const person = await buyer(STARTER);
      await before?.(person);
      if (token !== null) await person.useCard(token);
      const customer = await person.customerId();
      const { data } = await server.stripe.paymentMethods.list({ customer });
      if (token === null) for (const { id } of data) await server.stripe.paymentMethods.detach(id);
      await server.settled();
      return { person, method: data[0]!.id };
    };
    const sites: Record<string, (token: string | null) => Promise<Answer>> = {
      upgrade: async (token) => (await (await buyerWith(token)).person.changeTo(PRO)).answer,
      'another interval': async (token) =>
        (await (await buyerWith(token)).person.changeTo(PRO_YEARLY)).answer,
      reactivate: async (token) => {
        const { person } = await buyerWith(token, (each) =>
          each.command('cancel', { when: 'now' }),
        );
        return person.command('reactivate', PRO);
      },
      pay: async (token) => {
        const { person, method } = await buyerWith(token);
        const items = [{ description: 'Setup', amount: 700, currency: 'usd' }];
        const body = { userId: person.id, items, collection: 'send' };
        const { id } = (await person.asAdmin('invoices', body)).json['invoice'] as { id: string };
        return person.post(`invoices/${id}/pay`, { paymentMethod: method });
      },
      'one-off invoice': async (token) => {
        const { person } = await buyerWith(token);
        const items = [{ description: 'Setup', amount: 700, currency: 'usd' }];
        return person.asAdmin('invoices', { userId: person.id, items, collection: 'charge' });
      },
    };
    const told: string[] = [];
    for (const [name, token] of Object.entries(unusable)) {
      for (const [site, run] of Object.entries(sites)) {
        const { status, json } = await run(token);
        const error = json['error'] as { code: string; reason?: string } | undefined;
        const url = (json['payment'] as { url?: string } | undefined)?.url ?? json['url'];
        const words = error?.reason ?? error?.code ?? (url ? 'a page to pay on' : 'done');
        told.push(`${name}, ${site}: ${status} ${words}`);
      }
    }
    expect(told).toEqual([
      'fails later, upgrade: 202 a page to pay on',
      'fails later, another interval: 202 a page to pay on',
      'fails later, reactivate: 402 card_declined',
      'fails later, pay: 402 card_declined',
      'fails later, one-off invoice: 200 a page to pay on',
      'wants to ask, upgrade: 202 a page to pay on',
      'wants to ask, another interval: 202 a page to pay on',
      'wants to ask, reactivate: 200 a page to pay on',
      'wants to ask, pay: 200 a page to pay on',
      'wants to ask, one-off invoice: 200 a page to pay on',
      'detached, upgrade: 409 payment_method',
      'detached, another interval: 409 payment_method',
      'detached, reactivate: 200 a page to pay on',
      'detached, pay: 404 not_found',
      'detached, one-off invoice: 200 a page to pay on',
    ]);
  });
});

describe('A trial is had once', { timeout: 90_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      emulator,
      prepare: sellCalls,
      env: { TRIAL_DAYS: '14' },
    });
  });
  afterAll(() => server.close());

  it('by an account, also where Stripe has nothing of its former customer any more', async () => {
    const person = newPerson(server);
    expect(await person.subscribe(PRO)).toMatchObject({ state: 'trialing' });
    await person.command('cancel', { when: 'now' });
    await server.stripe.customers.del(await person.customerId());
    await server.settled();
    expect(await person.subscribe(PRO)).toMatchObject({ state: 'active', trialEnd: null });
  });

  it('M-20: also where it began and ended while no webhook came', async () => {
    const person = newPerson(server);
    await stripeSwitches(server).silence();
    const opened = await person.post('checkout', PRO);
    await payCheckout(String(opened.json['url']));
    const customer = await person.customerId();
    const [trial] = (await server.stripe.subscriptions.list({ customer })).data;
    expect(trial?.status).toBe('trialing');
    await server.stripe.subscriptions.cancel(String(trial?.id));
    const again = await person.post('checkout', PRO);
    await payCheckout(String(again.json['url']));
    const [second] = (await server.stripe.subscriptions.list({ customer })).data;
    expect(second).toMatchObject({ status: 'active', trial_start: null });
    await stripeSwitches(server).calm();
  });

  it('M-36: a code for one invoice is not spent on that of a trial', async () => {
    const person = newPerson(server);
    const half = { code: 'TRIALHALF', percentOff: 50, duration: 'once' };
    expect((await person.asAdmin('promotion-codes', half)).status).toBe(201);
    const body = { ...PRO, promotionCode: 'TRIALHALF' };
    const refused = await person.post('checkout', body);
    expect(refused.json['error']).toMatchObject({
      code: 'unknown_promotion_code',
      reason: 'trial_first',
    });
    await person.subscribe(PRO);
    const apply = await person.command('discount', { promotionCode: 'TRIALHALF' });
    expect(apply.status).toBe(200);
    await server.advance(15);
    expect((await person.invoices())[0]).toMatchObject({ status: 'paid', total: 2_500 });
  });

  it('M-37: what is left of a paid year under a given trial is not lost unasked', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO_YEARLY);
    await server.advance(15);
    const { id, currentPeriodEnd } = await person.subscription();
    const beyond = Date.parse(currentPeriodEnd) / 1000 + 30 * 86_400;
    await server.stripe.subscriptions.update(id, {
      trial_end: beyond,
      proration_behavior: 'none',
    });
    await server.settled();
    expect(await person.subscription()).toMatchObject({ state: 'trialing' });
    const shown = (await person.command('preview', STARTER)).json;
    expect(shown['losses']).toMatchObject([{ kind: 'unused_time' }]);
    const unasked = await person.command('change', STARTER);
    expect(unasked.json['error']).toMatchObject({ code: 'not_allowed', reason: 'loss' });
    expect(await person.subscription()).toMatchObject({ plan: 'pro' });
    const asked = await person.command('change', { ...STARTER, when: 'now' });
    expect(viewOf(asked)).toMatchObject({ plan: 'starter', state: 'trialing' });
  });

  it('what was used in a trial is free, also where it reaches Stripe when the trial is over', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO);
    await server.advance(13.9);
    await server.services.usage.record([{ userId: person.id, meter: METER, quantity: 700 }]);
    await server.advance(0.1 + 2 / 24);
    await server.services.usage.flush();
    await server.advance(32);
    const paid = (await person.invoices()).map(({ total }) => total);
    expect(paid).toEqual([5_000, 5_000, 0]);
  });
});
