import type { PlanFile } from './plan-file.ts';
import type { PriceEntry } from './price-entry.ts';

/** What is sold when `PLANS_FILE` names nothing else; the price ids come from the environment. */
export const DEFAULT_PLANS: PlanFile = {
  plans: [
    {
      id: 'starter',
      name: 'Starter',
      description: 'For getting started.',
      rank: 1,
      features: ['projects', 'email_support'],
      limits: { projects: 3, members: 1 },
      prices: {
        monthly: usd('$STRIPE_STARTER_MONTHLY_PRICE_ID', 2000),
        yearly: usd('$STRIPE_STARTER_YEARLY_PRICE_ID', 20_000),
      },
    },
    {
      id: 'pro',
      name: 'Pro',
      description: 'For a team that lives in it.',
      rank: 2,
      features: ['projects', 'email_support', 'priority_support', 'api_access', 'exports'],
      limits: { projects: null, members: 25 },
      seats: { min: 1, max: 25 },
      prices: {
        monthly: usd('$STRIPE_PRO_MONTHLY_PRICE_ID', 5000),
        yearly: usd('$STRIPE_PRO_YEARLY_PRICE_ID', 50_000),
      },
      // Sold once the variable is set: 1,000 calls a month are free, the others a quarter of a cent.
      meters: [
        {
          meter: 'api_calls',
          priceId: {
            price: '$STRIPE_PRO_API_CALLS_PRICE_ID',
            currency: 'usd',
            tiersMode: 'graduated',
            tiers: [
              { upTo: 1000, unit: 0 },
              { upTo: null, unit: '0.25' },
            ],
          },
          interval: 'monthly',
        },
      ],
    },
  ],
  addons: [],
  products: [],
};

// The amounts are what `npm run setup:stripe` makes the prices with; an id that is set already wins.
function usd(price: string, amount: number): PriceEntry {
  return { price, currency: 'usd', amount };
}
