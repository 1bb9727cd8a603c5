import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareLocalAccount } from '../../../scripts/local-account.ts';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { createServices } from '../../../server/app/compose.ts';
import { fillAmounts } from '../../../server/catalogue/fill-amounts.ts';
import { plansSchema } from '../../../server/catalogue/plans-schema.ts';
import { loadConfig } from '../../../server/config/config.ts';
import { currenciesOf, pricesOf } from '../../../state/catalogue.ts';
import { chargeFor } from '../../../state/price-costs.ts';
import { setUpAccount } from '../../../server/operations/setup/setup-account.ts';
import { setupOptions } from '../../../server/operations/setup/setup-options.ts';
import { startTestServer } from '../../support/server.ts';
import { newPerson, type Person } from '../billing/person.ts';
import { createLogger } from '../../../server/lib/log.ts';

const DOCS = join(import.meta.dirname, '../../../docs');
const EXAMPLES = readdirSync(join(DOCS, 'examples'));
const read = (path: string): unknown => JSON.parse(readFileSync(join(DOCS, path), 'utf8'));

describe('docs/plans.schema.json', () => {
  const valid = new Ajv2020({ strict: false }).compile(read('plans.schema.json') as object);

  it('is what the server checks a plans file with (npm run build:plans-schema)', () => {
    expect(read('plans.schema.json')).toEqual(JSON.parse(plansSchema()));
  });

  it('finds a misspelt field, as the server does', () => {
    const [name = ''] = EXAMPLES;
    const { plans } = read(`examples/${name}`) as { plans: object[] };
    expect(valid({ plans })).toBe(true);
    expect(valid({ plans: [{ ...plans[0], feature: ['x'] }] })).toBe(false);
  });

  it.each(EXAMPLES)('takes the example %s', (name) => {
    expect(valid(read(`examples/${name}`)), JSON.stringify(valid.errors)).toBe(true);
  });
});

describe.each(EXAMPLES)('The example %s', (name) => {
  let emulator: RunningEmulator;
  beforeAll(async () => {
    emulator = await startEmulator();
  });
  afterAll(() => emulator.close());

  it('C-5: is sold by the local account as it stands, with every price that it names', async () => {
    const file = join(DOCS, 'examples', name);
    const account = await prepareLocalAccount({
      apiBase: emulator.url,
      secretKey: `sk_test_${randomBytes(12).toString('hex')}`,
      secretsFile: null,
      webhookUrl: 'http://127.0.0.1:9/api/webhooks/stripe',
      testClock: null,
      plans: { file, env: {} },
    });
    const env = { ...account, PLANS_FILE: file, DATABASE_URL: 'sqlite::memory:' };
    const log = createLogger({ level: 'silent' });
    const services = createServices(loadConfig(env), { env, log });
    await fillAmounts(services.catalogue, services);
    const { plans, products } = services.catalogue;
    const sold = plans.filter((plan) => plan.default !== true);
    expect(sold.length).toBeGreaterThan(0);
    for (const { price } of sold.flatMap(pricesOf)) {
      const cost = services.catalogue.costs?.get(price.priceId);
      for (const currency of currenciesOf(price)) {
        expect(chargeFor(cost!, { quantity: 1, currency })).toBeGreaterThan(0);
      }
    }
    for (const product of products) expect(product.amount).toBeGreaterThan(0);
    const named = readFileSync(file, 'utf8').match(/\$[A-Z][A-Z0-9_]+/g) ?? [];
    expect(named.map((variable) => account[variable.slice(1)])).toEqual(
      named.map(() => expect.stringMatching(/^price_/)),
    );
    await services.close();
  });

  it('is bought, paid and renewed at what the file says', async () => {
    const server = await startTestServer({
      database: 'sqlite',
      emulator,
      prepare: async (_, { STRIPE_SECRET_KEY, STRIPE_API_BASE }) => {
        const file = join(DOCS, 'examples', name);
        const account = { STRIPE_SECRET_KEY, STRIPE_API_BASE, PLANS_FILE: file };
        const options = setupOptions(account, { portalName: 'test' });
        const { env } = await setUpAccount(options, { dryRun: false });
        return { ...env, PLANS_FILE: file, TRIAL_DAYS: '0' };
      },
    });
    const bought = SOLD[name] ?? [];
    expect(bought.length).toBeGreaterThan(0);
    const people: Person[] = [];
    for (const { choice, amount, currency } of bought) {
      const person = newPerson(server);
      const view = await person.subscribe(choice);
      people.push(person);
      expect(view).toMatchObject({ state: 'active', plan: choice.plan, currency });
      expect((await person.invoices()).map((each) => each.amount_paid)).toEqual([amount]);
    }
    await server.advance(31);
    for (const [index, { amount, currency }] of bought.entries()) {
      const paid = (await people[index]!.invoices()).map((each) => [
        each.amount_paid,
        each.currency,
      ]);
      expect(paid).toEqual([
        [amount, currency],
        [amount, currency],
      ]);
      expect(await people[index]!.subscription()).toMatchObject({ state: 'active', currency });
    }
    await server.close();
  });
});

/** What is bought of each example, and what it costs by hand. */
const SOLD: Record<
  string,
  { choice: { plan: string; [field: string]: unknown }; currency: string; amount: number }[]
> = {
  'free-and-lifetime.json': [
    { choice: { plan: 'plus', interval: 'monthly' }, currency: 'usd', amount: 500 },
  ],
  'seats-and-usage.json': [
    {
      choice: { plan: 'business', interval: 'monthly', quantity: 6 },
      currency: 'eur',
      amount: 6 * 1900,
    },
  ],
  'tiers-in-three-currencies.json': [
    {
      choice: {
        plan: 'studio',
        interval: 'monthly',
        quantity: 7,
        currency: 'eur',
        addons: { storage: 2 },
      },
      currency: 'eur',
      amount: 5 * 1100 + 2 * 850 + 2 * 450,
    },
    {
      choice: { plan: 'agency', interval: 'monthly', quantity: 12, currency: 'gbp' },
      currency: 'gbp',
      amount: 12 * 1600 + 4000,
    },
    { choice: { plan: 'studio', interval: 'monthly' }, currency: 'usd', amount: 1200 },
  ],
};
