import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  createStripeGateway,
  stripeDecimal,
  type StripeGateway,
} from '../adapters/stripe-gateway.ts';
import type { PriceVariable } from '../server/config/config.ts';

/** The key of the local account; it opens nothing elsewhere. */
const LOCAL_KEY = 'sk_test_tenure_local';

/** What must be the same at the next start; kept beside the database, readable by its owner only. */
interface LocalSecrets {
  jwtSecret: string;
  adminToken: string;
  webhook: { endpointId: string; url: string; secret: string } | null;
  testClock: string | null;
  /** Where the local Stripe is; missing in files of older releases. */
  stripeUrl?: string;
}

interface LocalPrice {
  variable: PriceVariable;
  product: string;
  lookupKey: string;
  interval: 'month' | 'year';
  amount: number;
}

const PRICES: LocalPrice[] = [
  {
    variable: 'STRIPE_STARTER_MONTHLY_PRICE_ID',
    product: 'Starter',
    lookupKey: 'starter_monthly',
    interval: 'month',
    amount: 2000,
  },
  {
    variable: 'STRIPE_STARTER_YEARLY_PRICE_ID',
    product: 'Starter',
    lookupKey: 'starter_yearly',
    interval: 'year',
    amount: 20_000,
  },
  {
    variable: 'STRIPE_PRO_MONTHLY_PRICE_ID',
    product: 'Pro',
    lookupKey: 'pro_monthly',
    interval: 'month',
    amount: 5000,
  },
  {
    variable: 'STRIPE_PRO_YEARLY_PRICE_ID',
    product: 'Pro',
    lookupKey: 'pro_yearly',
    interval: 'year',
    amount: 50_000,
  },
];

export interface LocalAccountOptions {
  apiBase: string;
  /** Default: the local account's key. */
  secretKey?: string;
  /** Null keeps nothing for the next start. */
  secretsFile: string | null;
  /** Where the server will listen for webhooks. */
  webhookUrl: string;
  /** A clock that is set already; null makes one. */
  testClock: string | null;
  /** True sells usage with the monthly Pro plan. */
  usage?: boolean;
  /** What is sold in place of the default plans, and the environment that its `$NAME`s are looked up in. */
  plans?: { file: string; env: Record<string, string | undefined> } | undefined;
}

/**
 * Makes the account of the emulator ready: catalogue, test clock and webhook endpoint, each only if
 * it is not there. Returns the environment that the server is then configured with.
 */
export async function prepareLocalAccount(
  options: LocalAccountOptions,
): Promise<Record<string, string>> {
  const { apiBase, secretKey = LOCAL_KEY, secretsFile } = options;
  const stripe = createStripeGateway({ secretKey, apiBase });
  const secrets = readSecrets(secretsFile);
  const [prices, testClock, webhook, usage] = await Promise.all([
    options.plans ? sellFile(options, options.plans) : ensurePrices(stripe),
    options.testClock ?? ensureTestClock(stripe, secrets.testClock),
    ensureEndpoint(stripe, options.webhookUrl, secrets.webhook),
    options.usage && !options.plans ? ensureUsagePrice(stripe) : {},
  ]);
  if (secretsFile !== null) {
    writeSecrets(secretsFile, { ...secrets, testClock, webhook, stripeUrl: apiBase });
  }
  return {
    STRIPE_SECRET_KEY: secretKey,
    STRIPE_API_BASE: apiBase,
    STRIPE_WEBHOOK_SECRET: webhook.secret,
    STRIPE_TEST_CLOCK: testClock,
    AUTH_JWT_SECRET: secrets.jwtSecret,
    ADMIN_TOKEN: secrets.adminToken,
    ...prices,
    ...usage,
  };
}

/** Makes what a plans file sells, as `setup:stripe` does: prices with an amount; one that is named alone must be set. */
async function sellFile(
  { apiBase, secretKey = LOCAL_KEY }: Pick<LocalAccountOptions, 'apiBase' | 'secretKey'>,
  { file, env }: NonNullable<LocalAccountOptions['plans']>,
): Promise<Record<string, string>> {
  // Only a plans file needs them, and a start without one is to be quick.
  const [{ setUpAccount }, { setupOptions }] = await Promise.all([
    import('../server/operations/setup/setup-account.ts'),
    import('../server/operations/setup/setup-options.ts'),
  ]);
  const account = { STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: apiBase, PLANS_FILE: file };
  const options = setupOptions({ ...env, ...account, APP_URL: undefined }, { portalName: 'local' });
  return (await setUpAccount(options, { dryRun: false })).env;
}

