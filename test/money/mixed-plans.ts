import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stripe } from 'stripe';

/** Name of the meter of the plans whose intervals are mixed. */
export const METER = 'api_calls';

/** `small` and `big`, monthly (2000, 5000) and yearly (20000, 50000), each with a monthly meter of half a cent a call; and `lifetime`, which is `small` for ever. */
export async function mixedPlans(stripe: Stripe): Promise<Record<string, string>> {
  const product = (await stripe.products.create({ name: 'Mixed' })).id;
  const meter = await stripe.billing.meters.create({
    display_name: 'API calls',
    event_name: METER,
    default_aggregation: { formula: 'sum' },
  });
  const flat = async (unit_amount: number, interval: 'month' | 'year') =>
    (await stripe.prices.create({ product, currency: 'usd', unit_amount, recurring: { interval } }))
      .id;
  const calls = await stripe.prices.create({
    product,
    currency: 'usd',
    unit_amount_decimal: Stripe.Decimal.from('0.5'),
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
  });
  const addon = await flat(2_100, 'month');
  const meters = [{ meter: METER, priceId: calls.id, reportedBy: 'user' }];
  const plan = async (id: string, rank: number, amount: number) => ({
    id,
    name: id,
    rank,
    features: [],
    limits: {},
    prices: { monthly: await flat(amount, 'month'), yearly: await flat(amount * 10, 'year') },
    seats: { min: 1, max: 50 },
    meters,
  });
  const plans = [await plan('small', 1, 2_000), await plan('big', 2, 5_000)];
  const file = join(mkdtempSync(join(tmpdir(), 'tenure-plans-')), 'plans.json');
  const once = await stripe.prices.create({ product, currency: 'usd', unit_amount: 9_900 });
  const grants = { plan: 'small' };
  const products = [{ id: 'lifetime', name: 'For ever', priceId: once.id, once: true, grants }];
  writeFileSync(file, JSON.stringify({ plans, products }));
  return { PLANS_FILE: file, ADDON_PRICE_ID: addon };
}
