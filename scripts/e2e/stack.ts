import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { runServer, type Run } from '../../server/app/run-server.ts';
import { setUpAccount } from '../../server/operations/setup/setup-account.ts';
import { setupOptions } from '../../server/operations/setup/setup-options.ts';
import { webhookEventTypes } from '../../server/webhooks/event-types.ts';
import { claimPort } from '../free-port.ts';
import { startLocalStripe, type LocalStripe } from '../local-stripe.ts';
import { createStripeCli, type StripeCli } from '../stripe-cli/cli.ts';

const PLANS_FILE = 'scripts/scenarios/plans.json';

/** A server that hears of everything through `stripe listen`, and the CLI to make things happen. */
export interface E2eStack {
  cli: StripeCli;
  server: Run;
  /** The local Stripe; null when the target is a real sandbox. */
  localStripe: { url: string; key: string } | null;
  /** What scenarios know from the start: prices and the portal. */
  values: Map<string, string>;
  /** What the server says to a user, and to the admin. */
  get: (path: string, who: { user: string } | 'admin') => Promise<unknown>;
  /** Everything that `stripe listen` printed. */
  listenLog: () => string;
  /** Stops everything; with a directory, keeps the logs of the CLI there. */
  close: (keepLogsIn: string | null) => Promise<void>;
}

/**
 * Starts the server and `stripe listen --forward-to` it, on a local Stripe or, with a key, on that sandbox. The signing
 * secret comes from `stripe listen --print-secret`.
 */
export async function startE2eStack(options: { sandboxKey: string | null }): Promise<E2eStack> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tenure-e2e-'));
  const closers: (() => unknown)[] = [() => rmSync(dataDir, { recursive: true, force: true })];
  const closeAll = async () => {
    for (const close of closers.toReversed()) await close();
  };
  try {
    return await start(options, { dataDir, closers, closeAll });
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function start(
  { sandboxKey }: { sandboxKey: string | null },
  life: { dataDir: string; closers: (() => unknown)[]; closeAll: () => Promise<void> },
): Promise<E2eStack> {
  const { dataDir, closers } = life;
  let localStripe: LocalStripe | null = null;
  if (sandboxKey === null) {
    localStripe = await startLocalStripe({ port: 0, dataFile: join(dataDir, 'stripe.json') });
    closers.push(localStripe.close);
  }
  const key = sandboxKey ?? `sk_test_e2e_${randomBytes(8).toString('hex')}`;
  const cli = createStripeCli({ key, apiBase: localStripe?.url ?? null });
  closers.push(cli.close);
  const { account, values } = await prepareAccount(key, localStripe?.url);
  const env = {
    ...account,
    STRIPE_WEBHOOK_SECRET: await signingSecret(cli),
    DATABASE_URL: `sqlite:${join(dataDir, 'tenure.sqlite')}`,
    PORT: String(await claimPort(0, '127.0.0.1')),
    AUTH_JWT_SECRET: randomBytes(32).toString('hex'),
    ADMIN_TOKEN: randomBytes(16).toString('hex'),
    LOG_LEVEL: 'silent',
  };
  const server = await runServer({ env });
  closers.push(server.close);
  const events = webhookEventTypes(false).join(',');
  const to = `${server.url}/api/webhooks/stripe`;
  const listen = cli.start(['listen', '-s', '--latest', '-e', events, '--forward-to', to]);
  await listen.until(/Ready!/);
  return {
    cli,
    server,
    localStripe: localStripe && { url: localStripe.url, key },
    values,
    get: (path, who) =>
      read(
        server.url + path,
        who === 'admin' ? env.ADMIN_TOKEN : tokenFor(who.user, env.AUTH_JWT_SECRET),
      ),
    listenLog: listen.output,
    close: async (keepLogsIn) => {
      if (keepLogsIn !== null) {
        writeFileSync(join(keepLogsIn, 'stripe-listen.log'), listen.output());
      }
      await listen.stop();
      await life.closeAll();
    },
  };
}

async function prepareAccount(key: string, apiBase: string | undefined) {
  const env = { STRIPE_SECRET_KEY: key, STRIPE_API_BASE: apiBase, PLANS_FILE };
  const made = await setUpAccount(setupOptions(env, { portalName: 'e2e' }), { dryRun: false });
  const values = new Map<string, string>();
  for (const { kind, what, id } of made.actions) {
    if (kind === 'price' && id !== null) values.set(`price.${what}`, id);
  }
  values.set('portal', made.env['STRIPE_PORTAL_CONFIGURATION'] ?? '');
  return { account: { ...env, ...made.env }, values };
}

async function signingSecret(cli: StripeCli): Promise<string> {
  const run = await cli.run(['listen', '--print-secret']);
  const secret = run.stdout.trim();
  if (secret.startsWith('whsec_')) return secret;
  throw new Error(`stripe listen --print-secret said: ${run.stderr.trim() || run.stdout.trim()}`);
}

async function read(url: string, token: string | Promise<string>): Promise<unknown> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${await token}` } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

function tokenFor(user: string, secret: string): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(secret));
}
