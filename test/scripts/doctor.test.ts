import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stripe } from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { examine } from '../../server/operations/doctor/examine.ts';
import { setUpAccount } from '../../server/operations/setup/setup-account.ts';
import { setupOptions } from '../../server/operations/setup/setup-options.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../support/databases.ts';
import { subscriptionFacts } from './doctor-rows.ts';
import { runScript } from './run-script.ts';

/** A deployment in which all is well, for something to be broken in. */
interface Deployment {
  env: Record<string, string | undefined>;
  stripe: Stripe;
  database: TestDatabase;
  settings: (change: object) => Promise<void>;
}

let emulator: RunningEmulator;
let database: TestDatabase;
let deployment: Deployment;
const directory = mkdtempSync(join(tmpdir(), 'tenure-doctor-'));
const URL_HERE = 'https://app.example.com/api/webhooks/stripe';

beforeAll(async () => {
  emulator = await startEmulator();
  database = await createTestDatabase('sqlite');
});
afterAll(async () => {
  await database.drop();
  await emulator.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  await database.clear();
  deployment = await healthyDeployment();
});

async function healthyDeployment(): Promise<Deployment> {
  const key = `sk_test_${randomBytes(12).toString('hex')}`;
  const host = new URL(emulator.url);
  const plans = join(directory, `${key}.json`);
  writeFileSync(
    plans,
    JSON.stringify({
      plans: [
        {
          id: 'pro',
          name: 'Pro',
          rank: 1,
          prices: {
            monthly: { price: '$PRO_MONTHLY', currency: 'usd', amount: 2000 },
            yearly: { price: '$PRO_YEARLY', currency: 'usd', amount: 20_000 },
          },
          meters: [
            { meter: 'calls', priceId: { price: '$CALLS', currency: 'usd', amount: '0.5' } },
          ],
        },
      ],
    }),
  );
  const env = {
    STRIPE_SECRET_KEY: key,
    STRIPE_API_BASE: emulator.url,
    STRIPE_WEBHOOK_SECRET: 'whsec_of_the_deployment',
    APP_URL: 'https://app.example.com',
    PLANS_FILE: plans,
    DATABASE_URL: database.url,
  };
  const made = await setUpAccount(setupOptions(env), { dryRun: false });
  const stripe = new Stripe(key, {
    host: host.hostname,
    port: host.port,
    protocol: 'http',
    telemetry: false,
  });
  return {
    env: { ...env, ...made.env },
    stripe,
    database,
    settings: async (change) => {
      await fetch(`${emulator.url}/_emulator/settings`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${key}` },
        body: JSON.stringify(change),
      });
    },
  };
}

async function problems(now?: () => number, levels = ['problem']): Promise<string[]> {
  const findings = await examine({ env: deployment.env, now });
  for (const finding of findings.filter(({ level }) => level !== 'ok')) {
    expect(finding.message.length, finding.code).toBeGreaterThan(10);
    expect(finding.fix.length, finding.code).toBeGreaterThan(10);
  }
  return findings.filter(({ level }) => levels.includes(level)).map(({ code }) => code);
}

const endpoint = async ({ stripe }: Deployment) => (await stripe.webhookEndpoints.list()).data[0]!;
const event = (change: object) => ({
  id: `evt_${randomBytes(6).toString('hex')}`,
  type: 'invoice.paid',
  subject: 'cus_1',
  payload: '{}',
  livemode: false,
  flags: '[]',
  source: 'webhook',
  created_at: Date.now(),
  received_at: Date.now(),
  status: 'waiting',
  attempts: 0,
  next_attempt_at: Date.now(),
  ...change,
});
const newPrice = async ({ stripe, env }: Deployment, params: Partial<Stripe.PriceCreateParams>) => {
  const { product } = await stripe.prices.retrieve(env['PRO_MONTHLY'] ?? '');
  return stripe.prices.create({
    product: product as string,
    currency: 'usd',
    unit_amount: 2000,
    recurring: { interval: 'month' },
    ...params,
  });
};

/** What is broken on purpose, and the code by which the doctor must name it. */
const PLANTED: [what: string, code: string, plant: (here: Deployment) => Promise<unknown>][] = [
  [
    'a variable that makes no sense',
    'configuration',
    async ({ env }) => (env['TRIAL_DAYS'] = 'two weeks'),
  ],
  [
    'a key of another mode than the server it talks to',
    'configuration',
    async ({ env }) => (env['STRIPE_SECRET_KEY'] = 'sk_live_0123456789abcdef'),
  ],
  [
    'Stripe out of reach',
    'stripe_unreachable',
    async ({ env }) => (env['STRIPE_API_BASE'] = 'http://127.0.0.1:9'),
  ],
  [
    'a test clock that is gone',
    'test_clock_missing',
    async ({ env }) => (env['STRIPE_TEST_CLOCK'] = 'clock_gone'),
  ],
  [
    'no webhook endpoint',
    'endpoint_missing',
    async (here) => here.stripe.webhookEndpoints.del((await endpoint(here)).id),
  ],
  [
    'a webhook endpoint at another path',
    'endpoint_elsewhere',
    async (here) =>
      here.stripe.webhookEndpoints.update((await endpoint(here)).id, {
        url: 'https://app.example.com/webhooks',
      }),
  ],
  [
    'a disabled webhook endpoint',
    'endpoint_disabled',
    async (here) =>
      here.stripe.webhookEndpoints.update((await endpoint(here)).id, { disabled: true }),
  ],
  [
    'a webhook endpoint of another API version',
    'endpoint_version',
    async (here) => {
      await here.stripe.webhookEndpoints.del((await endpoint(here)).id);
      await here.stripe.webhookEndpoints.create({
        url: URL_HERE,
        enabled_events: ['*'],
        api_version: '2024-04-10',
      });
    },
  ],
  [
    'a webhook endpoint that does not hear of failed payments',
    'endpoint_events',
    async (here) =>
      here.stripe.webhookEndpoints.update((await endpoint(here)).id, {
        enabled_events: ['invoice.paid', 'customer.subscription.updated'],
      }),
  ],
  [
    'two webhook endpoints for one URL',
    'endpoint_twice',
    async ({ stripe }) =>
      stripe.webhookEndpoints.create({ url: URL_HERE, enabled_events: ['invoice.paid'] }),
  ],
  [
    'a price that does not exist',
    'price_missing',
    async ({ env }) => (env['PRO_MONTHLY'] = 'price_of_the_other_mode'),
  ],
  [
    'an archived price',
    'price_archived',
    async ({ stripe, env }) => stripe.prices.update(env['PRO_YEARLY'] ?? '', { active: false }),
  ],
  [
    'an archived product',
    'product_archived',
    async ({ stripe }) => stripe.products.update('tenure_pro', { active: false }),
  ],
  [
    'a yearly price where a monthly one is meant',
    'price_interval',
    async (here) => {
      const price = await newPrice(here, { recurring: { interval: 'year' } });
      here.env['PRO_MONTHLY'] = price.id;
    },
  ],
  [
    'a one-time price where a recurring one is meant',
    'price_interval',
    async (here) => {
      here.env['PRO_MONTHLY'] = (await newPrice(here, { recurring: undefined })).id;
    },
  ],
  [
    'prices in two currencies',
    'price_currency',
    async (here) => {
      const params = { currency: 'eur', recurring: { interval: 'year' } } as const;
      here.env['PRO_YEARLY'] = (await newPrice(here, params)).id;
    },
  ],
  [
    'one price for two things',
    'price_twice',
    async ({ env }) => (env['PRO_YEARLY'] = env['PRO_MONTHLY']),
  ],
  [
    'a usage price that counts nothing',
    'price_not_metered',
    async (here) => (here.env['CALLS'] = (await newPrice(here, {})).id),
  ],
  [
    'a meter that counts events instead of adding them up',
    'meter_formula',
    async (here) => {
      const [meter] = (await here.stripe.billing.meters.list()).data;
      await here.stripe.billing.meters.deactivate(meter!.id);
      const other = await here.stripe.billing.meters.create({
        display_name: 'calls',
        event_name: 'calls',
        default_aggregation: { formula: 'count' },
      });
      const recurring = { interval: 'month', usage_type: 'metered', meter: other.id } as const;
      here.env['CALLS'] = (await newPrice(here, { recurring })).id;
    },
  ],
  [
    'a meter that is switched off',
    'meter_inactive',
    async ({ stripe }) => {
      const [meter] = (await stripe.billing.meters.list()).data;
      await stripe.billing.meters.deactivate(meter!.id);
    },
  ],
  [
    'a portal configuration that does not exist',
    'portal_missing',
    async ({ env }) => (env['STRIPE_PORTAL_CONFIGURATION'] = 'bpc_gone'),
  ],
  [
    'an account without portal settings',
    'portal_missing',
    async (here) => {
      here.env['STRIPE_PORTAL_CONFIGURATION'] = undefined;
      await here.settings({ defaultPortalConfiguration: false });
    },
  ],
  [
    'a portal in which no card can be changed',
    'portal_without_card',
    async ({ stripe, env }) =>
      stripe.billingPortal.configurations.update(env['STRIPE_PORTAL_CONFIGURATION'] ?? '', {
        features: { payment_method_update: { enabled: false } },
      }),
  ],
  [
    'a database that is not there',
    'database_missing',
    async ({ env }) => (env['DATABASE_URL'] = `sqlite:${join(directory, 'nothing.sqlite')}`),
  ],
  [
    'a database that cannot be reached',
    'database_unreachable',
    async ({ env }) => (env['DATABASE_URL'] = 'postgres://me:secret-word@127.0.0.1:9/tenure'),
  ],
  [
    'webhook events that were given up',
    'events_dead',
    async ({ database: { knex } }) => knex('webhook_events').insert(event({ status: 'dead' })),
  ],
  [
    'webhook events that nobody takes',
    'events_stuck',
    async ({ database: { knex } }) =>
      knex('webhook_events').insert(event({ next_attempt_at: Date.now() - 3_600_000 })),
  ],
  [
    'mail that could not be delivered',
    'effects_dead',
    async ({ database: { knex } }) =>
      knex('outbox').insert({
        object_id: 'in_1',
        kind: 'mail.receipt',
        payload: '{}',
        status: 'dead',
        attempts: 15,
        next_attempt_at: 0,
        created_at: 0,
      }),
  ],
  [
    'a customer who pays twice',
    'two_subscriptions',
    async ({ database: { knex } }) =>
      knex('subscriptions').insert(['sub_1', 'sub_2'].map((id) => subscriptionFacts(id))),
  ],
];

describe('the doctor', () => {
  it('finds nothing where all is well', async () => {
    expect(await problems(undefined, ['problem', 'warning'])).toEqual([]);
  });

  it.each(PLANTED)('names %s: %s', async (_what, code, plant) => {
    await plant(deployment);
    expect(await problems()).toContain(code);
  });

  it.each([
    ['ahead', 90_000],
    ['behind', -90_000],
  ])('names a clock that is a minute and a half %s', async (_way, skew) => {
    expect(await problems(() => Date.now() + skew)).toEqual(['clock_skew']);
  });

  it('warns of a clock that is ten seconds ahead of Stripe’s and the database’s', async () => {
    const warnings = await problems(() => Date.now() + 10_000, ['warning']);
    expect(warnings).toEqual(expect.arrayContaining(['clock_skew', 'database_clock_skew']));
  });

  it('warns of events that Stripe could not deliver', async () => {
    const { stripe } = deployment;
    await stripe.webhookEndpoints.create({
      url: 'http://127.0.0.1:9/',
      enabled_events: ['customer.created'],
    });
    await stripe.customers.create({});
    // Now it may still be on its way.
    expect(await problems(undefined, ['warning'])).not.toContain('deliveries_failing');
    const later = () => Date.now() + 600_000;
    expect(await problems(later, ['warning'])).toContain('deliveries_failing');
  });

  it('tells no password of the database, no key and no signing secret', async () => {
    deployment.env['DATABASE_URL'] = 'postgres://me:secret-word@127.0.0.1:9/tenure';
    const text = JSON.stringify(await examine({ env: deployment.env }));
    for (const name of ['STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET']) {
      expect(text).not.toContain(deployment.env[name]);
    }
    expect(text).not.toContain('secret-word');
  });
});

describe.each(DIALECTS)('the doctor on %s', (dialect) => {
  it('tells a database that was not migrated from one of a newer release', async () => {
    const empty = await createTestDatabase(dialect, { empty: true });
    deployment.env['DATABASE_URL'] = empty.url;
    // SQLite makes its file at the first statement.
    await empty.knex.raw('select 1');
    expect(await problems()).toEqual(['migrations_pending']);
    await empty.drop();
    const newer = await createTestDatabase(dialect);
    await newer.knex('tenure_migrations').insert({ name: '9999-later', applied_at: 0 });
    deployment.env['DATABASE_URL'] = newer.url;
    expect(await problems()).toEqual(['database_newer']);
    await newer.drop();
  });
});

describe('npm run doctor', () => {
  it('exits 0 for a healthy deployment and 1 with what to do for another', async () => {
    const healthy = await runScript('doctor', [], deployment.env);
    expect(healthy).toMatchObject({ code: 0, stderr: '' });
    expect(healthy.stdout).toMatch(/^ok {3}configuration/);
    expect(healthy.stdout).toContain('Healthy.');
    await deployment.stripe.webhookEndpoints.del((await endpoint(deployment)).id);
    const ill = await runScript('doctor', ['--json'], deployment.env);
    expect(ill.code).toBe(1);
    const answer = JSON.parse(ill.stdout) as { healthy: boolean; findings: { code: string }[] };
    expect(answer.healthy).toBe(false);
    expect(answer.findings).toContainEqual(
      expect.objectContaining({ code: 'endpoint_missing', level: 'problem' }),
    );
  });
});
