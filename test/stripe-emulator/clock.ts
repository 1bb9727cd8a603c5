import type { Stripe } from 'stripe';
import { advanceClock } from '../../scripts/testing/clock.ts';

/** Unix seconds of a UTC moment: `utc('2025-11-11T12:34:56')`. */
export const utc = (text: string): number =>
  Date.parse(text.includes('T') ? `${text}Z` : text) / 1000;

/** A customer on a test clock of its own, with a card, and the means to travel. */
export interface Traveller {
  customer: Stripe.Customer;
  clock: string;
  /** Advances the clock and waits until it is ready. */
  to: (time: string) => Promise<void>;
  /** Types of the events since the last call, oldest first, without those of the clock. */
  news: () => Promise<string[]>;
}

/** Makes a traveller; `card` null leaves the customer without a method. */
export async function traveller(
  stripe: Stripe,
  start: string,
  card: string | null = 'pm_card_visa',
): Promise<Traveller> {
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: utc(start) });
  const customer = await stripe.customers.create({
    test_clock: clock.id,
    email: 'ada@example.test',
    ...(card === null
      ? {}
      : { payment_method: card, invoice_settings: { default_payment_method: card } }),
  });
  const seen = new Set<string>();
  const news = async () => {
    const all = await stripe.events.list({ limit: 100 }).autoPagingToArray({ limit: 1_000 });
    const fresh = all.filter((event) => !seen.has(event.id)).toReversed();
    for (const event of fresh) seen.add(event.id);
    return fresh.map((event) => event.type).filter((type) => !type.startsWith('test_helpers'));
  };
  await news();
  return {
    customer,
    clock: clock.id,
    news,
    to: (time) => advanceClock(stripe, clock.id, utc(time)),
  };
}

/** A recurring price of a new product. */
export async function recurringPrice(
  stripe: Stripe,
  amount: number,
  options: { currency?: string; interval?: 'month' | 'year'; name?: string } = {},
): Promise<string> {
  const { currency = 'usd', interval = 'month', name = 'Plan' } = options;
  const product = await stripe.products.create({ name });
  const price = await stripe.prices.create({
    product: product.id,
    currency,
    unit_amount: amount,
    recurring: { interval },
  });
  return price.id;
}

/** The invoice of an answer in which it was expanded. */
export function invoiceOf(subscription: Stripe.Subscription): Stripe.Invoice {
  const invoice = subscription.latest_invoice;
  if (invoice === null || typeof invoice === 'string') throw new Error('not expanded');
  return invoice;
}

/** The first item of a subscription. */
export function itemOf(subscription: Stripe.Subscription): Stripe.SubscriptionItem {
  const [item] = subscription.items.data;
  if (item === undefined) throw new Error('no item');
  return item;
}
