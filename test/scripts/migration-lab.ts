import { randomBytes } from 'node:crypto';
import { Stripe } from 'stripe';
import type { Dialect } from '../../db/database.ts';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { advanceClock } from '../../scripts/testing/clock.ts';
import { loadConfig } from '../../server/config/config.ts';
import { createLogger } from '../../server/lib/log.ts';
import type { MigrationRequest } from '../../server/operations/migrate-plan/request.ts';
import { createServices } from '../../server/app/compose.ts';
import type { Services } from '../../server/lib/services.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { ownerMetadata } from '../support/owner-metadata.ts';

/** 1 January 2026, noon: a month of 31 days begins. */
export const START = Date.UTC(2026, 0, 1, 12) / 1000;
export const DAY = 86_400;

export interface MigrationLab {
  stripe: Stripe;
  database: TestDatabase;
  services: Services;
  emulator: RunningEmulator;
  /** What a script is started with. */
  env: Record<string, string>;
  price: (params: Partial<Stripe.PriceCreateParams>) => Promise<Stripe.Price>;
  meter: () => Promise<string>;
  subscribe: (
    price: string,
    params?: Partial<Stripe.SubscriptionCreateParams>,
    card?: string,
  ) => Promise<Stripe.Subscription>;
  advance: (days: number) => Promise<void>;
  fault: (rule: object) => Promise<void>;
  noFaults: () => Promise<void>;
  close: () => Promise<void>;
}

/** An account with a test clock and a database; no server runs. */
export async function migrationLab(dialect: Dialect): Promise<MigrationLab> {
  const emulator = await startEmulator();
  const database = await createTestDatabase(dialect);
  const key = `sk_test_${randomBytes(12).toString('hex')}`;
  const url = new URL(emulator.url);
  const stripe = new Stripe(key, {
    host: url.hostname,
    port: url.port,
    protocol: 'http',
    telemetry: false,
  });
  const product = await stripe.products.create({ name: 'Plan' });
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: START });
  const price = (params: Partial<Stripe.PriceCreateParams>) =>
    stripe.prices.create({
      product: product.id,
      currency: 'usd',
      recurring: { interval: 'month' },
      ...('recurring' in params && params.recurring?.usage_type === 'metered'
        ? {}
        : { unit_amount: 2000 }),
      ...params,
    });
  const env = {
    STRIPE_SECRET_KEY: key,
    STRIPE_API_BASE: emulator.url,
    STRIPE_WEBHOOK_SECRET: 'whsec_of_the_migration_lab',
    STRIPE_PRO_MONTHLY_PRICE_ID: (await price({})).id,
    STRIPE_TEST_CLOCK: clock.id,
    DATABASE_URL: database.url,
    LOG_LEVEL: 'silent',
  };
  const config = loadConfig(env);
  const services = createServices(config, {
    env,
    log: createLogger({ level: 'silent' }),
    engine: { catchUpEvery: 0, outageBase: 50 },
  });
  const control = (method: string, body?: object) =>
    fetch(`${emulator.url}/_emulator/faults`, {
      method,
      headers: { Authorization: `Bearer ${key}` },
      body: body && JSON.stringify(body),
    });
  return {
    stripe,
    database,
    services,
    emulator,
    env,
    price,
    meter: async () => {
      const name = `calls_${randomBytes(4).toString('hex')}`;
      const meter = await stripe.billing.meters.create({
        display_name: name,
        event_name: name,
        default_aggregation: { formula: 'sum' },
      });
      return meter.id;
    },
    subscribe: async (priceId, params = {}, card = 'pm_card_visa') => {
      const customer = await stripe.customers.create({
        test_clock: clock.id,
        payment_method: card,
        invoice_settings: { default_payment_method: card },
      });
      return stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: priceId }],
        metadata: ownerMetadata(customer.id),
        ...params,
      });
    },
    advance: async (days) => {
      const { frozen_time: now } = await stripe.testHelpers.testClocks.retrieve(clock.id);
      await advanceClock(stripe, clock.id, now + days * DAY);
    },
    fault: async (rule) => void (await control('POST', rule)),
    noFaults: async () => void (await control('DELETE')),
    close: async () => {
      await services.close();
      await database.drop();
      await emulator.close();
    },
  };
}

/** A request with the defaults of the command. */
export function requestFor(given: Partial<MigrationRequest> & { from: string }): MigrationRequest {
  return {
    to: null,
    at: 'period_end',
    proration: 'always_invoice',
    noticeDays: 0,
    quantity: null,
    quantities: null,
    toFlexible: false,
    notify: false,
    retire: false,
    ...given,
  };
}
