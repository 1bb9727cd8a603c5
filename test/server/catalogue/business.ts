import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Stripe from 'stripe';
import { setUpAccount } from '../../../server/operations/setup/setup-account.ts';
import { setupOptions } from '../../../server/operations/setup/setup-options.ts';
import type { Random } from '../../support/random.ts';

/** What one costs in minor units, by currency; tiers where the quantity counts. */
export type Amounts = Record<string, number | { upTo: number | null; unit: number }[]>;

/** A price as the test knows it, whatever the server makes of it. */
export interface KnownPrice {
  id: string;
  seller: string;
  interval: string;
  amounts: Amounts;
}

/** The catalogue of a business: what the file says, and every price that was ever sold. */
export interface Business {
  env: Record<string, string>;
  /** Offered now, by plan or add-on and interval. */
  offered: KnownPrice[];
  /** Sold before, at three times. */
  former: KnownPrice[];
  /** Agreed with one customer. */
  custom: KnownPrice[];
}

export const CURRENCIES = ['usd', 'eur', 'jpy'];
export const INTERVALS = ['weekly', 'monthly', 'quarterly', 'yearly'];
const MONTHS: Record<string, number> = { weekly: 0.25, monthly: 1, quarterly: 2.8, yearly: 10 };
const RECURRING = {
  weekly: { interval: 'week', interval_count: 1 },
  monthly: { interval: 'month', interval_count: 1 },
  quarterly: { interval: 'month', interval_count: 3 },
  yearly: { interval: 'year', interval_count: 1 },
} as const;

/** id, amount a month in cents, and whether it has tiers. */
const PLANS: [id: string, cents: number, tiers: boolean][] = [
  ['solo', 999, false],
  ['team', 1950, true],
  ['pro', 4900, false],
  ['business', 9900, true],
  ['enterprise', 24_999, false],
];
const ADDONS: [id: string, cents: number, max: number][] = [
  ['storage', 333, 20],
  ['support', 1999, 1],
  ['sso', 2500, 1],
];

/** Makes it in the account, as setup does, and answers what the server is to be started with. */
export async function makeBusiness(
  stripe: Stripe,
  account: Record<string, string | undefined>,
  random: Random,
): Promise<Business> {
  const path = join(mkdtempSync(join(tmpdir(), 'tenure-business-')), 'plans.json');
  const file = fileOf(random);
  const sell = async () => {
    writeFileSync(path, JSON.stringify(file));
    const env = { ...account, PLANS_FILE: path, APP_URL: undefined };
    const options = setupOptions(env, { portalName: 'test' });
    return (await setUpAccount(options, { dryRun: false })).env;
  };
  const ids = await sell();
  const offered = [...file.plans, ...file.addons].flatMap(({ id, prices }) =>
    Object.entries(prices).map(([interval, spec]) => ({
      id: ids[spec.price.slice(1)] ?? '',
      seller: id,
      interval,
      amounts: amountsOf(spec),
    })),
  );
  const former: KnownPrice[] = [];
  for (const plan of file.plans.filter(({ default: free }) => free !== true)) {
    for (const generation of [1, 2, 3]) {
      const interval = random.pick(INTERVALS);
      const price = await oldPrice(stripe, { plan: plan.id, interval, generation });
      former.push(price);
      plan.formerPrices.push(price.id);
    }
  }
  const custom = [
    await oldPrice(stripe, { plan: 'enterprise', interval: 'yearly', generation: 9 }),
  ];
  await sell();
  return { env: { ...ids, PLANS_FILE: path, TRIAL_DAYS: '0' }, offered, former, custom };
}

