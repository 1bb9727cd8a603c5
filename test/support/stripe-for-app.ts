import { claimPort } from '../../scripts/free-port.ts';
import { prepareLocalAccount } from '../../scripts/local-account.ts';
import { startEmulator } from '../../scripts/stripe-emulator/index.ts';

export interface StripeForApp {
  /** Where the app has to listen: its port is in `env`. */
  appUrl: string;
  /** What an app with billing in it is configured with, the database left out. */
  env: Record<string, string>;
  close: () => Promise<void>;
}

/** A local Stripe whose webhooks go to a path of an app that is yet to be started. */
export async function startStripeFor(webhookPath: string): Promise<StripeForApp> {
  const emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
  const port = await claimPort(0, '127.0.0.1');
  const appUrl = `http://127.0.0.1:${port}`;
  const account = await prepareLocalAccount({
    apiBase: emulator.url,
    secretsFile: null,
    webhookUrl: appUrl + webhookPath,
    testClock: null,
  });
  const env = { ...account, PORT: String(port), APP_URL: appUrl, LOG_LEVEL: 'silent' };
  return { appUrl, env, close: () => emulator.close() };
}
