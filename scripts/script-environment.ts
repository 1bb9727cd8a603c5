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
  const url = process.env['STRIPE_SECRET_KEY']?.trim()
    ? null
    : localWebhookUrl(join(dataDir, 'local.json'));
  if (url === null) return { env: process.env, webhookUrl: null };
  const target = cliTarget({ EMULATOR_PORT: process.env['EMULATOR_PORT'] });
  await requireReachable(target);
  const account = await prepareLocalAccount({
    apiBase: target.apiBase ?? '',
    secretsFile: join(dataDir, 'local.json'),
    webhookUrl: url,
    testClock: process.env['STRIPE_TEST_CLOCK']?.trim() || null,
    usage: true,
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

/** As the last `npm start` made it; any other address would replace its endpoint. */
function localWebhookUrl(file: string): string | null {
  if (!existsSync(file)) return null;
  const secrets: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof secrets !== 'object' || secrets === null || !('webhook' in secrets)) return null;
  const { webhook } = secrets;
  return typeof webhook === 'object' && webhook !== null && 'url' in webhook
    ? String(webhook.url)
    : null;
}
