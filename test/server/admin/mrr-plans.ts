import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stripe } from 'stripe';

type Recurring = Stripe.PriceCreateParams.Recurring;
const MONTH: Recurring = { interval: 'month' };
const QUARTER: Recurring = { interval: 'month', interval_count: 3 };
const YEAR: Recurring = { interval: 'year' };

const decimal = (text: string) => Stripe.Decimal.from(text);

/** A price for each way in which Stripe counts, by plan and interval; `flat` is sold in euros as well. */
const PRICES: Record<string, Record<string, Omit<Stripe.PriceCreateParams, 'currency'>>> = {
  flat: {
    monthly: {
      recurring: MONTH,
      unit_amount: 2_000,
      currency_options: { eur: { unit_amount: 1_901 } },
    },
    yearly: {
      recurring: YEAR,
      unit_amount: 19_999,
      currency_options: { eur: { unit_amount: 18_889 } },
    },
  },
  decimals: {
    monthly: { recurring: MONTH, unit_amount_decimal: decimal('1234.5') },
    quarterly: { recurring: QUARTER, unit_amount_decimal: decimal('3333.3') },
  },
  graduated: {
    monthly: {
      recurring: MONTH,
      billing_scheme: 'tiered',
      tiers_mode: 'graduated',
      tiers: [
        { up_to: 3, unit_amount: 1_200 },
        { up_to: 'inf', unit_amount_decimal: decimal('899.5'), flat_amount: 500 },
      ],
    },
  },
  volume: {
    yearly: {
      recurring: YEAR,
      billing_scheme: 'tiered',
      tiers_mode: 'volume',
      tiers: [
        { up_to: 4, unit_amount_decimal: decimal('10000.4') },
        { up_to: 'inf', unit_amount_decimal: decimal('8000.25'), flat_amount: 900 },
      ],
    },
  },
  packs: {
    monthly: {
      recurring: MONTH,
      unit_amount: 4_500,
      transform_quantity: { divide_by: 5, round: 'up' },
    },
  },
};

export interface MrrPlans {
  /** Of each price of a plan, which. */
  plans: Map<string, string>;
  /** Sold in euros, too. */
  inEuros: string[];
  /** Monthly, beside a plan that is monthly. */
  addon: string;
  /** Of those that are monthly. */
  monthly: string[];
  /** By usage: no part of what recurs. */
  metered: string;
}

/** Sells them; `PLANS_FILE` of the answer is the catalogue. */
export async function sellMrrPlans(stripe: Stripe): Promise<MrrPlans & { file: string }> {
  const sold: MrrPlans = {
    plans: new Map(),
    inEuros: [],
    addon: '',
    monthly: [],
    metered: '',
  };
  const priceFor = async (product: string, params: Omit<Stripe.PriceCreateParams, 'currency'>) =>
    (await stripe.prices.create({ ...params, product, currency: 'usd' })).id;
  const productOf = async (name: string) => (await stripe.products.create({ name })).id;
  const meter = await stripe.billing.meters.create({
    display_name: 'Calls',
    event_name: 'calls',
    default_aggregation: { formula: 'sum' },
  });
  sold.metered = await priceFor(await productOf('Calls'), {
    unit_amount: 3,
    recurring: { ...MONTH, usage_type: 'metered', meter: meter.id },
  });
  sold.addon = await priceFor(await productOf('Support'), {
    recurring: MONTH,
    unit_amount_decimal: decimal('777.5'),
  });
  const plans = [];
  for (const [rank, [id, byInterval]] of Object.entries(PRICES).entries()) {
    const product = await productOf(id);
    const prices: Record<string, string> = {};
    for (const [interval, params] of Object.entries(byInterval)) {
      const price = await priceFor(product, params);
      prices[interval] = price;
      sold.plans.set(price, id);
      if (params.currency_options) sold.inEuros.push(price);
      if (interval === 'monthly') sold.monthly.push(price);
    }
    plans.push({
      id,
      name: id,
      rank: rank + 1,
      features: [],
      limits: {},
      prices,
      seats: { min: 1, max: 50 },
      ...(id === 'flat' && {
        meters: [{ meter: 'calls', priceId: sold.metered, interval: 'monthly' }],
      }),
    });
  }
  const addons = [
    { id: 'support', name: 'Support', features: [], prices: { monthly: sold.addon }, max: 9 },
  ];
  const file = join(mkdtempSync(join(tmpdir(), 'tenure-plans-')), 'plans.json');
  writeFileSync(file, JSON.stringify({ plans, addons, products: [] }));
  return { ...sold, file };
}