async function oldPrice(
  stripe: Stripe,
  of: { plan: string; interval: string; generation: number },
): Promise<KnownPrice> {
  const base = PLANS.find(([id]) => id === of.plan)?.[1] ?? 0;
  const unit = Math.round(base * (MONTHS[of.interval] ?? 1) * (1 - of.generation / 10));
  const amounts = { usd: unit, eur: unit - 7, jpy: unit + 11 };
  const { usd, ...others } = amounts;
  const price = await stripe.prices.create({
    product: `tenure_${of.plan}`,
    currency: 'usd',
    unit_amount: usd,
    currency_options: Object.fromEntries(
      Object.entries(others).map(([currency, unit_amount]) => [currency, { unit_amount }]),
    ),
    recurring: RECURRING[of.interval as keyof typeof RECURRING],
  });
  return { id: price.id, seller: of.plan, interval: of.interval, amounts };
}

interface Spec {
  price: string;
  currency: string;
  amount?: number;
  tiersMode?: string;
  tiers?: { upTo: number | null; unit: number }[];
  currencies: Record<string, { amount?: number; tiers?: { upTo: number | null; unit: number }[] }>;
}

function fileOf(random: Random) {
  const prices = (id: string, cents: number, tiers: boolean): Record<string, Spec> =>
    Object.fromEntries(
      INTERVALS.map((interval) => {
        const cost = (factor: number) => {
          const unit = Math.round(cents * (MONTHS[interval] ?? 1) * factor);
          return tiers
            ? {
                tiers: [
                  { upTo: 3, unit },
                  { upTo: null, unit: Math.round(unit * 0.8) },
                ],
              }
            : { amount: unit };
        };
        return [
          interval,
          {
            price: `$${id.toUpperCase()}_${interval.toUpperCase()}`,
            currency: 'usd',
            ...cost(1),
            ...(tiers ? { tiersMode: 'graduated' } : {}),
            currencies: { eur: cost(0.93), jpy: cost(1.5 + random.next() / 10) },
          },
        ];
      }),
    );
  const meters = ['api_calls', 'exports'].map((meter) => ({
    meter,
    interval: 'monthly',
    priceId: {
      price: `$PRO_${meter.toUpperCase()}`,
      currency: 'usd',
      amount: 2,
      currencies: { eur: { amount: 2 }, jpy: { amount: 3 } },
    },
  }));
  return {
    plans: [
      {
        id: 'free',
        name: 'Free',
        rank: 0,
        default: true,
        prices: {},
        formerPrices: [] as string[],
      },
      ...PLANS.map(([id, cents, tiers], index) => ({
        id,
        name: id,
        rank: index + 1,
        default: undefined as true | undefined,
        features: PLANS.slice(0, index + 1).map(([name]) => `${name}_feature`),
        limits: { projects: (index + 1) * 10 },
        seats: { min: 1, max: 100 },
        prices: prices(id, cents, tiers),
        formerPrices: [] as string[],
        ...(id === 'pro' ? { meters } : {}),
      })),
    ],
    addons: ADDONS.map(([id, cents, max]) => ({
      id,
      name: id,
      max,
      features: [`${id}_feature`],
      limits: id === 'storage' ? { projects: 5 } : {},
      prices: prices(id, cents, false),
    })),
    products: ['lifetime', 'training'].map((id) => ({
      id,
      name: id,
      priceId: { price: `$${id.toUpperCase()}`, currency: 'usd', amount: 9900 },
    })),
  };
}

function amountsOf(spec: Spec): Amounts {
  const others = Object.entries(spec.currencies).map(([currency, { amount, tiers }]) => [
    currency,
    amount ?? tiers ?? 0,
  ]);
  return { [spec.currency]: spec.amount ?? spec.tiers ?? 0, ...Object.fromEntries(others) };
}

/** What a quantity of a price costs for one interval. */
export function costOf({ amounts }: KnownPrice, currency: string, quantity: number): number {
  const cost = amounts[currency] ?? 0;
  if (typeof cost === 'number') return cost * quantity;
  let from = 0;
  let sum = 0;
  for (const { upTo, unit } of cost) {
    sum += Math.max(0, Math.min(quantity, upTo ?? quantity) - from) * unit;
    from = upTo ?? quantity;
  }
  return sum;
}
