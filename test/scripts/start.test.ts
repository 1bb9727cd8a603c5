import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { payCheckout } from '../../scripts/pay-checkout.ts';
import { until } from '../support/server.ts';
import { compiledScript } from '../support/compiled.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'tenure-start-'));
const children = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  children.clear();
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

interface Ready {
  url: string;
  stripe: string;
  token: string;
}

const CHECKOUT = { plan: 'pro', interval: 'monthly' };

describe('npm start on a fresh machine', { timeout: 120_000 }, () => {
  it('brings everything along; a paid checkout shows a trial; the next start knows it', async () => {
    const port = await freePort();
    const first = await start({ PORT: String(port) });
    const opened = await call(first.ready, 'checkout', CHECKOUT);
    await payCheckout((opened as { url: string }).url);
    await until(async () => (await stateOf(first.ready)) === 'trialing');
    expect(await stop(first.child)).toBe(0);
    await expect(fetch(first.ready.stripe)).rejects.toThrow('fetch failed');

    const second = await start({ PORT: String(port) });
    expect(await stateOf(second.ready)).toBe('trialing');
    // The token of the first start is still good, and so is its webhook endpoint.
    const canceled = await call(
      { ...second.ready, token: first.ready.token },
      'subscription/cancel',
      {},
    );
    expect(canceled).toMatchObject({ subscription: { state: 'cancel_pending' } });
    expect(await stop(second.child)).toBe(0);
  });

  it('keeps its secrets for its owner only', () => {
    for (const file of ['local.json', 'stripe.json', 'tenure.sqlite'])
      expect(statSync(join(dataDir, file)).mode & 0o777, file).toBe(0o600);
  });

  it('finishes the requests in flight at Ctrl-C, and exits 0', async () => {
    const { ready, child } = await start({}, ['--data', join(dataDir, 'another')]);
    const asked = Array.from({ length: 20 }, () => call(ready, 'checkout', CHECKOUT));
    await Promise.race(asked);
    const exit = stop(child);
    const answers = await Promise.allSettled(asked);
    for (const answer of answers) {
      // A connection that the server never took is refused; one that it took is served to its end.
      if (answer.status === 'rejected') expect(answer.reason.cause.syscall).toBe('connect');
      else expect(answer.value).toMatchObject({ url: expect.any(String) });
    }
    expect(await exit).toBe(0);
    await expect(fetch(ready.stripe)).rejects.toThrow('fetch failed');
  });

  it('takes the local Stripe with it even when it is killed', async () => {
    const { ready, child } = await start();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await until(() =>
      fetch(ready.stripe).then(
        () => false,
        () => true,
      ),
    );
  });

  it.each(['PORT', 'EMULATOR_PORT'])('says so when %s is taken', async (name) => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as AddressInfo;
    const { code, stderr } = await run({ [name]: String(port) });
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^Port ${port} is taken.*${name}`));
    expect(stderr).not.toMatch(/ {4}at /);
    await new Promise((resolve) => holder.close(resolve));
  });

  it('lists every bad variable in one message and starts nothing', async () => {
    const { code, stderr } = await run({
      STRIPE_SECRET_KEY: 'sk_live_abc',
      PORT: 'http',
      GRACE: 'long',
    });
    expect(code).toBe(1);
    for (const name of ['STRIPE_WEBHOOK_SECRET', 'PORT', 'GRACE']) expect(stderr).toContain(name);
    expect(stderr).not.toContain('sk_live_abc');
  });

  it('explains itself', async () => {
    const { code, stdout } = await run({}, ['--help']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('npm start')]);
  });
});

function spawnStart(env: Record<string, string>, args: string[]): ChildProcess {
  const child = spawn(
    process.execPath,
    [compiledScript('start'), '--json', '--data', dataDir, ...args],
    {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        PORT: '0',
        EMULATOR_PORT: '0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  children.add(child);
  return child;
}

async function start(
  env: Record<string, string> = {},
  args: string[] = [],
): Promise<{ child: ChildProcess; ready: Ready }> {
  const child = spawnStart(env, args);
  const stderr = collected(child.stderr);
  if (!child.stdout) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('"token"')) return { child, ready: JSON.parse(line) as Ready };
  }
  throw new Error(`It ended before it was ready: ${await stderr}`);
}

async function run(
  env: Record<string, string>,
  args: string[] = [],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawnStart(env, args);
  const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)];
  await once(child, 'close');
  return { code: child.exitCode, stdout: await stdout, stderr: await stderr };
}

async function stop(child: ChildProcess): Promise<number | null> {
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  await exited;
  return child.exitCode;
}

async function collected(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

/** Reads `path`, or posts a body to it. */
async function call(ready: Ready, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${ready.url}/api/billing/${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${ready.token}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  return response.json();
}

async function stateOf(ready: Ready): Promise<string | undefined> {
  const answer = (await call(ready, 'subscription')) as {
    subscription: { state: string } | null;
  };
  return answer.subscription?.state;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
