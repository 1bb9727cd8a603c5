import { PRICE, SECRET_KEY, WEBHOOK_SECRET } from './payload.ts';

/** Opens the dashboard of a server that was given it. */
export const ADMIN_TOKEN = 'admin_token_of_the_benchmark';

/** The meter that a plan of the benchmark bills. */
export const METER = 'api_calls';

/** What `PLANS_FILE` holds while usage is measured. */
export const METERED_PLANS = {
  plans: [
    {
      id: 'starter',
      name: 'Starter',
      rank: 1,
      prices: { monthly: PRICE },
      meters: [{ meter: METER, priceId: 'price_metered' }],
    },
  ],
};

/** The environment that a server of the benchmark runs with: production's, but for the address of Stripe. */
export function tenureEnvironment(settings: {
  databaseUrl: string;
  stripeUrl: string;
  env?: Record<string, string>;
}): Record<string, string> {
  return {
    STRIPE_SECRET_KEY: SECRET_KEY,
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_API_BASE: settings.stripeUrl,
    STRIPE_STARTER_MONTHLY_PRICE_ID: PRICE,
    STRIPE_STARTER_YEARLY_PRICE_ID: 'price_starter_yearly',
    STRIPE_PRO_MONTHLY_PRICE_ID: 'price_pro_monthly',
    STRIPE_PRO_YEARLY_PRICE_ID: 'price_pro_yearly',
    AUTH_JWT_SECRET: 'a secret of the benchmark that is long enough',
    DATABASE_URL: settings.databaseUrl,
    PORT: '0',
    ...settings.env,
  };
}
