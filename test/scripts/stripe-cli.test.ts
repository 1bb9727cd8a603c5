import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cliTarget, targetArgs } from '../../scripts/stripe-cli/target.ts';
import { startTestServer, until, type TestServer } from '../support/server.ts';
import { runScript } from './run-script.ts';
import { compiledScript } from '../support/compiled.ts';

let server: TestServer;
let env: Record<string, string>;
let child: ChildProcess | null = null;
const directory = mkdtempSync(join(tmpdir(), 'tenure-listen-'));

beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
  env = {
    STRIPE_API_KEY: server.env['STRIPE_SECRET_KEY'] ?? '',
    STRIPE_API_BASE: server.emulator.url,
  };
});
afterEach(async () => {
  if (child && child.exitCode === null) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  child = null;
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A port that systems give nobody who asks for any: those begin at 32,768 or higher. */
const somePort = () => String(20_000 + Math.floor(Math.random() * 10_000));

/** Starts one of `scripts/`, and collects what it says. */
function begin(name: string, args: string[], more: Record<string, string> = {}): () => string {
  let text = '';
  child = spawn(process.execPath, [compiledScript(name), ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout?.on('data', (chunk) => (text += String(chunk)));
  child.stderr?.on('data', (chunk) => (text += String(chunk)));
  return () => text;
}

describe('npm run stripe:listen and stripe:trigger', { timeout: 60_000 }, () => {
  it('forward what is triggered, and tell which events came of it', async () => {
    const sink = `${server.url}/healthz`;
    const output = begin('stripe-listen', ['--forward-to', sink]);
    await until(async () => output().includes('Ready!'));
    const run = await runScript(
      'stripe-trigger',
      ['customer.subscription.created', '--user', 'user_of_a_trigger'],
      env,
    );
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/customer\.subscription\.created\s+evt_\w+/);
    await until(async () => /--> customer\.subscription\.created \[evt_/.test(output()));
    // The server hears of it by the endpoint of its own. O-4: a price that the CLI makes up is in no plan of ours, so the
    // subscription is foreign, whatever user its metadata names.
    await server.settled();
    const { json } = await server.call('GET', '/api/billing/subscription', {
      user: 'user_of_a_trigger',
    });
    expect(json).toEqual({ subscription: null });
    const stored = await server.database
      .knex('webhook_events')
      .where({ type: 'customer.subscription.created' })
      .pluck<string[]>('flags');
    expect(stored).toEqual([expect.stringContaining('foreign')]);
  });

  it('give the signing secret without copying: printed, or into a file that only its owner reads', async () => {
    const printed = await runScript('stripe-listen', ['--print-secret'], env);
    expect(printed.stdout).toMatch(/^whsec_\w{32,}\n$/);
    const file = join(directory, '.env');
    const output = begin('stripe-listen', ['--save-to', file]);
    await until(async () => output().includes('Ready!'));
    expect(readFileSync(file, 'utf8')).toBe(`STRIPE_WEBHOOK_SECRET=${printed.stdout}`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('npm start with a test key and no secret takes the events of stripe:listen', async () => {
    const port = somePort();
    const output = begin('start', [], {
      ...env,
      STRIPE_API_KEY: '',
      STRIPE_SECRET_KEY: env['STRIPE_API_KEY'] ?? '',
      STRIPE_PRO_MONTHLY_PRICE_ID: server.env['STRIPE_PRO_MONTHLY_PRICE_ID'] ?? '',
      DATABASE_URL: `sqlite:${join(directory, 'start.sqlite')}`,
      PORT: port,
      LOG_LEVEL: 'silent',
    });
    await until(async () => output().includes('Tenure is ready'));
    expect(output()).toContain('Takes the events of npm run stripe:listen');
    const starting = child;
    const secret = await runScript('stripe-listen', ['--print-secret'], env);
    expect(output()).not.toContain(secret.stdout.trim());
    // Signed by the CLI's secret, and accepted.
    const { createStripeCli } = await import('../../scripts/stripe-cli/cli.ts');
    const cli = createStripeCli({ key: env['STRIPE_API_KEY'] ?? '', apiBase: server.emulator.url });
    const to = `http://127.0.0.1:${port}/api/webhooks/stripe`;
    const listen = cli.start(['listen', '-s', '-e', 'product.created', '--forward-to', to]);
    await listen.until(/Ready!/);
    await server.stripe.products.create({ name: 'Heard of' });
    await listen.until(/<--\s+\[200\]/);
    await cli.close();
    child = starting;
  });

  it('npm run doctor knows the local deployment of npm start', async () => {
    const home = join(directory, 'shop');
    const ports = { PORT: '0', EMULATOR_PORT: somePort() };
    const nothing = { STRIPE_API_KEY: '', STRIPE_API_BASE: '' };
    const output = begin('start', ['--json', '--data', home], { ...nothing, ...ports });
    await until(async () => output().includes('"token"'));
    const doctor = await runScript('doctor', ['--json', '--data', home], ports);
    expect(doctor.stderr).toBe('');
    expect(JSON.parse(doctor.stdout)).toMatchObject({ healthy: true });
    // Nothing of the running server was replaced: its secrets are those of its start.
    const local = JSON.parse(readFileSync(join(home, 'local.json'), 'utf8')) as object;
    expect(local).toMatchObject({
      adminToken: (JSON.parse(output()) as { adminToken: string }).adminToken,
    });
    child?.kill('SIGINT');
    await once(child!, 'exit');
    const away = await runScript('doctor', ['--data', home], ports);
    expect(away).toMatchObject({ code: 1, stdout: '' });
    expect(away.stderr).toMatch(/^There is no local Stripe on /);
  });

  it('say what to do when there is no local Stripe', async () => {
    const run = await runScript('stripe-trigger', ['invoice.paid'], {
      STRIPE_API_BASE: 'http://127.0.0.1:9',
    });
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/^There is no local Stripe on .*npm start/);
    expect(run.stderr).not.toMatch(/ {4}at /);
  });
});

describe('the account that the CLI works on', () => {
  it('is that of the environment, else the local one', () => {
    expect(cliTarget({})).toEqual({
      key: 'sk_test_tenure_local',
      apiBase: 'http://127.0.0.1:12111',
    });
    expect(cliTarget({ EMULATOR_PORT: '4000' }).apiBase).toBe('http://127.0.0.1:4000');
    const sandbox = cliTarget({ STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_API_KEY: 'sk_test_2' });
    expect(sandbox).toEqual({ key: 'sk_test_2', apiBase: null });
    expect(targetArgs(sandbox)).toEqual([]);
    const local = cliTarget({
      STRIPE_API_KEY: 'sk_test_2',
      STRIPE_API_BASE: 'http://localhost:1/',
    });
    expect(targetArgs(local)).toEqual(['--api-base', 'http://127.0.0.1:1']);
  });

  it('is never a live one', () => {
    for (const key of ['sk_live_1', 'rk_live_1']) {
      expect(() => cliTarget({ STRIPE_SECRET_KEY: key })).toThrow(/test key/);
    }
  });
});
