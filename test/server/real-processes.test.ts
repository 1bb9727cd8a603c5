import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { claimPort } from '../../scripts/free-port.ts';
import { prepareLocalAccount } from '../../scripts/local-account.ts';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { clockOffBy, FAKETIME } from '../support/faketime.ts';
import { until } from '../support/server.ts';
import { TEST_ADMIN_TOKEN, TEST_JWT_SECRET } from '../support/tokens.ts';
import { compiledScript } from '../support/compiled.ts';

const PATIENCE = 90_000;

let emulator: RunningEmulator;
let database: TestDatabase;
const children = new Set<ChildProcess>();
beforeAll(async () => {
  emulator = await startEmulator();
  database = await createTestDatabase('postgres');
});
afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  children.clear();
});
afterAll(async () => {
  await database.drop();
  await emulator.close();
});

interface Served {
  url: string;
  child: ChildProcess;
  said: () => string;
}

/** `npm run serve` as it is, until it says that it is ready. */
async function serve(extra: Record<string, string>): Promise<Served> {
  const port = await claimPort(0, '127.0.0.1');
  const account = await prepareLocalAccount({
    apiBase: emulator.url,
    secretsFile: null,
    webhookUrl: `http://127.0.0.1:${port}/api/webhooks/stripe`,
    testClock: null,
  });
  const env = {
    ...account,
    PATH: process.env['PATH'],
    AUTH_JWT_SECRET: TEST_JWT_SECRET,
    ADMIN_TOKEN: TEST_ADMIN_TOKEN,
    DATABASE_URL: database.url,
    PORT: String(port),
    ...extra,
  };
  const child = spawn(process.execPath, [compiledScript('serve')], {
    cwd: resolve(import.meta.dirname, '../..'),
    env,
  });
  children.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}: ${text}`);
    return text.includes('"msg":"ready"');
  }, PATIENCE);
  return { url: `http://127.0.0.1:${port}`, child, said: () => text };
}

interface Readiness {
  status: number;
  clocks: string | undefined;
}

async function readiness({ url }: Served): Promise<Readiness> {
  const response = await fetch(`${url}/readyz`);
  const { checks } = (await response.json()) as { checks?: { clocks: string } };
  return { status: response.status, clocks: checks?.clocks };
}

// Only libfaketime gives a process another clock; where it is not installed the run says so.
describe.skipIf(!FAKETIME)('A server whose clock is wrong when it starts', () => {
  it.each<[string, Readiness, number]>([
    ['-10s', { status: 200, clocks: 'off' }, -10],
    ['+1h', { status: 503, clocks: 'failed' }, 3_600],
  ])(
    'S-3: says so in /readyz and in its figures: %s',
    async (by, expected, seconds) => {
      const server = await serve(clockOffBy(by));
      let seen: Readiness | null = null;
      await until(async () => {
        seen = await readiness(server);
        return seen.clocks === expected.clocks;
      }, 15_000);
      expect(seen).toEqual(expected);
      const metrics = await fetch(`${server.url}/metrics`, {
        headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}` },
      });
      const [, offset] =
        /tenure_clock_offset_seconds\{of="database"\} (\S+)/.exec(await metrics.text()) ?? [];
      expect(Math.abs(Number(offset) - seconds)).toBeLessThan(3);
    },
    2 * PATIENCE,
  );
});

describe('A server process that is killed while a newer release is rolled out', () => {
  it(
    'S-15: is replaced by one of its own release',
    async () => {
      const server = await serve({ WORKERS: '2' });
      const pids = () =>
        server
          .said()
          .split('\n')
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line) as { msg: string; pid?: number })
          .flatMap(({ msg, pid }) => (msg === 'a server process is ready' && pid ? [pid] : []));
      const row = { name: '9999-of-the-next-release', applied_at: Date.now(), compatible: 1 };
      await database.knex('tenure_migrations').insert(row);
      process.kill(pids()[0]!, 'SIGKILL');
      await until(async () => pids().length === 3, PATIENCE);
      expect(await readiness(server)).toMatchObject({ status: 200 });
      server.child.kill('SIGTERM');
      expect((await once(server.child, 'exit'))[0]).toBe(0);
      await database.knex('tenure_migrations').where({ name: row.name }).delete();
    },
    3 * PATIENCE,
  );
});
