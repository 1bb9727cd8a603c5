import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../../scripts/local-stack.ts';
import { compiledScript } from '../support/compiled.ts';
import { runScript } from './run-script.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'tenure-cli-'));
let stack: LocalStack;
beforeAll(async () => {
  const env = { PORT: '0', EMULATOR_PORT: '0', LOG_LEVEL: 'silent' };
  stack = await startLocalStack({ env, dataDir });
}, 60_000);
afterAll(async () => {
  await stack.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const tenure = (args: string[], env: Record<string, string> = {}) => runScript('tenure', args, env);

describe('The command tenure', { timeout: 90_000 }, () => {
  it('lists its commands, and names what it does not know', async () => {
    const help = await tenure(['help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = Object.values(scripts).flatMap(
      (line) => /tenure\.ts (\S+)/.exec(line)?.[1] ?? [],
    );
    for (const name of named) expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(await tenure(['verfiy'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'There is no command "verfiy". tenure help lists them.\n',
    });
  });

  it('A-3: says a wrong option in one line', async () => {
    const { code, stderr } = await tenure(['verify', '--repiar']);
    expect(code).toBe(2);
    expect(stderr).toBe("Unknown option '--repiar'. See tenure verify --help.\n");
  });

  it('A-3: says in one line that the database has no tables yet', async () => {
    const { code, stderr } = await tenure(['verify', '--data', dataDir], {
      DATABASE_URL: `sqlite:${join(dataDir, 'empty.sqlite')}`,
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The database has no tables yet: .*tenure migrate.*\n$/);
  });

  it('A-2, A-4: finds the deployment of npm start, whatever its ports', async () => {
    const found = ['--data', dataDir];
    expect(await tenure(['verify', ...found])).toEqual({
      code: 0,
      stdout: '0 subscriptions compared, 0 differed, 0 repaired.\n',
      stderr: '',
    });
    expect(await tenure(['replay', '--failed', ...found])).toMatchObject({ code: 0, stderr: '' });
    expect(await tenure(['migrate', '--status', ...found])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+ applied; pending: none\.\n$/),
    });
  });

  it('asks the history about other rules, and refuses what is no rule', async () => {
    const file = join(dataDir, 'rules.env');
    const found = ['backtest', '--policy', file, '--data', dataDir];
    writeFileSync(file, 'GRACE=3\nTRIAL_DAYS=90\n');
    expect(await tenure(found)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('TRIAL_DAYS is no rule of a backtest'),
    });
    writeFileSync(file, '# three days, and no last attempt\nGRACE=3\nDUNNING_FINAL_ACTION=none\n');
    const { code, stdout, stderr } = await tenure([...found, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      subscriptions: 0,
      rules: {
        asConfigured: { grace: 'period_end', finalAction: 'cancel' },
        underPolicy: { grace: { days: 3 }, finalAction: 'none', maxAttempts: 3 },
      },
    });
  });

  it('A-4: names the variable that would choose a real account', async () => {
    const { code, stderr } = await tenure(['verify', '--data', dataDir], { EMULATOR_PORT: '1' });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^There is no local Stripe on http:\/\/127\.0\.0\.1:1\. .*STRIPE_SECRET_KEY/,
    );
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('C-5: npm start sells what the plans file names, and refuses a price that it cannot make', async () => {
    const file = join(dataDir, 'plans.json');
    const solo = { id: 'solo', name: 'Solo', rank: 1 };
    const book = { price: '$BOOK', currency: 'usd', amount: 1900 };
    const products = [{ id: 'book', name: 'Book', priceId: book }];
    const write = (monthly: unknown) =>
      writeFileSync(file, JSON.stringify({ plans: [{ ...solo, prices: { monthly } }], products }));
    const env = { PORT: '0', EMULATOR_PORT: '0', LOG_LEVEL: 'silent', PLANS_FILE: file };
    const start = () => startLocalStack({ env, dataDir: join(dataDir, 'plans') });

    write('$SOLO_MONTHLY');
    await expect(start()).rejects.toThrow(/\$SOLO_MONTHLY, which is not set/);
    // What is in the environment may belong to another account.
    const other = { price: '$SOLO_MONTHLY', currency: 'usd', amount: 900 };
    write(other);
    const sold = await startLocalStack({
      env: { ...env, SOLO_MONTHLY: 'price_elsewhere' },
      dataDir: join(dataDir, 'plans'),
    });
    try {
      expect(sold.server.services.catalogue).toMatchObject({
        plans: [{ id: 'solo', prices: { monthly: { amount: 900, currency: 'usd' } } }],
        products: [{ id: 'book', amount: 1900 }],
      });
    } finally {
      await sold.close();
    }
  });

  it('A-15: finishes its work when its reader is gone', async () => {
    const key = 'sk_test_reader_gone';
    const env = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      STRIPE_SECRET_KEY: key,
      STRIPE_API_BASE: stack.stripe.url,
      ENV_FILE: join(dataDir, 'setup.env'),
    };
    const command = `node ${compiledScript('tenure')} setup --save-to "$ENV_FILE" | head -1`;
    const { stdout } = await promisify(execFile)('bash', ['-o', 'pipefail', '-c', command], {
      env,
    });
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(readFileSync(env.ENV_FILE, 'utf8')).toContain('STRIPE_PRO_YEARLY_PRICE_ID=price_');
  });
});
