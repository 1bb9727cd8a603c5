import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_VERSION } from '../../adapters/stripe-gateway.ts';
import { listAudit } from '../../db/audit-log.ts';
import { isRelevant } from '../../server/webhooks/parse-event.ts';
import { setUpAccount } from '../../server/operations/setup/setup-account.ts';
import { setupOptions } from '../../server/operations/setup/setup-options.ts';
import { webhookEventTypes } from '../../server/webhooks/event-types.ts';
import { emulatedAccount, type EmulatedAccount } from '../stripe-emulator/emulated-account.ts';
import { createTestDatabase } from '../support/databases.ts';
import { runScript } from './run-script.ts';

let account: EmulatedAccount;
const directory = mkdtempSync(join(tmpdir(), 'tenure-setup-'));
beforeAll(async () => {
  account = await emulatedAccount();
});
afterAll(async () => {
  await account.close();
  rmSync(directory, { recursive: true, force: true });
});

const PLANS = {
  plans: [
    {
      id: 'team',
      name: 'Team',
      description: 'By the seat, with calls on top.',
      rank: 1,
      seats: { min: 2, max: 40 },
      prices: {
        monthly: { price: '$TEAM_MONTHLY', currency: 'eur', amount: 900 },
        yearly: { price: '$TEAM_YEARLY', currency: 'eur', amount: 9000 },
      },
      meters: [
        {
          meter: 'api_calls',
          priceId: {
            price: '$TEAM_CALLS',
            currency: 'eur',
            tiers: [
              { upTo: 1000, unit: 0 },
              { upTo: null, unit: '0.25', flat: 100 },
            ],
          },
        },
      ],
    },
  ],
  products: [
    {
      id: 'onboarding',
      name: 'Onboarding',
      priceId: { price: '$ONBOARDING', currency: 'eur', amount: 50_000 },
    },
  ],
};

function environment(plans: object = PLANS, more: Record<string, string> = {}) {
  const file = join(directory, 'plans.json');
  writeFileSync(file, JSON.stringify(plans));
  return {
    STRIPE_SECRET_KEY: account.key,
    STRIPE_API_BASE: account.emulator.url,
    APP_URL: 'https://app.example.com',
    PLANS_FILE: file,
    ...more,
  };
}

const setUp = (env: Record<string, string>, dryRun = false) =>
  setUpAccount(setupOptions(env), { dryRun });

