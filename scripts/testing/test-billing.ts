import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stripe } from 'stripe';
import { claimPort } from '../free-port.ts';
import { prepareLocalAccount } from '../local-account.ts';
import { startEmulator } from '../stripe-emulator/index.ts';
import { advanceDays } from './clock.ts';
import { signStripeEvent, type SignedMessage } from './signed-events.ts';
import { createTestUser, type TestUser, type TestUserOptions } from './test-user.ts';
import { until } from './until.ts';

export interface TestBillingOptions {
  /** What you sell; default: the plans that come with Tenure. Its prices are made in the local Stripe. */
  plansFile?: string;
  /** Added to `env`, as `DATABASE_URL` (default: SQLite in a temporary directory) or `GRACE`. */
  env?: Record<string, string>;
  /** Where your app takes Stripe's webhooks. Default: /api/webhooks/stripe. */
  webhookPath?: string;
}

/** A local Stripe with your plans, and what uses it: a server of Tenure, or your own app on `url`. */
export interface TestBilling {
  /** Where the server listens, or where your app has to: the port is also `env.PORT`. */
  readonly url: string;
  /** What the server is configured with; give it to your app. */
  readonly env: Record<string, string>;
  /** Address of the local Stripe: a console in the browser, and `/_emulator/faults`. */
  readonly stripeUrl: string;
  /** The official SDK on the account, for what happens at Stripe. */
  readonly stripe: Stripe;
  user: (id: string, options?: TestUserOptions) => Promise<TestUser>;
  /** Moves the test clock that all customers are on, and waits for Stripe and its webhooks; resolves with its time. */
  advance: (time: { days: number }) => Promise<Date>;
  /** An event as Stripe would send it here, for tests of what your own handler does with it. */
  signedEvent: (type: string, object: object) => SignedMessage;
  /** Stops what was started and removes the database. */
  close: () => Promise<void>;
}

const DELIVERY_MS = 20_000;
/** Close together: an app that is about to listen gets its webhooks as soon as it does. */
const RETRIES_MS = Array.from({ length: 80 }, () => 250);

/** Starts a local Stripe for your own app, which you start with `env`. */
export async function startTestStripe(options: TestBillingOptions = {}): Promise<TestBilling> {
  const emulator = await startEmulator({ webhookRetrySchedule: RETRIES_MS });
  const dir = mkdtempSync(join(tmpdir(), 'tenure-test-'));
  const close = async () => {
    await emulator.close();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const port = await claimPort(0, '127.0.0.1');
    const url = `http://127.0.0.1:${port}`;
    const secretKey = `sk_test_${randomBytes(12).toString('hex')}`;
    const { plansFile } = options;
    const account = await prepareLocalAccount({
      apiBase: emulator.url,
      secretKey,
      secretsFile: null,
      webhookUrl: url + (options.webhookPath ?? '/api/webhooks/stripe'),
      testClock: null,
      plans: plansFile === undefined ? undefined : { file: plansFile, env: options.env ?? {} },
    });
    const env: Record<string, string> = {
      DATABASE_URL: `sqlite:${join(dir, 'tenure.sqlite')}`,
      LOG_LEVEL: 'error',
      // A test does in seconds what customers do in months.
      RATE_LIMIT_STRIPE_CALLS: '0',
      ...account,
      APP_URL: url,
      PORT: String(port),
      HOST: '127.0.0.1',
      ...(plansFile !== undefined && { PLANS_FILE: plansFile }),
      ...options.env,
    };
    const api = new URL(emulator.url);
    const stripe = new Stripe(secretKey, {
      host: api.hostname,
      port: api.port,
      protocol: 'http',
      telemetry: false,
    });
    const delivered = () => allDelivered(emulator.url, secretKey);
    const target = { url, env, stripe, delivered };
    return {
      url,
      env,
      stripe,
      stripeUrl: emulator.url,
      close,
      user: (id, given) => createTestUser(target, id, given),
      async advance({ days }) {
        const time = await advanceDays(stripe, env['STRIPE_TEST_CLOCK'] ?? '', days);
        await delivered();
        return time;
      },
      signedEvent: (type, object) =>
        signStripeEvent({ type, data: { object } }, env['STRIPE_WEBHOOK_SECRET'] ?? ''),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The same with a server of Tenure on top, in this process. */
export async function startTestBilling(options: TestBillingOptions = {}): Promise<TestBilling> {
  const [billing, { runServer }] = await Promise.all([
    startTestStripe(options),
    import('../../server/app/run-server.ts'),
  ]);
  try {
    const server = await runServer({ env: billing.env });
    return { ...billing, close: () => server.close().then(billing.close) };
  } catch (error) {
    await billing.close();
    throw error;
  }
}

/** Every webhook was answered with 2xx, also those that had to be sent again. */
async function allDelivered(stripeUrl: string, secretKey: string): Promise<void> {
  const headers = { authorization: `Bearer ${secretKey}` };
  let waiting: { event_type?: string; url?: string }[] = [];
  await until(
    async () => {
      const response = await fetch(`${stripeUrl}/_emulator/deliveries?state=waiting`, { headers });
      waiting = ((await response.json()) as { data: typeof waiting }).data;
      return waiting.length === 0;
    },
    () =>
      `${waiting.length} webhooks are not answered with 2xx after ${DELIVERY_MS / 1000} s, as ${JSON.stringify(waiting[0])}.`,
    DELIVERY_MS,
  );
}