async function ensurePrices(stripe: StripeGateway): Promise<Record<string, string>> {
  const found = await stripe.pricesByLookupKey(PRICES.map(({ lookupKey }) => lookupKey));
  const known = new Map(found.map((price) => [price.lookup_key, price.id]));
  const products = new Map<string, string>();
  const ids: Record<string, string> = {};
  for (const price of PRICES) {
    ids[price.variable] =
      known.get(price.lookupKey) ?? (await createPrice(stripe, price, products));
  }
  return ids;
}

const METER = 'api_calls';
const USAGE_LOOKUP_KEY = 'pro_api_calls';

/** What the default plans say of usage: 1,000 calls a month are free, the others a quarter of a cent. */
async function ensureUsagePrice(stripe: StripeGateway): Promise<Record<string, string>> {
  const known = await stripe.priceWithLookupKey(USAGE_LOOKUP_KEY);
  const price = known ?? (await createUsagePrice(stripe));
  return { STRIPE_PRO_API_CALLS_PRICE_ID: price.id };
}

async function createUsagePrice(stripe: StripeGateway): Promise<{ id: string }> {
  const meters = await stripe.listMeters();
  const meter =
    meters.find(({ event_name, status }) => event_name === METER && status === 'active') ??
    (await stripe.createMeter({
      display_name: 'API calls',
      event_name: METER,
      default_aggregation: { formula: 'sum' },
    }));
  const product = await stripe.createProduct('API calls', 'tenure-local-product-API calls');
  return stripe.createCataloguePrice({
    product: product.id,
    currency: 'usd',
    billing_scheme: 'tiered',
    tiers_mode: 'graduated',
    tiers: [
      { up_to: 1000, unit_amount: 0 },
      { up_to: 'inf', unit_amount_decimal: stripeDecimal('0.25') },
    ],
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
    lookup_key: USAGE_LOOKUP_KEY,
  });
}

async function createPrice(
  stripe: StripeGateway,
  price: LocalPrice,
  products: Map<string, string>,
): Promise<string> {
  const key = `tenure-local-product-${price.product}`;
  const product =
    products.get(price.product) ?? (await stripe.createProduct(price.product, key)).id;
  products.set(price.product, product);
  const created = await stripe.createPrice(
    {
      product,
      currency: 'usd',
      unitAmount: price.amount,
      interval: price.interval,
      lookupKey: price.lookupKey,
    },
    `tenure-local-price-${price.lookupKey}`,
  );
  return created.id;
}

async function ensureTestClock(stripe: StripeGateway, known: string | null): Promise<string> {
  if (known !== null && (await stripe.testClockExists(known))) return known;
  const now = Math.floor(Date.now() / 1000);
  return (await stripe.createTestClock(now, 'npm start')).id;
}

// The secret is told once, at creation; an endpoint whose secret is lost is replaced.
async function ensureEndpoint(
  stripe: StripeGateway,
  url: string,
  known: LocalSecrets['webhook'],
): Promise<NonNullable<LocalSecrets['webhook']>> {
  const endpoints = await stripe.listWebhookEndpoints();
  const usable = endpoints.some(({ id, url: at }) => id === known?.endpointId && at === url);
  if (known && usable) return known;
  const stale = endpoints.filter(({ url: at, id }) => at === url || id === known?.endpointId);
  await Promise.all(stale.map(({ id }) => stripe.deleteWebhookEndpoint(id)));
  const created = await stripe.createWebhookEndpoint(url, ['*']);
  if (!created.secret) throw new Error('The new webhook endpoint came without its secret');
  return { endpointId: created.id, url, secret: created.secret };
}

function readSecrets(path: string | null): LocalSecrets {
  if (path !== null && existsSync(path))
    return JSON.parse(readFileSync(path, 'utf8')) as LocalSecrets;
  return {
    jwtSecret: randomBytes(32).toString('hex'),
    adminToken: randomBytes(24).toString('hex'),
    webhook: null,
    testClock: null,
  };
}

function writeSecrets(path: string, secrets: LocalSecrets): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
}
