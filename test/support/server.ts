import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Stripe } from 'stripe';
import { createStripeGateway } from '../../adapters/stripe-gateway.ts';
import { prepareLocalAccount } from '../../scripts/local-account.ts';
import { advanceClock } from '../../scripts/testing/clock.ts';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import type { Dialect } from '../../db/database.ts';
import { loadConfig } from '../../server/config/config.ts';
import type { EngineOptions } from '../../server/sync/options.ts';
import { createLogger } from '../../server/lib/log.ts';
import { startServer } from '../../server/app/http-server.ts';
import { createServices, type ServiceOptions } from '../../server/app/compose.ts';
import type { Services } from '../../server/lib/services.ts';
import { fillAmounts } from '../../server/catalogue/fill-amounts.ts';
import { createTestDatabase, type TestDatabase } from './databases.ts';
import { TEST_ADMIN_TOKEN, TEST_JWT_SECRET, tokenFor } from './tokens.ts';

export interface TestServerOptions {
  database: Dialect;
  /** Shares an emulator that runs; each server has an account of its own in it. */
  emulator?: RunningEmulator;
  /** Added to the environment that the server is configured with; `undefined` takes a variable away. */
  env?: Record<string, string | undefined>;
  engine?: Partial<EngineOptions>;
  services?: Pick<ServiceOptions, 'authenticate' | 'log' | 'on' | 'probe' | 'stripe' | 'usage'>;
  /** How long the server hears slow senders out. */
  patience?: Parameters<typeof startServer>[1];
  /** Makes what the server needs in its Stripe account before it starts; returns variables to add. */
  prepare?: (
    stripe: Stripe,
    account: Record<string, string | undefined>,
  ) => Promise<Record<string, string>>;
  /** False leaves customers off a test clock. Default true. */
  testClock?: boolean;
  /** Seconds at which the test clock begins. Default now. */
  startAt?: number;
}

/** The real server on a real database and an account of the emulator, with webhooks over HTTP. */
export interface TestServer {
  url: string;
  services: Services;
  database: TestDatabase;
  emulator: RunningEmulator;
  /** The official SDK on this server's Stripe account, for what Stripe or a person does there. */
  stripe: Stripe;
  env: Record<string, string | undefined>;
  /** Calls the API; a user id is turned into a token. The body is sent as JSON. */
  call: (method: string, path: string, options?: CallOptions) => Promise<Answer>;
  /** Moves the test clock and waits until Stripe is done and every webhook has arrived. */
  advance: (days: number, ms?: number) => Promise<void>;
  /** Waits until no webhook is on its way or unprocessed; twenty seconds, or as many ms as said. */
  settled: (ms?: number) => Promise<void>;
  /** Whether a webhook is on its way, also one that will be tried again. */
  isDelivering: () => Promise<boolean>;
  /** Stops it and starts it again, on the same port, with the files and `services` of then. */
  restart: () => Promise<void>;
  /** Stops as SIGTERM does; `close()` is still needed. */
  drain: () => Promise<void>;
  close: () => Promise<void>;
}

export interface CallOptions {
  user?: string;
  admin?: boolean;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The parsed body; `{}` when it is not JSON. */
  json: Record<string, unknown>;
}

const DAY_SECONDS = 86_400;

