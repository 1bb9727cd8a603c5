import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, refusal, STARTER, viewOf, type Person } from './person.ts';
import { stripeSwitches } from './stripe-calls.ts';

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

describe.each(ROUTE_DIALECTS)('Beside the plan on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    const env = { TRIAL_DAYS: '0', AUTOMATIC_TAX: 'true' };
    server = await startTestServer({ database: dialect, emulator, env });
    const product = await server.stripe.products.create({ name: 'Book' });
    const unit = { product: product.id, currency: 'jpy', unit_amount: 980 };
    const price = await server.stripe.prices.create(unit);
    const sold = { priceId: price.id, amount: 980, currency: 'jpy' };
    server.services.catalogue.products.push({ id: 'book', name: 'Book', ...sold });
  });
  afterAll(() => server.close());

  async function subscriber(choice: object = PRO): Promise<Person> {
    const person = newPerson(server);
    expect(await person.subscribe(choice)).toMatchObject({ state: 'active' });
    return person;
  }

  describe('A one-time payment', () => {
    it('opens one page for a double click, is paid on it, and has an invoice', async () => {
      const person = newPerson(server);
      const buy = () => person.post('payments', { product: 'book', quantity: 3 });
      const [one, two] = await Promise.all([buy(), buy()]);
      expect(one?.status).toBe(200);
      expect(two?.json).toEqual(one?.json);
      const other = await person.post('payments', { product: 'book' });
      expect(other.json['sessionId']).not.toBe(one?.json['sessionId']);
      await payCheckout(String(one?.json['url']));
      await server.settled();
      const listed = (await person.get('invoices')).json['invoices'];
      expect(listed).toMatchObject([{ status: 'paid', total: 2940, currency: 'jpy' }]);
      expect(await person.subscription()).toBeNull();
      // Paid is done; the same again is another purchase.
      expect((await buy()).json['sessionId']).not.toBe(one?.json['sessionId']);
    });

    it('is refused for what is not sold', async () => {
      const person = newPerson(server);
      expect(refusal(await person.post('payments', { product: 'car' }))).toEqual([
        400,
        'unknown_product',
      ]);
      expect(refusal(await person.post('payments', { product: 'book', quantity: 0.5 }))).toEqual([
        400,
        'invalid_request',
      ]);
    });
  });

  describe('A promotion code', () => {
    const make = (body: object) =>
      server.call('POST', '/api/billing/promotion-codes', { admin: true, body });

    it('is made by an admin, shown to whoever types it, and taken off the price', async () => {
      const made = await make({ code: 'HALF', percentOff: 50, duration: 'forever' });
      expect([made.status, made.json]).toMatchObject([201, { code: 'HALF', percentOff: 50 }]);
      const person = await subscriber({ ...PRO, promotionCode: 'HALF' });
      expect((await person.get('promotion-codes/HALF')).json).toMatchObject({
        duration: 'forever',
      });
      expect(refusal(await person.get('promotion-codes/NOPE'))).toEqual([404, 'not_found']);
      expect((await person.invoices())[0]).toMatchObject({ total: 2500 });
      // A change that waits for its time keeps it.
      await person.changeTo(STARTER);
      await server.advance(32);
      expect((await person.invoices())[0]).toMatchObject({ total: 1000 });
    });

    it('is put on a running subscription, replaced and taken off; the quote knows it', async () => {
      await make({ code: 'LESS5', amountOff: 500, currency: 'usd', duration: 'forever' });
      await make({ code: 'TENTH', percentOff: 10, duration: 'repeating', months: 3 });
      const person = await subscriber();
      const discount = (promotionCode: string | null) =>
        person.command('discount', { promotionCode });
      const upcoming = async () => (await person.get('invoices/upcoming')).json['invoice'];
      const answers = await Promise.all([discount('LESS5'), discount('LESS5')]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(await upcoming()).toMatchObject({ total: 4500 });
      expect((await discount('TENTH')).status).toBe(200);
      expect(await upcoming()).toMatchObject({ total: 4500 });
      expect((await person.command('preview', STARTER)).json).toMatchObject({ nextAmount: 1800 });
      expect((await discount(null)).status).toBe(200);
      expect(await upcoming()).toMatchObject({ total: 5000 });
    });

    it('that is unknown, used up or made wrongly is refused', async () => {
      await make({ code: 'ONCE', percentOff: 10, maxRedemptions: 1 });
      const [first, second] = [await subscriber(), await subscriber()];
      const use = (person: Person, promotionCode: string) =>
        person.command('discount', { promotionCode });
      const twice = await Promise.all([use(first, 'ONCE'), use(first, 'ONCE')]);
      expect(twice.map(({ status }) => status)).toEqual([200, 200]);
      expect(refusal(await use(second, 'ONCE'))).toEqual([400, 'unknown_promotion_code']);
      expect(refusal(await use(second, 'NOPE'))).toEqual([400, 'unknown_promotion_code']);
      expect(refusal(await use(newPerson(server), 'ONCE'))).toEqual([409, 'not_allowed']);
      const wrong = [
        { code: 'X' },
        { code: 'X', percentOff: 10, amountOff: 1, currency: 'usd' },
        { code: 'X', amountOff: 100 },
        { code: 'X', percentOff: 10, duration: 'repeating' },
        { code: 'X', amountOff: 0.5, currency: 'usd' },
      ];
      for (const body of wrong) expect(refusal(await make(body))).toEqual([400, 'invalid_request']);
      await make({ code: 'TWICE', percentOff: 10 });
      const coupons = (await server.stripe.coupons.list({ limit: 100 })).data.length;
      expect(refusal(await make({ code: 'TWICE', percentOff: 20 }))).toEqual([
        400,
        'invalid_request',
      ]);
      // Nothing is left of it.
      expect((await server.stripe.coupons.list({ limit: 100 })).data).toHaveLength(coupons);
    });
  });

  describe('Automatic tax', () => {
    it('is asked of Stripe for all that is sold, when it is configured', async () => {
      const { lastBody } = stripeSwitches(server);
      const asked = async (path: string) => (await lastBody(path)).get('automatic_tax[enabled]');
      const person = await subscriber();
      const checkout = await lastBody('/v1/checkout/sessions');
      expect(checkout.get('automatic_tax[enabled]')).toBe('true');
      // Stripe Tax needs an address, and Checkout is where it is given.
      expect(checkout.get('customer_update[address]')).toBe('auto');
      await person.command('cancel', { when: 'now' });
      await person.command('reactivate', PRO);
      expect(await asked('/v1/subscriptions')).toBe('true');
      const items = [{ description: 'Setup', amount: 4000, currency: 'usd' }];
      await person.asAdmin('invoices', { userId: person.id, items, collection: 'charge' });
      expect(await asked('/v1/invoices')).toBe('true');
      await newPerson(server).post('payments', { product: 'book' });
      expect(await asked('/v1/checkout/sessions')).toBe('true');
    });
  });

  describe('The portal', () => {
    const open = async (person: Person, body: object = {}) =>
      String((await person.post('portal', body)).json['url']);
    const send = (url: string, form: Record<string, string>) =>
      fetch(url, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' });

    it('leads back to the application, and straight to one task when asked', async () => {
      const person = await subscriber();
      const home = await (await fetch(await open(person))).text();
      expect(home).toContain(`${server.url}/billing`);
      const cancel = await fetch(await open(person, { flow: 'subscription_cancel' }));
      expect(cancel.url).toMatch(/\/subscriptions\/sub_\w+\/cancel/);
      const card = await fetch(await open(person, { flow: 'payment_method_update' }));
      expect(card.url).toMatch(/payment-methods\/add/);
      const former = await subscriber();
      await former.command('cancel', { when: 'now' });
      const refused = await former.post('portal', { flow: 'subscription_cancel' });
      expect(refusal(refused)).toEqual([409, 'not_allowed']);
      expect(refusal(await newPerson(server).post('portal'))).toEqual([409, 'no_billing_account']);
    });

    it('cancels with `cancel_at` alone; that arrives, and can be taken back here', async () => {
      const person = await subscriber();
      const { id } = await person.subscription();
      const url = await open(person);
      await send(`${url}/subscriptions/${id}/cancel`, { feedback: 'too_expensive' });
      await server.settled();
      const view = await person.subscription();
      expect(view).toMatchObject({ state: 'cancel_pending', cancelAt: view.currentPeriodEnd });
      const there = await person.atStripe();
      expect([there.cancel_at === null, there.cancel_at_period_end]).toEqual([false, false]);
      const back = await person.command('resume');
      expect(viewOf(back)).toMatchObject({ state: 'active', cancelAt: null });
    });

    it('changes the plan; that arrives like any other change', async () => {
      const person = await subscriber(STARTER);
      const { id, priceId } = await person.subscription();
      const price = String(server.env['STRIPE_PRO_MONTHLY_PRICE_ID']);
      const prices = [price, priceId ?? ''].map((each) => server.stripe.prices.retrieve(each));
      const products = (await Promise.all(prices)).map((each) => ({
        product: typeof each.product === 'string' ? each.product : each.product.id,
        prices: [each.id],
      }));
      const { stripe: settings } = server.services.config;
      const made = await server.stripe.billingPortal.configurations.create({
        features: {
          subscription_update: {
            enabled: true,
            default_allowed_updates: ['price', 'quantity'],
            proration_behavior: 'always_invoice',
            products,
          },
        },
      });
      settings.portalConfiguration = made.id;
      const url = await open(person);
      settings.portalConfiguration = null;
      await send(`${url}/subscriptions/${id}/update`, { price, quantity: '1' });
      await server.settled();
      const moved = await server.database
        .knex('transitions')
        .where({ subscription_id: id, event: 'upgraded' });
      expect(await person.subscription()).toMatchObject({ state: 'active', plan: 'pro' });
      expect(moved).toMatchObject([
        { cause_type: 'event', unexpected: expect.toSatisfy((x) => !x) },
      ]);
    });

    it('without a configuration says how to make one', async () => {
      const person = await subscriber();
      const { settings } = stripeSwitches(server);
      await settings({ defaultPortalConfiguration: false });
      try {
        const refused = await person.post('portal');
        expect(refusal(refused)).toEqual([500, 'portal_not_configured']);
        expect(refused.text).toContain('Customer portal');
      } finally {
        await settings({ defaultPortalConfiguration: true });
      }
    });
  });
});
