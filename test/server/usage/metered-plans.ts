import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stripe } from 'stripe';
import type { PlanFile } from '../../../server/catalogue/plan-file.ts';

/** Name of the meter of the tests' plans. */
export const METER = 'api_calls';

/**
 * A catalogue of every kind of price. `team`: a base fee by the seat, and graduated usage (1,000 free, then 0.25 c,
 * above 10,000 0.1 c). `volume`: a base fee, and usage at the price of its whole volume. `metered`: usage alone, 0.5 c.
 * `counted`: a base fee, 3 c for a job (`count`; told at 3 and 4, at most 6), 10 c for a GB that is stored in the end (`last`), 50 c for the most users at a time (`max`).
 */
export async function meteredPlans(stripe: Stripe): Promise<Record<string, string>> {
  const product = (await stripe.products.create({ name: 'Metered' })).id;
  const meterOf = async (event_name: string, formula: 'sum' | 'last') =>
    (
      await stripe.billing.meters.create({
        display_name: event_name,
        event_name,
        default_aggregation: { formula },
      })
    ).id;
  const [jobs, storage, users] = [
    await meterOf('jobs', 'sum'),
    await meterOf('storage', 'last'),
    await meterOf('users', 'last'),
  ];
  const meter = await stripe.billing.meters.create({
    display_name: 'API calls',
    event_name: METER,
    default_aggregation: { formula: 'sum' },
  });
  const base = { product, currency: 'usd' };
  const flat = async (unit_amount: number) =>
    (await stripe.prices.create({ ...base, unit_amount, recurring: { interval: 'month' } })).id;
  const metered = async (price: Partial<Stripe.PriceCreateParams>, of = meter.id) =>
    (
      await stripe.prices.create({
        ...base,
        ...price,
        recurring: { interval: 'month', usage_type: 'metered', meter: of },
      })
    ).id;
  const graduated = await metered({
    billing_scheme: 'tiered',
    tiers_mode: 'graduated',
    tiers: [
      { up_to: 1_000, unit_amount: 0 },
      { up_to: 10_000, unit_amount_decimal: Stripe.Decimal.from('0.25') },
      { up_to: 'inf', unit_amount_decimal: Stripe.Decimal.from('0.1') },
    ],
  });
  const volume = await metered({
    billing_scheme: 'tiered',
    tiers_mode: 'volume',
    tiers: [
      { up_to: 100, unit_amount: 10 },
      { up_to: 'inf', unit_amount: 5, flat_amount: 200 },
    ],
  });
  const alone = await metered({ unit_amount_decimal: Stripe.Decimal.from('0.5') });
  const plans: PlanFile['plans'] = [
    plan('metered', 1, {
      prices: { monthly: alone },
      meters: [{ meter: METER, priceId: alone, reportedBy: 'user' }],
    }),
    plan('volume', 2, {
      prices: { monthly: await flat(1_000) },
      meters: [{ meter: METER, priceId: volume, reportedBy: 'user' }],
    }),
    plan('counted', 4, {
      prices: { monthly: await flat(500) },
      limits: { users: 10 },
      meters: [
        {
          meter: 'jobs',
          priceId: await metered({ unit_amount: 3 }, jobs),
          aggregation: 'count',
          alerts: [3, 4],
          cap: 6,
        },
        {
          meter: 'storage',
          priceId: await metered({ unit_amount: 10 }, storage),
          aggregation: 'last',
        },
        { meter: 'users', priceId: await metered({ unit_amount: 50 }, users), aggregation: 'max' },
      ],
    }),
    plan('team', 3, {
      prices: { monthly: await flat(2_000) },
      meters: [{ meter: METER, priceId: graduated, reportedBy: 'user' }],
      seats: { min: 1, max: 50 },
      features: ['exports'],
      limits: { projects: 3, [METER]: 100 },
    }),
  ];
  const file = join(mkdtempSync(join(tmpdir(), 'tenure-plans-')), 'plans.json');
  writeFileSync(file, JSON.stringify({ plans }));
  return { PLANS_FILE: file };
}

function plan(
  id: string,
  rank: number,
  more: Pick<PlanFile['plans'][number], 'prices'> & Partial<PlanFile['plans'][number]>,
): PlanFile['plans'][number] {
  return { id, name: id, rank, features: [], limits: {}, ...more };
}

/** Piece `i` of a long run of usage: whose it is and how much. */
export function pieceOf(i: number, customers: number): { user: string; quantity: number } {
  return { user: `user_${i % customers}`, quantity: 1 + (i % 7) };
}
