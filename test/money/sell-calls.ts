import { Stripe } from 'stripe';

export const METER = 'api_calls';

/** Pro as it is sold by default, with its meter: half a cent a call. */
export async function sellCalls(stripe: Stripe): Promise<Record<string, string>> {
  const meter = await stripe.billing.meters.create({
    display_name: 'API calls',
    event_name: METER,
    default_aggregation: { formula: 'sum' },
  });
  const product = (await stripe.products.create({ name: 'Calls' })).id;
  const price = await stripe.prices.create({
    product,
    currency: 'usd',
    unit_amount_decimal: Stripe.Decimal.from('0.5'),
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
  });
  return { STRIPE_PRO_API_CALLS_PRICE_ID: price.id };
}
