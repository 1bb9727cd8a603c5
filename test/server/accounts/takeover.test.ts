import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listAudit } from '../../../db/audit-log.ts';
import { importAccount, type ImportRow } from '../../../server/operations/import.ts';
import { runScript } from '../../scripts/run-script.ts';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { SAMPLED, sizeOf } from '../../support/sizes.ts';
import { PRO } from '../billing/person.ts';
import { compiledScript } from '../../support/compiled.ts';

const PAYERS = sizeOf({ sample: 60, full: 5_000 });
/** For all of them, with a kill and a start again in it. */
const LIMIT_MS = 120_000;
const KEY = 'supabase_uid';

/** How the account of a payer is named; in turn. */
const KINDS = [
  'metadata of the subscription',
  'metadata of the customer',
  'metadata.userId, as the tutorials write it',
  'client_reference_id of a Payment Link',
  'address in the map',
  'customer in the map, on another price of the plan',
  'two customers of one account',
  'a price of another program',
  'ended, with a trial',
  'by no one',
] as const;

/** What becomes of the subscription before it is taken over; in turn, among those who are linked and pay. */
const LIVES = [
  'active',
  'trialing',
  'past_due',
  'cancel_pending',
  'collection paused',
  'paused',
] as const;

/** State here and whether it gives access. */
const EXPECTED: [Payer['life'], string, boolean][] = [
  ['active', 'active', true],
  ['trialing', 'trialing', true],
  ['past_due', 'past_due', true],
  ['cancel_pending', 'cancel_pending', true],
  ['collection paused', 'active', false],
  ['paused', 'paused', false],
];

interface Payer {
  account: string;
  life: (typeof LIVES)[number];
  kind: (typeof KINDS)[number];
  customerId: string;
  subscriptionId: string;
}

const isPaying = (kind: Payer['kind']) => KINDS.indexOf(kind) < 7;

function metadataOf(kind: Payer['kind'], account: string): Record<string, string> {
  if (kind.startsWith('metadata.userId')) return { userId: account };
  const names = [
    'metadata of the subscription',
    'a price of another program',
    'ended, with a trial',
  ];
  return names.includes(kind) ? { [KEY]: account } : {};
}

async function subscribe(stripe: Stripe, params: Stripe.SubscriptionCreateParams): Promise<string> {
  return (await stripe.subscriptions.create(params)).id;
}

/** All that a Payment Link says of its payer is what the shop put behind its address. */
async function buyByLink(
  stripe: Stripe,
  {
    customer,
    account,
    price,
    life,
  }: Pick<Payer, 'account' | 'life'> & {
    customer: string;
    price: string;
  },
): Promise<string> {
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription',
    customer,
    client_reference_id: account,
    line_items: [{ price, quantity: 1 }],
    success_url: 'https://shop.example/',
    ...(life === 'trialing' ? { subscription_data: { trial_period_days: 7 } } : {}),
  });
  await payCheckout(session.url ?? '');
  const { subscription } = await stripe.checkout.sessions.retrieve(session.id);
  return typeof subscription === 'string' ? subscription : (subscription?.id ?? '');
}

async function live(
  stripe: Stripe,
  { id, customer, life }: { id: string; customer: string; life: Payer['life'] },
): Promise<void> {
  if (life === 'cancel_pending') {
    await stripe.subscriptions.update(id, { cancel_at_period_end: true });
  } else if (life === 'collection paused') {
    await stripe.subscriptions.update(id, { pause_collection: { behavior: 'void' } });
  } else if (life === 'paused') {
    await stripe.subscriptions.pause(id, { invoicing_behavior: 'pending_invoice_item' });
  } else if (life === 'past_due') {
    const method = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer });
    await stripe.subscriptions.update(id, {
      default_payment_method: method.id,
      billing_cycle_anchor: { type: 'now' },
      proration_behavior: 'none',
    });
  }
}

