import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signStripePayload } from '../support/sign-stripe-payload.ts';
import { claimPort } from '../../scripts/free-port.ts';
import { prepareLocalAccount } from '../../scripts/local-account.ts';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { until } from '../support/server.ts';
import { TEST_ADMIN_TOKEN, TEST_JWT_SECRET } from '../support/tokens.ts';

/** How long starting several processes may take on a busy machine. */
const PATIENCE = 60_000;

let emulator: RunningEmulator;
let database: TestDatabase;

interface ServerProcesses {
  url: string;
  first: ChildProcess;
  env: Record<string, string>;
  /** Ids of the processes that said they were ready, oldest first. */
  pids: () => number[];
  output: () => string;
  exit: Promise<number | null>;
}

/** The built server with `WORKERS` processes, on a port of its own. */
async function serve(root: string, extra: Record<string, string> = {}): Promise<ServerProcesses> {
  const port = await claimPort(0, '127.0.0.1');
  const account = await prepareLocalAccount({
    apiBase: emulator.url,
    secretsFile: null,
    webhookUrl: `http://127.0.0.1:${port}/api/webhooks/stripe`,
    testClock: null,
  });
  const env = {
    ...account,
    PATH: process.env['PATH'] ?? '',
    AUTH_JWT_SECRET: TEST_JWT_SECRET,
    ADMIN_TOKEN: TEST_ADMIN_TOKEN,
    DATABASE_URL: database.url,
    PORT: String(port),
    WORKERS: '2',
    LOG_LEVEL: 'info',
    ...extra,
  };
  const first = spawn(process.execPath, ['dist/scripts/serve.js'], { cwd: root, env });
  let text = '';
  first.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  first.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const lines = () => text.split('\n').filter((line) => line.startsWith('{"level"'));
  const exit = once(first, 'exit').then(([code]) => code as number | null);
  const parsed = () => lines().map((line) => JSON.parse(line) as { msg: string; pid?: number });
  const own: ServerProcesses = {
    url: `http://127.0.0.1:${port}`,
    first,
    env,
    pids: () =>
      parsed().flatMap(({ msg, pid }) => (msg === 'a server process is ready' ? [pid!] : [])),
    output: () => text,
    exit,
  };
  await until(async () => {
    if (first.exitCode !== null) throw new Error(`It ended with ${first.exitCode}: ${text}`);
    return parsed().some(({ msg }) => msg === 'ready');
  }, PATIENCE);
  return own;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // One that has ended stays listed until its parent has looked.
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/\) Z /.test(readFileSync(stat, 'utf8'));
}

function deliver({ url, env }: ServerProcesses, id: string): Promise<number> {
  const body = JSON.stringify({
    id,
    object: 'event',
    type: 'x.y',
    created: 1,
    data: { object: {} },
  });
  const secret = env['STRIPE_WEBHOOK_SECRET'] ?? '';
  const signature = signStripePayload(Buffer.from(body), secret, Math.floor(Date.now() / 1000));
  const headers = { 'stripe-signature': signature, connection: 'close' };
  return fetch(`${url}/api/webhooks/stripe`, { method: 'POST', body, headers }).then(
    ({ status }) => status,
    () => 0,
  );
}

/** On a connection of its own, so that any process may get it. */
async function askForPlans({ url }: ServerProcesses): Promise<void> {
  const answer = await fetch(`${url}/api/billing/plans`, { headers: { connection: 'close' } });
  expect(answer.status).toBe(200);
}

/** Holds the built server, `dist/` of the given folder, to what several processes promise. */
export function describeServerProcesses(root: () => string): void {
  describe('Several server processes on one Postgres', () => {
    beforeAll(async () => {
      emulator = await startEmulator();
      database = await createTestDatabase('postgres');
    });
    afterAll(async () => {
      await database.drop();
      await emulator.close();
    });

    it(
      'share the port, answer for each other’s figures, replace the dead, and stop together',
      async () => {
        const servers = await serve(root());
        try {
          expect(servers.pids()).toHaveLength(2);
          const statuses = await Promise.all(
            Array.from({ length: 40 }, (_, i) => deliver(servers, `evt_c${i}`)),
          );
          expect(new Set(statuses)).toEqual(new Set([200]));
          const asks = Array.from({ length: 40 }, () => askForPlans(servers));
          await Promise.all(asks);
          const metrics = await fetch(`${servers.url}/metrics`, {
            headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}` },
          });
          const plans = /http_request_duration_seconds_count\{.*plans.*status="200"\} (\d+)/;
          // All of them, whichever process took each and whichever was asked.
          expect(plans.exec(await metrics.text())?.[1]).toBe('40');

          const [victim = 0, survivor = 0] = servers.pids();
          process.kill(victim, 'SIGKILL');
          await until(async () => servers.pids().length === 3, PATIENCE);
          expect(isRunning(survivor)).toBe(true);
          expect(await deliver(servers, 'evt_after')).toBe(200);

          const alive = servers.pids().filter((pid) => isRunning(pid));
          expect(alive).toHaveLength(2);
          servers.first.kill('SIGTERM');
          expect(await servers.exit).toBe(0);
          expect(alive.filter((pid) => isRunning(pid))).toEqual([]);
        } finally {
          servers.first.kill('SIGKILL');
        }
      },
      3 * PATIENCE,
    );

    it(
      'are not started when one cannot start: one message, and the exit says so',
      async () => {
        const wrong = serve(root(), { ADMIN_TOKEN: 'short', LOG_LEVEL: 'loud' });
        await expect(wrong).rejects.toThrow(/ended with 1: .*ADMIN_TOKEN.*LOG_LEVEL/s);
        const taken = serve(root(), { HOST: '203.0.113.1' });
        await expect(taken).rejects.toThrow(/ended with 1: .*could not start/s);
      },
      3 * PATIENCE,
    );

    it(
      'end on their own when the first process is killed',
      async () => {
        const servers = await serve(root());
        servers.first.kill('SIGKILL');
        await servers.exit;
        await until(async () => servers.pids().every((pid) => !isRunning(pid)), PATIENCE);
        expect(servers.pids()).toHaveLength(2);
      },
      3 * PATIENCE,
    );
  });
}
