import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadEnvironmentFile } from '../server/config/environment-file.ts';
import { prepareLocalAccount } from './local-account.ts';
import { requireReachable } from './stripe-cli/attach.ts';
import { cliTarget } from './stripe-cli/target.ts';

export interface ScriptEnvironment {
  env: Record<string, string | undefined>;
  /** Where the local server takes its webhooks; null when the environment names an account of its own. */
  webhookUrl: string | null;
}

/**
 * The environment and `.env`; without STRIPE_SECRET_KEY that of the local account, if `npm start` has made one here.
 * Throws with words for people when the local Stripe is not running.
 */
export async function scriptEnvironment(dataDir: string): Promise<ScriptEnvironment> {
  loadEnvironmentFile();
  const local = process.env['STRIPE_SECRET_KEY']?.trim()
    ? null
    : localDeployment(join(dataDir, 'local.json'));
  if (local === null) return { env: process.env, webhookUrl: null };
  const { webhookUrl: url } = local;
  const { EMULATOR_PORT } = process.env;
  const apiBase =
    local.stripeUrl !== null && !EMULATOR_PORT?.trim()
      ? local.stripeUrl
      : cliTarget({ EMULATOR_PORT }).apiBase;
  await requireReachable({ apiBase }, 'STRIPE_SECRET_KEY');
  const account = await prepareLocalAccount({
    apiBase: apiBase ?? '',
    secretsFile: join(dataDir, 'local.json'),
    webhookUrl: url,
    testClock: process.env['STRIPE_TEST_CLOCK']?.trim() || null,
    usage: true,
    plans: process.env['PLANS_FILE']?.trim()
      ? { file: process.env['PLANS_FILE'].trim(), env: process.env }
      : undefined,
  });
  const given = Object.entries(process.env).filter(([, value]) => value?.trim());
  const env = {
    DATABASE_URL: `sqlite:${join(dataDir, 'tenure.sqlite')}`,
    APP_URL: new URL(url).origin,
    ...Object.fromEntries(given),
    ...account,
  };
  return { env, webhookUrl: url };
}

interface LocalDeployment {
  webhookUrl: string;
  /** null in the file of an older release. */
  stripeUrl: string | null;
}

/** As the last `npm start` made it; any other address would replace its endpoint. */
function localDeployment(file: string): LocalDeployment | null {
  if (!existsSync(file)) return null;
  const kept = JSON.parse(readFileSync(file, 'utf8')) as {
    webhook?: { url: string } | null;
    stripeUrl?: string;
  };
  if (!kept.webhook) return null;
  return { webhookUrl: kept.webhook.url, stripeUrl: kept.stripeUrl ?? null };
}