// One takeover, told in steps: the account is made once, imported, and then looked at.
describe('O-8: the takeover of a Stripe account that has subscribers', { shuffle: false }, () => {
  const payers: Payer[] = [];
  const map: string[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'tenure-takeover-'));
  let server: TestServer;
  let mapFile: string;

  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      testClock: false,
      // Before the server is there: no event of it is heard.
      prepare: async (stripe) => {
        const { data } = await stripe.webhookEndpoints.list();
        const disable = (disabled: boolean) =>
          Promise.all(data.map(({ id }) => stripe.webhookEndpoints.update(id, { disabled })));
        await disable(true);
        await populate(stripe);
        await disable(false);
        return {};
      },
    });
    mapFile = join(directory, 'map.csv');
    writeFileSync(mapFile, `${map.join('\n')}\n`);
  }, 600_000);
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });

  async function populate(stripe: Stripe): Promise<void> {
    const { data: prices } = await stripe.prices.list({ limit: 100 });
    const pro = prices.find(({ unit_amount: amount }) => amount === 5_000)!;
    const legacy = await stripe.prices.create({
      product: typeof pro.product === 'string' ? pro.product : pro.product.id,
      currency: 'usd',
      unit_amount: 3_900,
      recurring: { interval: 'month' },
    });
    const other = await stripe.prices.create({
      product_data: { name: 'Another program' },
      currency: 'usd',
      unit_amount: 900,
      recurring: { interval: 'month' },
    });
    for (let i = 0; i < PAYERS; i += 1) {
      const kind = KINDS[i % KINDS.length]!;
      const several = kind === 'two customers of one account';
      const life =
        isPaying(kind) && !several ? LIVES[Math.floor(i / KINDS.length) % LIVES.length]! : 'active';
      const account = several ? `team-${i % 3}` : `payer-${i}`;
      const customer = await stripe.customers.create({
        email: `Payer${i}@example.com`,
        payment_method: 'pm_card_visa',
        invoice_settings: { default_payment_method: 'pm_card_visa' },
        metadata: kind === 'metadata of the customer' ? { [KEY]: account } : {},
      });
      const ended = kind === 'ended, with a trial';
      const price = { 'a price of another program': other.id }[kind as string] ?? pro.id;
      const id = kind.startsWith('client_reference_id')
        ? await buyByLink(stripe, { customer: customer.id, account, price, life })
        : await subscribe(stripe, {
            customer: customer.id,
            items: [{ price: kind.startsWith('customer in the map') ? legacy.id : price }],
            ...(ended || life === 'trialing' ? { trial_period_days: 7 } : {}),
            metadata: metadataOf(kind, account),
          });
      if (ended) await stripe.subscriptions.cancel(id);
      await live(stripe, { id, customer: customer.id, life });
      if (kind === 'address in the map') map.push(`payer${i}@example.com,${account}`);
      if (kind.startsWith('customer in') || kind.startsWith('two customers')) {
        map.push(`${customer.id},${account}`);
      }
      payers.push({ account, kind, life, customerId: customer.id, subscriptionId: id });
    }
  }

  const rules = [`metadata:${KEY}`, 'metadata:userId', 'client_reference_id', 'email'];
  const args = [...rules.flatMap((rule) => ['--by', rule]), '--map', 'MAP', '--json'];
  const imported = (...more: string[]) => [
    'import',
    ...args.map((each) => (each === 'MAP' ? mapFile : each)),
    ...more,
  ];
  const rowsOf = (csv: string) => readFileSync(csv, 'utf8').trim().split('\n').slice(1).toSorted();
  /** Whatever changes at Stripe is an event there, and most are seen in its log. */
  const changes = async () => {
    const { data: events } = await server.stripe.events.list({ limit: 1 });
    const response = await fetch(`${server.emulator.url}/_emulator/requests`, {
      headers: { authorization: `Bearer ${server.env['STRIPE_SECRET_KEY']}` },
    });
    const { data } = (await response.json()) as { data: { id: string; method: string }[] };
    const writes = data.filter(({ method }) => method !== 'GET').map(({ id }) => id);
    return { event: events[0]?.id, writes };
  };

  it('says beforehand what it will do, may be killed, goes on, and changes nothing at Stripe', async () => {
    const { env, database } = server;
    const before = await changes();
    const [dry, real] = [join(directory, 'dry.csv'), join(directory, 'real.csv')];
    const looked = await runScript('tenure', imported('--dry-run', '--report', dry), env);
    expect(looked.stderr).toBe('');
    expect(await database.knex('customers').count({ n: '*' })).toEqual([{ n: 0 }]);

    const began = Date.now();
    const child = spawn(process.execPath, [compiledScript('tenure'), ...imported()], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      stdio: 'ignore',
    });
    const linked = async () => {
      const [row] = await database.knex('customers').count({ n: '*' });
      return Number(row?.['n']);
    };
    while (child.exitCode === null && (await linked()) < 5) await sleep(5);
    child.kill('SIGKILL');
    const resumed = await runScript('tenure', imported('--report', real), env);
    const took = Date.now() - began;
    if (!SAMPLED) process.stdout.write(`${PAYERS} taken over in ${took} ms, killed once\n`);
    expect(took).toBeLessThan(LIMIT_MS);
    // Those who are named by no one are left.
    expect(resumed.code, resumed.stderr).toBe(1);
    const of = (kind: Payer['kind']) => payers.filter((payer) => payer.kind === kind);
    const teams = of('two customers of one account');
    const summary = JSON.parse(resumed.stdout) as Record<string, number>;
    expect(summary).toMatchObject({
      no_account: of('by no one').length,
      foreign: of('a price of another program').length,
      conflict: teams.length - new Set(teams.map(({ account }) => account)).size,
    });
    // What was linked before the kill is known by now; all else is as it was said.
    const asKnown = (rows: string[]) =>
      rows.map((row) => row.replace(/^linked,/, 'known,')).toSorted();
    expect(asKnown(rowsOf(real))).toEqual(asKnown(rowsOf(dry)));

    const again: ImportRow[] = [];
    await importAccount(server.services, {
      rules: [],
      map: new Map(),
      dryRun: true,
      mark: false,
      onRow: (row) => again.push(row),
    });
    expect(again.filter(({ result }) => result === 'linked')).toEqual([]);
    const acts = await listAudit(database.knex, { limit: 9 });
    expect(acts.map(({ action, actor }) => [action, actor.slice(0, 4)])).toEqual([
      ['import', 'cli:'],
      ['import.started', 'cli:'],
      ['import.started', 'cli:'],
    ]);
    const { left, ...counts } = summary;
    expect(acts[0]!.detail).toMatchObject({ ...counts, left, mark: false });
    const after = await changes();
    expect(after.event).toBe(before.event);
    expect(after.writes.filter((id) => !before.writes.includes(id))).toEqual([]);
    const sent = await database.knex('outbox').whereNull('last_error').pluck('kind');
    expect(sent.filter((kind: string) => kind.startsWith('mail.'))).toEqual([]);
  }, 600_000);

  it('takes every command of docs/existing-account.md as it stands there', async () => {
    const guide = readFileSync('docs/existing-account.md', 'utf8');
    const commands = [...guide.matchAll(/npm run ([\w:-]+)(?: -- ([^`\n]+))?/g)].map(
      ([, name = '', line = '']) => [name, line.trim()] as const,
    );
    const unnamed = payers.find(({ kind }) => kind === 'by no one')!;
    const report = join(directory, 'guide.csv');
    const stands: Record<string, string> = {
      ACCOUNT: unnamed.account,
      CUSTOMER: unnamed.customerId,
      'import.csv': report,
    };
    const runs = new Map(commands.map(([name, line]) => [`${name} ${line}`.trim(), name]));
    for (const [text, name] of runs) {
      // A server: stripe-account.test.ts starts it with the words that a refusal names.
      if (name === 'serve') continue;
      const words = text
        .split(' ')
        .slice(1)
        .map((word) => stands[word] ?? word);
      if (name === 'link' && words.length === 0) continue;
      const run = await runScript('tenure', [name, ...words], server.env);
      // What doctor and verify find is what this test has left over.
      expect(run.code, `${text}: ${run.stderr}`).toBeLessThanOrEqual(1);
      expect(run.stderr, text).toBe('');
      expect(run.stdout, text).not.toBe('');
      if (name === 'import') {
        expect(run.stdout).toMatch(/subscriptions would be linked/);
        expect(rowsOf(report)).toHaveLength(PAYERS);
      }
    }
    expect([...runs.values()]).toEqual(
      expect.arrayContaining(['import', 'link', 'verify', 'doctor', 'restored', 'serve']),
    );
    const { json } = await server.call('GET', '/api/billing/subscription', {
      user: unnamed.account,
    });
    expect(json).toMatchObject({ subscription: { id: unnamed.subscriptionId } });
  }, 240_000);

  it('gives each payer access, portal and invoices, and no second subscription or trial', async () => {
    for (const kind of KINDS.filter(isPaying)) {
      for (const life of LIVES) {
        const found = payers.find((each) => each.kind === kind && each.life === life);
        if (!found) continue;
        const { account } = found;
        const ask = (method: string, path: string, body?: object) =>
          server.call(method, `/api/billing/${path}`, { user: account, body });
        const why = `${kind}, ${life}`;
        const [, state, allowed] = EXPECTED.find(([name]) => name === life)!;
        const { json } = await ask('GET', 'subscription');
        expect(json, why).toMatchObject({ subscription: { state } });
        expect((await ask('GET', 'access')).json, why).toMatchObject({ allowed });
        expect((await ask('POST', 'portal', {})).status, why).toBe(200);
        expect((await ask('GET', 'invoices')).json['invoices'], why).not.toEqual([]);
        expect((await ask('POST', 'checkout', PRO)).status, why).toBe(409);
      }
    }
    const ended = payers.find(({ kind }) => kind === 'ended, with a trial')!;
    const opened = await server.call('POST', '/api/billing/checkout', {
      user: ended.account,
      body: PRO,
    });
    const session = await server.stripe.checkout.sessions.retrieve(
      String(opened.json['sessionId']),
    );
    expect(session.amount_total).toBe(5_000);
    const stranger = payers.find(({ kind }) => kind === 'a price of another program')!;
    const seen = await server.call('GET', '/api/billing/subscription', { user: stranger.account });
    expect(seen.json).toEqual({ subscription: null });
  }, 120_000);
});
