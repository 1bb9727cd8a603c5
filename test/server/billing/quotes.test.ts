import { Stripe } from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { advanceClock } from '../../../scripts/testing/clock.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, refusal, STARTER, viewOf, type Person, type Quote } from './person.ts';
import { stripeSwitches } from './stripe-calls.ts';

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

const seconds = (iso: string) => Date.parse(`${iso}Z`) / 1000;
const monthly = (plan: string) => ({ plan, interval: 'monthly' });
const yearly = (plan: string) => ({ plan, interval: 'yearly' });

describe.each(ROUTE_DIALECTS)('A quote on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: dialect,
      emulator,
      env: { TRIAL_DAYS: '0' },
      startAt: seconds('2025-01-01T00:00:00'),
    });
    await sell('small', { unit_amount: 999 });
    await sell('large', { unit_amount: 2999 });
    await sell('one-year', { unit_amount: 12_000 }, 'year');
    await sell('two-years-worth', { unit_amount: 24_000 }, 'year');
    await sell('kihon', { unit_amount: 980, currency: 'jpy' });
    await sell('joukyuu', { unit_amount: 1980, currency: 'jpy' });
    await sell('fraction', { unit_amount_decimal: Stripe.Decimal.from('12.5') });
  });
  afterAll(() => server.close());
  const people: Person[] = [];
  afterEach(async () => {
    // No customer of an earlier test renews while the worked examples travel through their year.
    for (const person of people.splice(0)) await person.command('cancel', { when: 'now' });
  });

  /** Adds a plan to the catalogue, each bigger than the one before. */
  async function sell(
    id: string,
    price: Partial<Stripe.PriceCreateParams>,
    interval: 'month' | 'year' = 'month',
  ): Promise<void> {
    const product = await server.stripe.products.create({ name: id });
    const made = await server.stripe.prices.create({
      product: product.id,
      currency: 'usd',
      recurring: { interval },
      ...price,
    });
    const { plans } = server.services.catalogue;
    const sold = { priceId: made.id, amount: made.unit_amount, currency: made.currency };
    plans.push({
      id,
      name: id,
      rank: plans.length + 1,
      features: [],
      limits: {},
      prices: interval === 'month' ? { monthly: sold } : { yearly: sold },
      seats: { min: 1 },
    });
  }

  async function travelTo(iso: string): Promise<void> {
    const clock = String(server.env['STRIPE_TEST_CLOCK']);
    await advanceClock(server.stripe, clock, seconds(iso));
    await server.settled();
    await until(() => Promise.resolve(server.services.clock.now() === seconds(iso) * 1000));
  }

  async function subscriber(choice: object): Promise<Person> {
    const person = newPerson(server);
    people.push(person);
    expect(await person.subscribe(choice)).toMatchObject({ state: 'active' });
    return person;
  }

  /** Quotes a change, makes it, and compares with what was charged, line by line. */
  async function charged(person: Person, choice: object): Promise<Quote> {
    const { quote, answer } = await person.changeTo(choice);
    expect(answer.status, answer.text).toBe(202);
    const [invoice] = await person.invoices();
    expect(invoice).toMatchObject({ status: 'paid', amount_paid: quote.amountDue });
    expect(invoice?.lines.data.map(({ amount }) => amount)).toEqual(
      quote.lines.map(({ amount }) => amount),
    );
    for (const amount of [quote.amountDue, quote.credit, quote.debit, quote.nextAmount]) {
      expect(Number.isInteger(amount)).toBe(true);
    }
    await person.command('cancel', { when: 'now' });
    return quote;
  }

  it('of a change after which no renewal will come says that it costs nothing', async () => {
    const [person, former] = [await subscriber(monthly('small')), await subscriber(STARTER)];
    const { id: ended } = await former.subscription();
    await former.command('cancel', { when: 'now' });
    const { stripe } = server.services;
    const preview = stripe.previewChange;
    // What Stripe says when nothing is to come.
    stripe.previewChange = (request) =>
      request.prorationDate === null ? stripe.previewRenewal(ended) : preview(request);
    const answer = await person.command('preview', monthly('large'));
    stripe.previewChange = preview;
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json).toMatchObject({ currency: 'usd', nextAmount: 0 });
    await person.command('cancel', { when: 'now' });
  });

  it('is charged to the cent in the worked examples', async () => {
    const january = await subscriber(monthly('small'));
    const wholeYear = await subscriber(yearly('one-year'));
    await travelTo('2025-01-15T00:00:00');
    expect(await charged(january, monthly('large'))).toMatchObject({
      credit: 548,
      debit: 1645,
      amountDue: 1097,
      nextAmount: 2999,
    });
    await travelTo('2025-10-01T00:00:00');
    expect(await charged(wholeYear, yearly('two-years-worth'))).toMatchObject({
      credit: 3025,
      debit: 6049,
      amountDue: 3024,
    });
    await travelTo('2025-11-01T00:00:00');
    const [first, second] = [await subscriber(STARTER), await subscriber(STARTER)];
    const japan = await subscriber(monthly('kihon'));
    const eighths = await subscriber({ ...monthly('fraction'), quantity: 8 });
    await travelTo('2025-11-11T00:00:00');
    // Zero-decimal: the yen is the smallest unit.
    expect(await charged(japan, monthly('joukyuu'))).toMatchObject({
      currency: 'jpy',
      credit: 653,
      debit: 1320,
      amountDue: 667,
      nextAmount: 1980,
    });
    await travelTo('2025-11-11T12:34:56');
    expect(await charged(first, PRO)).toMatchObject({ credit: 1298, debit: 3246, amountDue: 1948 });
    await travelTo('2025-11-11T12:44:56');
    expect(await charged(second, PRO)).toMatchObject({
      credit: 1298,
      debit: 3245,
      amountDue: 1947,
    });
    // Half a period of 8, then of 24 seats at 12.5 cents.
    await travelTo('2025-11-16T00:00:00');
    expect(await charged(eighths, { quantity: 24 })).toMatchObject({
      credit: 50,
      debit: 150,
      amountDue: 100,
      nextAmount: 300,
    });
  });

  it('counts with the credit balance: it is used first, and what it covers is not charged', async () => {
    const person = await subscriber(STARTER);
    await server.stripe.customers.createBalanceTransaction(await person.customerId(), {
      amount: -1000,
      currency: 'usd',
    });
    const { quote, answer } = await person.changeTo(PRO);
    expect(quote).toMatchObject({ debit: 5000, credit: 2000, fromBalance: 1000, amountDue: 2000 });
    expect(answer.status).toBe(202);
    expect((await person.invoices())[0]).toMatchObject({ amount_paid: 2000, total: 3000 });
  });

  it('of a bigger plan for a shorter time: a new month now, and what the year had left as credit', async () => {
    const person = await subscriber({ plan: 'starter', interval: 'yearly' });
    const { quote, answer } = await person.changeTo(PRO);
    expect(quote).toMatchObject({
      kind: 'upgrade',
      effective: 'now',
      debit: 5000,
      credit: 20_000,
      amountDue: 0,
      nextAmount: 5000,
    });
    expect(viewOf(answer)).toMatchObject({ state: 'active', plan: 'pro', interval: 'monthly' });
    expect((await person.get('credit')).json).toMatchObject({ balance: 15_000 });
  });

  it('is refused for a plan in another currency, before anything is asked of Stripe', async () => {
    const person = await subscriber(STARTER);
    const refused = await person.command('preview', monthly('kihon'));
    expect(refusal(refused)).toEqual([400, 'invalid_request']);
    expect(refused.text).toContain('billed in USD');
  });

  it('that cannot be made is an error, never a price of zero (lesson 16)', async () => {
    const person = await subscriber(STARTER);
    const stripe = stripeSwitches(server);
    const read = { method: 'GET', path: '/v1/subscriptions/*' };
    const away = { call: read, skip: 0, when: 'before', times: 20 } as const;
    const refused = await stripe.during(away, () => person.command('cancel'));
    expect(refusal(refused)).toEqual([502, 'stripe_unavailable']);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    await until(() => Promise.resolve(server.services.engine.reader.pausedUntil() === 0));
    const call = { method: 'POST', path: '/v1/invoices/create_preview' };
    // The SDK tries three times; every one fails.
    const trouble = { call, skip: 0, when: 'before', times: 6 } as const;
    const answers = await stripe.during(trouble, async () => [
      await person.command('preview', PRO),
      await person.get('invoices/upcoming'),
    ]);
    expect(answers.map(refusal)).toEqual(answers.map(() => [502, 'stripe_unavailable']));
    for (const { json } of answers) expect(json).toEqual({ error: expect.anything() });
  });

  it('holds only for what it was made for: seats kept are not seats asked for', async () => {
    const person = await subscriber({ ...PRO, quantity: 2 });
    const yearlyPro = { plan: 'pro', interval: 'yearly' };
    const { prorationDate } = (await person.command('preview', yearlyPro)).json;
    await person.changeTo({ quantity: 4 }, 'quantity');
    expect(refusal(await person.command('change', { ...yearlyPro, prorationDate }))).toEqual([
      409,
      'quote_expired',
    ]);
    const { quote, answer } = await person.changeTo(yearlyPro);
    expect(quote.debit).toBe(200_000);
    expect(viewOf(answer)).toMatchObject({ interval: 'yearly', quantity: 4 });
  });
});
