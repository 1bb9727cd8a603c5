import type { Stripe } from 'stripe';
import type { MrrPlans } from './mrr-plans.ts';

/** Amounts in thousandths of a minor unit: no price of the tests has more decimals. */
type Milli = bigint;

const milli = (value: Stripe.Decimal | null | undefined): Milli => {
  const [whole = '0', part = ''] = String(value ?? '0').split('.');
  return BigInt(whole) * 1_000n + BigInt(part.padEnd(3, '0'));
};

const halfUp = (numerator: bigint, denominator: bigint): bigint =>
  (2n * numerator + denominator) / (2n * denominator);

type Amounts = Pick<Stripe.Price.Tier, 'unit_amount_decimal' | 'flat_amount_decimal'>;

/** One line of an invoice: what so many cost, to the minor unit. */
const line = (amounts: Amounts, units: bigint): bigint =>
  halfUp(milli(amounts.unit_amount_decimal) * units, 1_000n) +
  halfUp(milli(amounts.flat_amount_decimal), 1_000n);

/** What so many cost for one interval: a line for each tier that is reached, as on Stripe's invoices. */
function intervalCharge(price: Stripe.Price, quantity: number, currency: string): bigint {
  const option = price.currency_options?.[currency];
  const { transform_quantity: packs, tiers } = price;
  const units = BigInt(packs ? Math.ceil(quantity / packs.divide_by) : quantity);
  if (!tiers) {
    const { unit_amount_decimal } = price.currency === currency ? price : (option ?? price);
    return line({ unit_amount_decimal, flat_amount_decimal: null }, units);
  }
  let [from, sum] = [0n, 0n];
  for (const tier of tiers) {
    const upTo = tier.up_to === null ? units : BigInt(tier.up_to);
    if (price.tiers_mode === 'volume') {
      if (units <= upTo) return line(tier, units);
    } else if (units > from) {
      sum += line(tier, (units < upTo ? units : upTo) - from);
    }
    from = upTo;
  }
  return sum;
}

/** What a month is in an interval of the prices of the tests. */
const monthsOf = ({ interval, interval_count }: Stripe.Price.Recurring): bigint =>
  BigInt((interval === 'year' ? 12 : 1) * interval_count);

/** The MRR by currency and plan, told apart from the program: from Stripe's objects alone. `usd` and the like are the sums. */
export async function mrrAtStripe(
  stripe: Stripe,
  { plans, metered }: Pick<MrrPlans, 'plans' | 'metered'>,
  testClock: string,
): Promise<Map<string, number>> {
  const prices = new Map<string, Stripe.Price>();
  const expand = ['data.tiers', 'data.currency_options'];
  for await (const price of stripe.prices.list({ limit: 100, expand })) prices.set(price.id, price);
  const sums = new Map<string, number>();
  const wish = { status: 'all', limit: 100, test_clock: testClock } as const;
  for await (const subscription of stripe.subscriptions.list(wish)) {
    const { status, pause_collection, items, currency } = subscription;
    if (!['active', 'past_due'].includes(status) || pause_collection) continue;
    const plan = items.data.map(({ price }) => plans.get(price.id)).find(Boolean) ?? '';
    for (const {
      price: { id },
      quantity,
    } of items.data) {
      if (id === metered) continue;
      const price = prices.get(id);
      if (!price?.recurring) throw new Error(`The price ${id} is not listed`);
      const charge = intervalCharge(price, quantity ?? 1, currency);
      const amount = Number(halfUp(charge, monthsOf(price.recurring)));
      for (const key of [`${currency} ${plan}`, currency]) {
        sums.set(key, (sums.get(key) ?? 0) + amount);
      }
    }
  }
  return sums;
}