/** Starts everything on free ports; `close()` leaves nothing behind. */
export async function startTestServer(options: TestServerOptions): Promise<TestServer> {
  const emulator =
    options.emulator ?? (await startEmulator({ webhookRetrySchedule: [50, 200, 1000] }));
  const database = await createTestDatabase(options.database);
  const port = await freePort();
  const secretKey = `sk_test_${randomBytes(12).toString('hex')}`;
  const account = await prepareLocalAccount({
    apiBase: emulator.url,
    secretKey,
    secretsFile: null,
    webhookUrl: `http://127.0.0.1:${port}/api/webhooks/stripe`,
    testClock:
      options.startAt === undefined
        ? null
        : await clockAt(emulator.url, secretKey, options.startAt),
  });
  const api = new URL(emulator.url);
  const stripe = new Stripe(secretKey, {
    host: api.hostname,
    port: api.port,
    protocol: 'http',
    telemetry: false,
  });
  const env = {
    ...account,
    AUTH_JWT_SECRET: TEST_JWT_SECRET,
    ADMIN_TOKEN: TEST_ADMIN_TOKEN,
    DATABASE_URL: database.url,
    PORT: String(port),
    LOG_LEVEL: 'silent',
    // In seconds, tests do what customers do in months.
    RATE_LIMIT_STRIPE_CALLS: '0',
    ...(options.testClock === false ? { STRIPE_TEST_CLOCK: undefined } : {}),
    ...(await options.prepare?.(stripe, account)),
    ...options.env,
  };
  async function start() {
    const config = loadConfig(env);
    const services = createServices(config, {
      env,
      log: createLogger({ level: config.logLevel }),
      engine: { catchUpEvery: 0, renewalsEvery: 0, retryBase: 50, ...options.engine },
      ...options.services,
    });
    const http = await startServer(services, options.patience);
    await fillAmounts(services.catalogue, services);
    return { services, http };
  }
  let running = await start();
  const isDelivering = async () => {
    const headers = { authorization: `Bearer ${secretKey}` };
    const path = '/_emulator/deliveries?state=waiting&limit=1';
    const { data } = (await (await fetch(emulator.url + path, { headers })).json()) as {
      data: unknown[];
    };
    return data.length > 0;
  };
  const settled = (ms?: number) => settle(running.services, isDelivering, ms);
  const { url } = running.http;
  return {
    url,
    get services() {
      return running.services;
    },
    async restart() {
      await running.http.close();
      running = await start();
    },
    database,
    emulator,
    stripe,
    env,
    call: (method, path, call = {}) => callApi(`${url}${path}`, method, call),
    advance: async (days, ms) => {
      await advance(stripe, env.STRIPE_TEST_CLOCK, days * DAY_SECONDS);
      await settled(ms);
    },
    settled,
    isDelivering,
    drain: () => running.http.drain(),
    close: async () => {
      await running.http.close();
      if (!options.emulator) await emulator.close();
      await database.drop();
    },
  };
}

async function clockAt(apiBase: string, secretKey: string, seconds: number): Promise<string> {
  return (await createStripeGateway({ secretKey, apiBase }).createTestClock(seconds, 'test')).id;
}

async function callApi(url: string, method: string, call: CallOptions): Promise<Answer> {
  const token = call.admin ? TEST_ADMIN_TOKEN : call.user ? await tokenFor(call.user) : null;
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...call.headers,
    },
    body: call.body === undefined ? undefined : JSON.stringify(call.body),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('application/json') ?? false;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
}

async function advance(
  stripe: Stripe,
  clockId: string | undefined,
  seconds: number,
): Promise<void> {
  if (!clockId) throw new Error('This test server has no test clock');
  const { frozen_time: now } = await stripe.testHelpers.testClocks.retrieve(clockId);
  await advanceClock(stripe, clockId, now + seconds);
}

/** No event is undelivered, none that arrived waits, and no act at Stripe that follows from one is still to be tried. */
async function settle(
  services: Services,
  isDelivering: () => Promise<boolean>,
  ms?: number,
): Promise<void> {
  const { knex } = services.database;
  const waiting = (table: string) => knex(table).where({ status: 'waiting' });
  await until(async () => {
    if (await isDelivering()) return false;
    // What came back is read at the first try, which counts as one while it goes on.
    const acts = waiting('outbox').where((each) => {
      void each.where({ attempts: 0 }).orWhere({ kind: 'returns.read' });
    });
    for (const told of ['mail.%', 'webhook.%', 'event.%']) void acts.whereNot('kind', 'like', told);
    const [event, act] = await Promise.all([
      waiting('webhook_events').first('id'),
      acts.first('id'),
    ]);
    return event === undefined && act === undefined;
  }, ms);
}

/** Polls until it holds; fails after twenty seconds, or as many ms as said. */
export async function until(holds: () => Promise<boolean>, ms = 20_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`It did not come true within ${ms / 1000} seconds`);
    await sleep(20);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}
