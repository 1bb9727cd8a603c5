import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listAudit } from '../../../db/audit-log.ts';
import { importAccount, type ImportRow } from '../../../server/operations/import.ts';
import { GatewayError } from '../../../adapters/stripe-gateway.ts';
import { verifyDatabase } from '../../../server/operations/verify.ts';
import { runScript } from '../../scripts/run-script.ts';
import { checkAccess } from '../../../server/access/check-access.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { SAMPLED, sizeOf } from '../../support/sizes.ts';
import { PRO } from '../billing/person.ts';
import { watchRequests, type RequestWatch } from './request-watch.ts';
import { EXPECTED, isPaying, KEY, populate, type Payer } from './takeover-account.ts';
import { compiledScript } from '../../support/compiled.ts';

const PAYERS = sizeOf({ sample: 66, full: 5_000 });
/** For all of them, with a kill and a start again in it. */
const LIMIT_MS = 120_000;

// One takeover, told in steps: the account is made once, imported, and then looked at.
describe('O-8: the takeover of a Stripe account that has subscribers', { shuffle: false }, () => {
  const payers: Payer[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'tenure-takeover-'));
  let server: TestServer;
  let watch: RequestWatch;
  let mapFile: string;

  beforeAll(async () => {
    const map: string[] = [];
    server = await startTestServer({
      database: 'sqlite',
      testClock: false,
      // Before the server is there: no event of it is heard.
      prepare: async (stripe, account) => {
        const { data } = await stripe.webhookEndpoints.list();
        const disable = (disabled: boolean) =>
          Promise.all(data.map(({ id }) => stripe.webhookEndpoints.update(id, { disabled })));
        const settings = async (change: object) => {
          await fetch(`${account['STRIPE_API_BASE']}/_emulator/settings`, {
            method: 'POST',
            headers: { authorization: `Bearer ${account['STRIPE_SECRET_KEY']}` },
            body: JSON.stringify(change),
          });
        };
        await disable(true);
        const made = await populate({ stripe, settings, count: PAYERS });
        payers.push(...made.payers);
        map.push(...made.map);
        await disable(false);
        return {};
      },
    });
    watch = watchRequests(server);
    mapFile = join(directory, 'map.csv');
    writeFileSync(mapFile, `${map.join('\n')}\n`);
  }, 600_000);
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });

  const subscriptions = () => payers.length + payers.filter((each) => each.endedBeside).length;
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
    const beside = payers.filter(({ endedBeside }) => endedBeside !== undefined);
    expect(summary).toMatchObject({
      no_account: of('by no one').length,
      foreign:
        of('a price of another program').length + of('the mark of another deployment').length,
      conflict: teams.length - new Set(teams.map(({ account }) => account)).size + beside.length,
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
      actor: 'system',
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
        expect(rowsOf(report)).toHaveLength(subscriptions());
      }
    }
    expect([...runs.values()]).toEqual(
      expect.arrayContaining(['import', 'link', 'verify', 'doctor', 'restored', 'serve']),
    );
    const { json } = await server.call('GET', '/api/billing/subscription', {
      user: unnamed.account,
    });
    expect(json).toMatchObject({ subscription: { id: unnamed.subscriptionId } });
    const { username } = userInfo();
    const actorsOf = (id: string) =>
      server.database
        .knex('transitions')
        .where({ subscription_id: id })
        .distinct('actor', 'cause_type');
    expect(await actorsOf(unnamed.subscriptionId)).toEqual([
      { actor: `cli:${username}`, cause_type: 'link' },
    ]);
    const imported = payers.find(({ kind, life }) => isPaying(kind) && life === 'trialing')!;
    expect(await actorsOf(imported.subscriptionId)).toEqual([
      { actor: `cli:${username}`, cause_type: 'import' },
    ]);
    const [linked] = await listAudit(server.database.knex, {
      target: unnamed.customerId,
      limit: 1,
    });
    expect(linked).toMatchObject({ action: 'link', actor: `cli:${username}` });
  }, 240_000);

  it('gives every payer their account, their state and their access', async () => {
    const { knex } = server.database;
    const rows: { id: string; state: string; user_id: string | null; is_foreign: number }[] =
      await knex('subscriptions').select('id', 'state', 'user_id', 'is_foreign');
    const stored = new Map(rows.map((row) => [row.id, row]));
    const linked = new Map<string, string>(
      (await knex('customers').select('stripe_customer_id', 'user_id')).map(
        (row: { stripe_customer_id: string; user_id: string }) => [
          row.stripe_customer_id,
          row.user_id,
        ],
      ),
    );
    for (const { kind, life, account, customerId, subscriptionId } of payers) {
      const why = `${account}: ${kind}, ${life}`;
      if (kind === 'two customers of one account' || kind === 'by no one') continue;
      if (kind === 'a price of another program' || kind === 'the mark of another deployment') {
        expect(linked.has(customerId), why).toBe(false);
        expect(stored.get(subscriptionId)?.is_foreign ?? 1, why).toBe(1);
        continue;
      }
      const [state, allowed] = EXPECTED[kind === 'ended, with a trial' ? 'canceled' : life];
      // Portal, invoices, credit and usage are those of the customer that is linked.
      expect(linked.get(customerId), why).toBe(account);
      const here = { state, user_id: account, is_foreign: 0 };
      expect(stored.get(subscriptionId), why).toMatchObject(here);
      expect(await checkAccess(server.services, account), why).toMatchObject({ allowed });
    }
    const teams = new Set(
      payers.flatMap(({ account }) => (account.startsWith('team') ? account : [])),
    );
    for (const team of teams) {
      expect(await checkAccess(server.services, team), team).toMatchObject({ allowed: true });
    }
  }, 120_000);

  it('answers each kind of payer over HTTP: portal, invoices, and no second subscription or trial', async () => {
    const asked = new Map(
      payers
        .filter(({ kind }) => isPaying(kind) || kind === 'ended, with a trial')
        .map((payer) => [`${payer.kind}, ${payer.life}`, payer]),
    );
    const shown = `${asked.size} of ${payers.length} payers, one of each kind and life, are asked over HTTP`;
    process.stdout.write(`${shown}\n`);
    for (const [why, { account, kind, life }] of asked) {
      const ask = (method: string, path: string, body?: object) =>
        server.call(method, `/api/billing/${path}`, { user: account, body });
      const hadTrial = kind === 'ended, with a trial' || life === 'canceled';
      const [state, allowed, checkout] = EXPECTED[hadTrial ? 'canceled' : life];
      const { json } = await ask('GET', 'subscription');
      expect(json, why).toMatchObject({ subscription: { state } });
      expect((await ask('GET', 'access')).json, why).toMatchObject({ allowed });
      expect((await ask('POST', 'portal', {})).status, why).toBe(200);
      expect((await ask('GET', 'invoices')).json['invoices'], why).not.toEqual([]);
      const opened = await ask('POST', 'checkout', PRO);
      expect(opened.status, `${why}: ${opened.text}`).toBe(checkout);
      if (!hadTrial) continue;
      const id = String(opened.json['sessionId']);
      expect((await server.stripe.checkout.sessions.retrieve(id)).amount_total, why).toBe(5_000);
    }
    const stranger = payers.find(({ kind }) => kind === 'a price of another program')!;
    const seen = await server.call('GET', '/api/billing/subscription', { user: stranger.account });
    expect(seen.json).toEqual({ subscription: null });
  }, 120_000);

  it('marks the customers that it links where it is asked to, once, and nothing else of theirs', async () => {
    const { knex } = server.database;
    const linked: { stripe_customer_id: string; user_id: string }[] = await knex('customers')
      .whereNotNull('stripe_customer_id')
      .select('stripe_customer_id', 'user_id');
    const accountOf = new Map(linked.map((row) => [row.stripe_customer_id, row.user_id]));
    const sold = payers.filter(({ customerId }) => accountOf.has(customerId));
    const wanted = sold.map(({ customerId }) => `POST /v1/customers/${customerId}`).toSorted();
    const writesOf = async (run: () => Promise<unknown>) => {
      await watch.lookAgain();
      const had = new Set(watch.ofServer().map(({ id }) => id));
      const looking = setInterval(() => void watch.look(), 100);
      await run();
      clearInterval(looking);
      await watch.look();
      return watch.ofServer().filter(({ id, method }) => method !== 'GET' && !had.has(id));
    };
    const writes = await writesOf(() => runScript('tenure', imported('--mark'), server.env));
    expect(writes.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(wanted);
    for (const { path, requestBody } of writes) {
      const account = accountOf.get(path.split('/').at(-1) ?? '');
      expect(Object.fromEntries(new URLSearchParams(requestBody)), path).toEqual({
        'metadata[tenure_account]': account,
        'metadata[tenure_deployment]': 'tenure',
      });
    }
    const again = {
      rules: [],
      map: new Map<string, string>(),
      dryRun: false,
      mark: true,
      actor: 'system',
    };
    expect(await writesOf(() => importAccount(server.services, again))).toEqual([]);
  }, 240_000);

  it('is compared with Stripe by verify, which says what is left, and what it could not see', async () => {
    const { stdout, stderr } = await runScript('tenure', ['verify'], server.env);
    expect(stdout, stderr).toMatch(/\d+ live subscriptions on your prices have no account/);
    expect(stdout).toMatch(/\d+ claims contradict the account of a customer/);
    expect(stdout).not.toContain('test clocks');
    const { stripe } = server.services;
    const { listTestClocks } = stripe;
    // A restricted key.
    stripe.listTestClocks = () =>
      Promise.reject(
        new GatewayError('invalid', 'The provided key does not have the required permissions', {
          code: null,
          declineCode: null,
          retryAfter: null,
          param: null,
          status: 403,
          cause: null,
        }),
      );
    expect(await verifyDatabase(server.services)).toMatchObject({ clocksUnseen: true });
    stripe.listTestClocks = listTestClocks;
    expect(await verifyDatabase(server.services)).toMatchObject({ clocksUnseen: false });
  }, 60_000);
});
