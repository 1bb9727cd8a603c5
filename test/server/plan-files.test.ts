import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareLocalAccount } from '../../scripts/local-account.ts';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { createServices } from '../../server/app/compose.ts';
import { fillAmounts } from '../../server/catalogue/fill-amounts.ts';
import { plansSchema } from '../../server/catalogue/plans-schema.ts';
import { loadConfig } from '../../server/config/config.ts';
import { createLogger } from '../../server/lib/log.ts';

const DOCS = join(import.meta.dirname, '../../docs');
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
    for (const { prices } of sold) {
      expect(prices.monthly?.amount).toBeGreaterThan(0);
      expect(prices.yearly?.amount).toBeGreaterThan(prices.monthly!.amount!);
    }
    for (const product of products) expect(product.amount).toBeGreaterThan(0);
    const named = readFileSync(file, 'utf8').match(/\$[A-Z][A-Z0-9_]+/g) ?? [];
    expect(named.map((variable) => account[variable.slice(1)])).toEqual(
      named.map(() => expect.stringMatching(/^price_/)),
    );
    await services.close();
  });
});
