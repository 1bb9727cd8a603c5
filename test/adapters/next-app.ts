import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sessionCookie } from '../next-app/lib/session.ts';
import { run, unpackTarball } from '../support/packed.ts';
import { until } from '../support/server.ts';
import { startStripeFor } from '../support/stripe-for-app.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const NEXT = join(ROOT, 'node_modules/next/dist/bin/next');

export interface NextApp {
  url: string;
  webhookSecret: string;
  adminToken: string;
  /** The cookie that the app's own login would set. */
  cookieOf: (email: string) => string;
  close: () => Promise<void>;
}

/**
 * Builds the app of `test/next-app` for production with the packed package in it, and starts it on a
 * local Stripe. It is built inside of this project, because Turbopack follows no link out of its root.
 */
export async function startNextApp(tarball: string): Promise<NextApp> {
  mkdirSync(join(ROOT, 'test-output'), { recursive: true });
  const dir = mkdtempSync(join(ROOT, 'test-output/next-app-'));
  cpSync(join(ROOT, 'test/next-app'), dir, { recursive: true });
  await unpackTarball(tarball, dir);
  const stripe = await startStripeFor('/api/webhooks/stripe');
  // The test makes cookies as the app does.
  process.env['SESSION_SECRET'] = randomBytes(16).toString('hex');
  process.env['NEXT_TELEMETRY_DISABLED'] = '1';
  await run(process.execPath, [NEXT, 'build'], dir);
  const env = {
    ...process.env,
    NODE_ENV: 'production',
    ...stripe.env,
    DATABASE_URL: `sqlite:${join(dir, 'data.sqlite')}`,
    RATE_LIMIT_PER_USER: '0',
    RATE_LIMIT_PER_ADDRESS: '0',
    RATE_LIMIT_STRIPE_CALLS: '0',
  };
  const args = [NEXT, 'start', '-H', '127.0.0.1', '-p', stripe.env['PORT'] ?? ''];
  const child = spawn(process.execPath, args, { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const words = wordsOf(child);
  try {
    await until(() => isUp(stripe.appUrl));
  } catch (error) {
    throw new Error(`The Next app did not start:\n${words()}`, { cause: error });
  }
  return {
    url: stripe.appUrl,
    webhookSecret: stripe.env['STRIPE_WEBHOOK_SECRET'] ?? '',
    adminToken: stripe.env['ADMIN_TOKEN'] ?? '',
    cookieOf: (email) => {
      const { name, value } = sessionCookie(email);
      return `${name}=${encodeURIComponent(value)}`;
    },
    close: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
      await stripe.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function isUp(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/api/billing/plans`);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

function wordsOf(child: ChildProcess): () => string {
  let words = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-4000);
    });
  }
  return () => words;
}
