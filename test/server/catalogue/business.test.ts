import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomFrom } from '../../support/random.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { sizeOf } from '../../support/sizes.ts';
import { newPerson, type Person, type Quote } from '../billing/person.ts';
import { costOf, CURRENCIES, makeBusiness, type Business, type KnownPrice } from './business.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const random = randomFrom(SEED);
const PAIRS = sizeOf({ sample: 14, full: 300 });

interface Item {
  price: KnownPrice;
  quantity: number;
}

describe(`A catalogue of 5 plans, 4 intervals, 3 currencies, 3 add-ons and 3 generations of prices (SEED=${SEED})`, () => {
  let server: TestServer;
  let business: Business;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      prepare: async (stripe, account) => {
        business = await makeBusiness(stripe, account, random);
        return business.env;
      },
    });
  });
  afterAll(() => server.close());

  const offeredFor = (seller: string, interval: string): KnownPrice => {
    const found = business.offered.find(
      (each) => each.seller === seller && each.interval === interval,
    );
    if (!found) throw new Error(`${seller} is not sold ${interval}`);
    return found;
  };
  const plansOf = (prices: readonly KnownPrice[]) =>
    prices.filter(({ seller }) => !['storage', 'support', 'sso'].includes(seller));

  /** Buys at Stripe, as one who came before: a price of any generation, in any currency. */
  async function subscribed(items: readonly Item[], currency: string): Promise<Person> {
    const person = newPerson(server);
    // The first call makes the customer.
    await person.post('checkout', { plan: 'solo', interval: 'monthly', currency });
    const customer = await person.customerId();
    await person.useCard('pm_card_visa');
    await server.stripe.subscriptions.create({
      customer,
      currency,
      items: items.map(({ price, quantity }) => ({ price: price.id, quantity })),
      metadata: { user_id: person.id },
    });
    await server.settled();
    return person;
  }

  /** A wish that is allowed: another plan, interval, number of seats, or other add-ons. */
  function wish(now: readonly Item[]): { choice: object; wanted: Item[] } {
    const [plan, ...addons] = now as [Item, ...Item[]];
    const isOther = random.chance(0.75);
    const target = isOther ? random.pick(plansOf(business.offered)) : plan.price;
    const quantity = random.chance(0.5) ? 1 + random.below(6) : plan.quantity;
    const wishes = Object.fromEntries(
      [['storage', 4] as const, ['support', 2] as const, ['sso', 2] as const]
        .filter(() => random.chance(0.4))
        .map(([id, below]) => [id, random.below(below)]),
    );
    const isOwn = target.seller === plan.price.seller && target.interval === plan.price.interval;
    const kept = addons.filter(({ price }) => wishes[price.seller] === undefined);
    const wanted = [
      { price: isOwn ? plan.price : target, quantity },
      ...kept.map(({ price, quantity: count }) => ({
        price: offeredFor(price.seller, target.interval),
        quantity: count,
      })),
      ...Object.entries(wishes)
        .filter(([, count]) => count > 0)
        .map(([id, count]) => ({ price: offeredFor(id, target.interval), quantity: count })),
    ];
    const choice = {
      plan: target.seller,
      interval: target.interval,
      quantity,
      ...(Object.keys(wishes).length > 0 ? { addons: wishes } : {}),
    };
    return { choice, wanted };
  }

  const sumOf = (items: readonly Item[], currency: string) =>
    items.reduce((sum, { price, quantity }) => sum + costOf(price, currency, quantity), 0);
  const told = (items: readonly Item[]) =>
    items.map(({ price, quantity }) => `${price.id} × ${quantity}`).toSorted();
  async function atStripe(person: Person): Promise<string[]> {
    const { items } = await person.atStripe();
    const bought = items.data.filter(({ price }) => price.recurring?.usage_type !== 'metered');
    return bought.map(({ price, quantity }) => `${price.id} × ${quantity}`).toSorted();
  }

  interface Changed {
    person: Person;
    currency: string;
    /** What is held once the change has taken effect. */
    wanted: Item[];
    quote: Quote;
    words: string;
    /** When it takes effect in ms; null at once. */
    at: number | null;
  }

  async function change(person: Person, currency: string, now: readonly Item[]): Promise<Changed> {
    const { choice, wanted } = wish(now);
    const words = `${currency}: ${told(now).join(', ')} → ${JSON.stringify(choice)}`;
    const preview = await person.command('preview', choice);
    expect(preview.status, `${words} ${preview.text}`).toBe(200);
    const quote = preview.json as unknown as Quote;
    expect(quote.currency, words).toBe(currency);
    expect(quote.nextAmount, words).toBe(sumOf(wanted, currency));
    const before = await person.invoices();
    const { prorationDate } = quote;
    const answer = await person.command('change', { ...choice, prorationDate });
    expect(answer.status, `${words} ${answer.text}`).toBe(202);
    await server.settled();
    const after = await person.invoices();
    const made = after.slice(0, after.length - before.length);
    expect(
      made.reduce((sum, invoice) => sum + invoice.amount_paid, 0),
      words,
    ).toBe(quote.amountDue);
    const isLater = quote.effective === 'period_end' && told(wanted).join() !== told(now).join();
    expect(await atStripe(person), words).toEqual(told(isLater ? now : wanted));
    const view = await person.subscription();
    if (!isLater) return { person, currency, wanted, quote, words, at: null };
    expect(made, words).toEqual([]);
    expect(view.state, words).toBe('downgrading');
    return {
      person,
      currency,
      wanted,
      quote,
      words,
      at: Date.parse(String(view.pendingChange?.at)),
    };
  }

  async function revenueOf(person: Person): Promise<number> {
    const { id } = await person.subscription();
    const row: { mrr: number } = await server.database.knex('subscriptions').where({ id }).first();
    return row.mrr;
  }

  const PER_MONTH: Record<string, number> = {
    weekly: 52 / 12,
    monthly: 1,
    quarterly: 1 / 3,
    yearly: 1 / 12,
  };

  it(
    `charges ${PAIRS} random changes as previewed, to the cent, and as the file says`,
    async () => {
      const changed: Changed[] = [];
      for (let count = 0; count < PAIRS; count += 1) {
        const currency = random.pick(CURRENCIES);
        const all = plansOf([...business.offered, ...business.former, ...business.custom]);
        const plan = { price: random.pick(all), quantity: 1 + random.below(5) };
        const addons = ['storage', 'sso']
          .filter(() => random.chance(0.3))
          .map((id) => ({ price: offeredFor(id, plan.price.interval), quantity: 1 }));
        const now = [plan, ...addons];
        const person = await subscribed(now, currency);
        const one = await change(person, currency, now);
        changed.push(one);
        // All of the period is left: what was paid comes back, what is new is paid in full.
        if (one.quote.prorationDate !== null) {
          const due = sumOf(one.wanted, currency) - sumOf(now, currency);
          expect(one.quote.debit - one.quote.credit, one.words).toBe(due);
          // Stripe charges 50 cents or yen at least; less is kept for the next invoice.
          expect(one.quote.amountDue, one.words).toBe(due < 50 ? 0 : due);
        }
        const held = one.at === null ? one.wanted : now;
        const month = held.map(({ price, quantity }) =>
          Math.round(costOf(price, currency, quantity) * (PER_MONTH[price.interval] ?? 0) + 1e-9),
        );
        expect(await revenueOf(person), one.words).toBe(month.reduce((sum, each) => sum + each, 0));
      }
      expect(changed.some(({ quote }) => quote.prorationDate !== null)).toBe(true);
      // And again in the middle of a period, from what the first change led to.
      await server.advance(3);
      for (const { person, currency, wanted, at } of changed) {
        if (at === null && random.chance(0.5)) changed.push(await change(person, currency, wanted));
      }
      const soon = changed.filter(({ at }) => at !== null && at < Date.now() + 32 * 86_400_000);
      for (let days = 0; days < 30 && soon.length > 0; days += 10) await server.advance(10);
      for (const { person, wanted, quote, words, at } of soon) {
        expect(await atStripe(person), words).toEqual(told(wanted));
        const made = (await person.invoices()).filter(({ created }) => created * 1000 >= (at ?? 0));
        expect(made.at(-1)?.total, words).toBe(quote.nextAmount);
        expect(made.at(-1)?.currency, words).toBe(quote.currency);
      }
    },
    60_000 + PAIRS * 2_000,
  );
});
