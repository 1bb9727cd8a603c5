import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importAccount, type ImportRow } from '../../../server/operations/import.ts';
import { runScript } from '../../scripts/run-script.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { sizeOf } from '../../support/sizes.ts';
import { PRO } from '../billing/person.ts';
import { compiledScript } from '../../support/compiled.ts';

const PAYERS = sizeOf({ sample: 72, full: 5_000 });
const KEY = 'supabase_uid';

/** How the account of a payer is named; in turn. */
const KINDS = [
  'metadata of the subscription',
  'metadata of the customer',
  'address in the map',
  'customer in the map, on another price of the plan',
  'two customers of one account',
  'a price of another program',
  'ended, with a trial',
  'by no one',
] as const;

interface Payer {
  account: string;
  kind: (typeof KINDS)[number];
  customerId: string;
  subscriptionId: string;
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
        await populate(stripe);
        // Until their deliveries are given up.
        await sleep(3_000);
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
      const account = kind === 'two customers of one account' ? `team-${i % 3}` : `payer-${i}`;
      const customer = await stripe.customers.create({
        email: `Payer${i}@example.com`,
        payment_method: 'pm_card_visa',
        invoice_settings: { default_payment_method: 'pm_card_visa' },
        metadata: kind === 'metadata of the customer' ? { [KEY]: account } : {},
      });
      const isNamed = ['metadata of the subscription', 'a price of another program'].includes(kind);
      const ended = kind === 'ended, with a trial';
      const price = { 'a price of another program': other.id }[kind as string] ?? pro.id;
      const { id } = await stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: kind.startsWith('customer in the map') ? legacy.id : price }],
        ...(ended ? { trial_period_days: 7 } : {}),
        metadata: isNamed || ended ? { [KEY]: account } : {},
      });
      if (ended) await stripe.subscriptions.cancel(id);
      if (kind === 'address in the map') map.push(`payer${i}@example.com,${account}`);
      if (kind.startsWith('customer in') || kind.startsWith('two customers')) {
        map.push(`${customer.id},${account}`);
      }
      payers.push({ account, kind, customerId: customer.id, subscriptionId: id });
    }
  }

  const args = ['--by', `metadata:${KEY}`, '--by', 'email', '--map', 'MAP', '--json'];
  const imported = (...more: string[]) => [
    'import',
    ...args.map((each) => (each === 'MAP' ? mapFile : each)),
    ...more,
  ];
  const rowsOf = (csv: string) => readFileSync(csv, 'utf8').trim().split('\n').slice(1).toSorted();
  const writes = async () => {
    const response = await fetch(`${server.emulator.url}/_emulator/requests`, {
      headers: { authorization: `Bearer ${server.env['STRIPE_SECRET_KEY']}` },
    });
    const { data } = (await response.json()) as { data: { method: string; path: string }[] };
    return data.filter(({ method }) => method !== 'GET').length;
  };

  it('says beforehand what it will do, may be killed, goes on, and changes nothing at Stripe', async () => {
    const { env, database } = server;
    const before = await writes();
    const [dry, real] = [join(directory, 'dry.csv'), join(directory, 'real.csv')];
    const looked = await runScript('tenure', imported('--dry-run', '--report', dry), env);
    expect(looked.stderr).toBe('');
    expect(await database.knex('customers').count({ n: '*' })).toEqual([{ n: 0 }]);

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
    expect(await writes()).toBe(before);
    const sent = await database.knex('outbox').whereNull('last_error').pluck('kind');
    expect(sent.filter((kind: string) => kind.startsWith('mail.'))).toEqual([]);
  }, 600_000);

  it('takes the commands of docs/existing-account.md as they stand there', async () => {
    const guide = readFileSync('docs/existing-account.md', 'utf8');
    const commands = [...guide.matchAll(/npm run ([\w:-]+) -- ([^`\n]+)/g)];
    expect(commands.map(([, name]) => name)).toEqual(
      expect.arrayContaining(['import', 'link', 'verify']),
    );
    for (const [command, name = '', line = ''] of commands) {
      if (name === 'import') continue;
      const help = readFileSync(`scripts/${name}.ts`, 'utf8');
      for (const flag of line.match(/--[\w-]+/g) ?? [])
        expect(help, command).toContain(`  ${flag} `);
    }
    const [, , line = ''] = commands.find(([, name]) => name === 'import')!;
    const report = join(directory, 'guide.csv');
    const words = line
      .trim()
      .split(' ')
      .map((word) => (word.endsWith('.csv') ? report : word));
    const run = await runScript('tenure', ['import', ...words], server.env);
    expect(run.stderr).toBe('');
    expect(run.stdout).toMatch(/subscriptions would be linked/);
    expect(rowsOf(report)).toHaveLength(PAYERS);
  }, 120_000);

  it('gives each payer access, portal and invoices, and no second subscription or trial', async () => {
    for (const kind of KINDS.slice(0, 5)) {
      const { account } = payers.find((payer) => payer.kind === kind)!;
      const ask = (method: string, path: string, body?: object) =>
        server.call(method, `/api/billing/${path}`, { user: account, body });
      expect((await ask('GET', 'access')).json, kind).toMatchObject({ allowed: true });
      expect((await ask('POST', 'portal', {})).status, kind).toBe(200);
      expect((await ask('GET', 'invoices')).json['invoices'], kind).toHaveLength(1);
      expect((await ask('POST', 'checkout', PRO)).status, kind).toBe(409);
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
