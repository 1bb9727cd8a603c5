import { join } from 'node:path';
import type { Run } from '../server/app/run-server.ts';
import { claimPort } from './free-port.ts';
import { startLocalStripe, type LocalStripe } from './local-stripe.ts';

export interface LocalStack {
  server: Run;
  stripe: LocalStripe;
  /** What the server was configured with. */
  env: Record<string, string | undefined>;
  close: () => Promise<void>;
}

export interface LocalStackOptions {
  /** What the user set; it wins over what is made here, except for the account itself. */
  env: Record<string, string | undefined>;
  /** False sells no usage with the default plans. */
  usage?: boolean;
  /** Where the local Stripe, the secrets and (by default) the database are kept. */
  dataDir: string;
}

/**
 * A local Stripe, its account made ready, and the server on top: all of it over real HTTP. The
 * server's modules are loaded while the local Stripe starts; one after the other takes twice as long.
 */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { env: given, dataDir } = options;
  const host = given['HOST'] || '127.0.0.1';
  const port = await claimPort(Number(given['PORT'] || 3000), host);
  const starting = startLocalStripe({
    port: Number(given['EMULATOR_PORT'] || 12_111),
    dataFile: join(dataDir, 'stripe.json'),
  });
  const [stripe, { prepareLocalAccount }, { runServer }] = await Promise.all([
    starting,
    import('./local-account.ts'),
    import('../server/app/run-server.ts'),
  ]);
  try {
    const account = await prepareLocalAccount({
      apiBase: stripe.url,
      secretsFile: join(dataDir, 'local.json'),
      webhookUrl: `http://${host}:${port}/api/webhooks/stripe`,
      testClock: given['STRIPE_TEST_CLOCK'] || null,
      usage: options.usage ?? true,
      plans: given['PLANS_FILE']?.trim()
        ? { file: given['PLANS_FILE'].trim(), env: given }
        : undefined,
    });
    const env = {
      DATABASE_URL: `sqlite:${join(dataDir, 'tenure.sqlite')}`,
      ...account,
      ...withoutEmpty(given),
      ...accountOnly(account),
      PORT: String(port),
    };
    const server = await runServer({ env });
    return { server, stripe, env, close: () => server.close().then(() => stripe.close()) };
  } catch (error) {
    await stripe.close();
    throw error;
  }
}

/** What belongs to the local account and cannot come from elsewhere. */
function accountOnly(account: Record<string, string>): Record<string, string> {
  const { AUTH_JWT_SECRET: _secret, ADMIN_TOKEN: _token, ...rest } = account;
  return rest;
}

function withoutEmpty(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value]] : [])),
  );
}