// One account that is set up, changed and set up again: each step goes on where the last one ended.
describe('setup:stripe', { shuffle: false }, () => {
  it('changes nothing in a dry run, and says what it would do', async () => {
    const before = (await account.eventTypes()).length;
    const result = await setUp(environment(), true);
    expect(result.changes).toBe(9);
    expect(result.env).toEqual({});
    expect(await account.stripe.products.list()).toMatchObject({ data: [] });
    expect((await account.eventTypes()).length).toBe(before);
  });

  it('makes products, prices, meters, portal and endpoint, and the second run changes nothing', async () => {
    const first = await setUp(environment());
    expect(first).toMatchObject({ refused: 0, changes: 9 });
    const { STRIPE_WEBHOOK_SECRET: secret, ...ids } = first.env;
    expect(secret).toMatch(/^whsec_/);
    expect(Object.keys(ids).toSorted()).toEqual([
      'ONBOARDING',
      'STRIPE_PORTAL_CONFIGURATION',
      'TEAM_CALLS',
      'TEAM_MONTHLY',
      'TEAM_YEARLY',
    ]);
    const calls = await account.stripe.prices.retrieve(ids['TEAM_CALLS'] ?? '', {
      expand: ['tiers'],
    });
    expect(calls).toMatchObject({ currency: 'eur', tiers_mode: 'graduated' });
    expect(calls.recurring).toMatchObject({ interval: 'month', usage_type: 'metered' });
    expect(calls.tiers?.map(({ up_to }) => up_to)).toEqual([1000, null]);
    expect(await account.stripe.prices.retrieve(ids['ONBOARDING'] ?? '')).toMatchObject({
      type: 'one_time',
      unit_amount: 50_000,
    });

    const events = (await account.eventTypes()).length;
    // With the ids in the environment, and without: they are found by their lookup keys.
    for (const env of [environment(PLANS, ids), environment()]) {
      const again = await setUp(env);
      expect(again.actions.filter(({ did }) => did !== 'kept')).toEqual([]);
      expect(again.env).toEqual(ids);
    }
    expect((await account.eventTypes()).length).toBe(events);
  });

  it('pins the version of the endpoint, subscribes it to exactly what the server uses, and mends it', async () => {
    const url = 'https://app.example.com/api/webhooks/stripe';
    const only = async () => {
      const { data } = await account.stripe.webhookEndpoints.list();
      expect(data.map((each) => each.url)).toEqual([url]);
      return data[0]!;
    };
    const made = await only();
    expect(made).toMatchObject({ api_version: API_VERSION, status: 'enabled' });
    expect(made.enabled_events.toSorted()).toEqual(webhookEventTypes(false).toSorted());
    expect(made.enabled_events.filter((type) => !isRelevant(type))).toEqual([]);

    await account.stripe.webhookEndpoints.update(made.id, {
      enabled_events: ['invoice.paid', 'charge.succeeded'],
      disabled: true,
    });
    const mended = await setUp(environment());
    const added = webhookEventTypes(false).length - 1;
    expect(mended.actions.find(({ kind }) => kind === 'webhook')?.why).toBe(
      `${added} events added, 1 events taken away, it was disabled`,
    );
    expect(await only()).toMatchObject({ id: made.id, status: 'enabled' });

    // The version cannot be changed: such an endpoint is replaced, and its secret with it.
    await account.stripe.webhookEndpoints.del(made.id);
    await account.stripe.webhookEndpoints.create({
      url,
      enabled_events: ['*'],
      api_version: '2024-04-10',
    });
    const replaced = await setUp(environment());
    expect(replaced.env['STRIPE_WEBHOOK_SECRET']).toMatch(/^whsec_/);
    expect(await only()).toMatchObject({ api_version: API_VERSION });
  });

  it('takes archived prices, renamed plans and switched off meters up again', async () => {
    const { data } = await account.stripe.prices.list({ lookup_keys: ['team_yearly'] });
    await account.stripe.prices.update(data[0]!.id, { active: false });
    const meter = (await account.stripe.billing.meters.list()).data[0]!;
    await account.stripe.billing.meters.deactivate(meter.id);
    const [plan] = PLANS.plans;
    const renamed = { ...PLANS, plans: [{ ...plan, name: 'Teams' }] };
    const result = await setUp(environment(renamed));
    const changed = result.actions.filter(({ did }) => did !== 'kept');
    expect(changed.map(({ kind, did }) => `${kind} ${did}`).toSorted()).toEqual([
      'meter updated',
      'price updated',
      'product updated',
    ]);
    expect((await setUp(environment(renamed))).changes).toBe(0);
  });

  it('replaces a price whose amount changed, and says how to move those who have the old one', async () => {
    const [plan] = PLANS.plans;
    const monthly = { price: '$TEAM_MONTHLY', currency: 'eur', amount: 1100 };
    const dearer = {
      ...PLANS,
      plans: [{ ...plan, name: 'Teams', prices: { ...plan!.prices, monthly } }],
    };
    const result = await setUp(environment(dearer));
    const replaced = result.actions.find(({ did }) => did === 'replaced');
    expect(replaced?.why).toMatch(
      /^amount 900 → 1100; to move .*npm run migrate-plan -- --from price_\w+ --to price_\w+$/,
    );
    expect((await setUp(environment(dearer))).changes).toBe(0);
  });

  it('leaves the price and product of another program alone that hold a lookup key of the plans file', async () => {
    const { stripe } = account;
    const theirs = await stripe.prices.create({
      currency: 'eur',
      unit_amount: 700,
      recurring: { interval: 'month' },
      lookup_key: 'club_monthly',
      product_data: { name: 'Club of another program' },
    });
    const named = await stripe.prices.create({
      currency: 'eur',
      unit_amount: 7_000,
      recurring: { interval: 'year' },
      product_data: { name: 'Sold before' },
    });
    const club = (amount: number) => ({
      plans: [
        {
          id: 'club',
          name: 'Club',
          rank: 1,
          prices: { monthly: { price: '$CLUB', currency: 'eur', amount } },
        },
        {
          id: 'old',
          name: 'Old',
          rank: 2,
          prices: { yearly: { price: '$OLD', currency: 'eur', amount: 7_000 } },
        },
      ],
    });
    for (const amount of [900, 700]) {
      const { env } = await setUp(environment(club(amount), { OLD: named.id }));
      expect(env).toMatchObject({ OLD: named.id });
      expect(env['CLUB']).not.toBe(theirs.id);
      const made = await stripe.prices.retrieve(env['CLUB'] ?? '');
      expect(made).toMatchObject({ lookup_key: 'tenure_club_monthly', unit_amount: amount });
      expect((await setUp(environment(club(amount), { OLD: named.id }))).changes).toBe(0);
    }
    expect(await stripe.prices.retrieve(theirs.id, { expand: ['product'] })).toMatchObject({
      active: true,
      lookup_key: 'club_monthly',
      product: { name: 'Club of another program', active: true },
    });
    const before = await stripe.prices.retrieve(named.id, { expand: ['product'] });
    expect(before).toMatchObject({ lookup_key: null, product: { name: 'Sold before' } });
  });

  it('makes one price for a plan that is billed by usage alone, by the year if so named', async () => {
    const price = { price: '$ONLY_CALLS', currency: 'eur', amount: '0.5' };
    const plans = {
      plans: [
        {
          id: 'usage',
          name: 'Usage',
          rank: 1,
          prices: { yearly: '$ONLY_CALLS' },
          meters: [{ meter: 'api_calls', priceId: price, interval: 'yearly' }],
        },
      ],
    };
    const made = await setUp(environment(plans));
    const prices = made.actions.filter(({ kind }) => kind === 'price');
    expect(prices.map(({ what, did }) => [what, did])).toEqual([
      ['usage_api_calls_yearly', 'created'],
    ]);
    const { recurring } = await account.stripe.prices.retrieve(made.env['ONLY_CALLS'] ?? '');
    expect(recurring).toMatchObject({ interval: 'year', usage_type: 'metered' });
    expect((await setUp(environment(plans))).changes).toBe(0);
  });

  it('with ENTITLEMENTS=stripe gives each product the features of its plan, and takes others away', async () => {
    const plans = (features: string[]) => ({
      plans: [
        {
          id: 'gated',
          name: 'Gated',
          rank: 1,
          features,
          prices: { monthly: { price: '$GATED', currency: 'eur', amount: 100 } },
        },
      ],
    });
    const entitled = (features: string[]) =>
      environment(plans(features), { ENTITLEMENTS: 'stripe' });
    const attached = async () => {
      const { data } = await account.stripe.products.listFeatures('tenure_gated');
      return data.map((each) => each.entitlement_feature.lookup_key).toSorted();
    };
    await setUp(entitled(['exports', 'api_access']), true);
    await setUp(entitled(['exports', 'api_access']));
    expect(await attached()).toEqual(['api_access', 'exports']);
    expect((await setUp(entitled(['exports', 'api_access']))).changes).toBe(0);
    const changed = await setUp(entitled(['exports', 'sso']));
    expect(changed.actions.find(({ what }) => what === 'features of Gated')?.why).toBe(
      'sso given, api_access taken away',
    );
    expect(await attached()).toEqual(['exports', 'sso']);
  });

  it('refuses to make a price in the place of one that the file names by its id', async () => {
    const plans = {
      plans: [{ id: 'x', name: 'X', rank: 1, prices: { monthly: 'price_of_another_account' } }],
    };
    const result = await setUp(environment(plans));
    expect(result.refused).toBe(1);
    expect(result.actions.find(({ did }) => did === 'refused')?.why).toMatch(/not in this account/);
  });
});

