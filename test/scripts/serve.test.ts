import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { claimPort } from '../../scripts/free-port.ts';
import { until } from '../support/server.ts';
import { compiledScript } from '../support/compiled.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'tenure-serve-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function serve(env: Record<string, string>) {
  const child = spawn(process.execPath, [compiledScript('serve')], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      STRIPE_SECRET_KEY: 'sk_test_of_serve',
      STRIPE_WEBHOOK_SECRET: 'whsec_of_serve_test',
      STRIPE_API_BASE: 'http://127.0.0.1:9',
      STRIPE_PRO_MONTHLY_PRICE_ID: 'price_1',
      ...env,
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { child, said: () => said, exit: once(child, 'exit').then(([code]) => code as number) };
}

describe('npm run serve', { timeout: 120_000 }, () => {
  it('S-28: says in one line which SQLite file is damaged and what to do, and exits 1', async () => {
    const file = join(folder, 'text.sqlite');
    writeFileSync(file, 'this is no database\n'.repeat(200));
    const { said, exit } = serve({ DATABASE_URL: `sqlite:${file}` });
    expect(await exit).toBe(1);
    expect(said().trim().split('\n')).toEqual([
      expect.stringMatching(/^The SQLite file \/.*text\.sqlite is damaged.*docs\/production\.md/),
    ]);
  });

  it('S-28: waits for its database, for each of several processes too, and stops when it is told to meanwhile', async () => {
    const port = await claimPort(0, '127.0.0.1');
    const DATABASE_URL = `postgres://tenure:the-password@127.0.0.1:${port}/tenure`;
    for (const WORKERS of ['1', '2']) {
      const { child, said, exit } = serve({ DATABASE_URL, WORKERS });
      await until(async () => said().includes('cannot be reached yet'), 60_000);
      expect(child.exitCode).toBeNull();
      child.kill('SIGTERM');
      expect(await exit).toBe(0);
      expect(said()).not.toContain('the-password');
    }
  });
});