describe('npm run setup:stripe', () => {
  it('writes what the server needs to the .env file, keeps its other lines, and prints no secret', async () => {
    const file = join(directory, '.env');
    writeFileSync(file, '# mine\nTRIAL_DAYS=7\nTEAM_MONTHLY=price_gone\n');
    const env = environment(PLANS, {
      STRIPE_SECRET_KEY: 'sk_test_setup_by_script',
      TEAM_MONTHLY: 'price_gone',
    });
    const dry = await runScript('setup-stripe', ['--check', '--save-to', file], env);
    expect(dry).toMatchObject({ code: 2, stderr: '' });
    const database = await createTestDatabase('sqlite');
    const audited = { ...env, DATABASE_URL: database.url };
    const made = await runScript('setup-stripe', ['--save-to', file], audited);
    const acts = await listAudit(database.knex, { limit: 9 });
    await database.drop();
    expect(acts).toMatchObject([
      { action: 'setup:stripe', actor: expect.stringMatching(/^cli:/), detail: { changes: 9 } },
    ]);
    expect(JSON.stringify(acts)).not.toContain('whsec_');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).not.toContain('whsec_');
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^# mine\nTRIAL_DAYS=7\nTEAM_MONTHLY=price_\w+\n/);
    expect(text).toMatch(/^STRIPE_WEBHOOK_SECRET=whsec_\w+$/m);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const again = await runScript('setup-stripe', ['--json', '--save-to', file], env);
    expect(JSON.parse(again.stdout)).toMatchObject({ changes: 0, written: [] });
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('names what is missing', async () => {
    const run = await runScript('setup-stripe', [], { PLANS_FILE: join(directory, 'none.json') });
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('STRIPE_SECRET_KEY is missing');
    expect(run.stderr).not.toMatch(/ {4}at /);
  });
});
