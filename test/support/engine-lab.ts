import { randomBytes } from 'node:crypto';
import { Stripe } from 'stripe';
import { createStripeGateway, type StripeGateway } from '../../adapters/stripe-gateway.ts';
import { signStripePayload } from './sign-stripe-payload.ts';
import type { FetchHandler } from '../../adapters/fetch.ts';
import type { Database } from '../../db/database.ts';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { createAccessCache } from '../../server/access/cache.ts';
import type { AccessCache } from '../../server/lib/services.ts';
import { loadCatalogue } from '../../server/catalogue/catalogue.ts';
import { loadConfig, type Config } from '../../server/config/config.ts';
import type { EngineOptions } from '../../server/sync/options.ts';
import { createClockOffsets } from '../../server/app/clock-offsets.ts';
import { createEngine } from '../../server/app/engine.ts';
import { createLogger, type Logger } from '../../server/lib/log.ts';
import { createMetrics } from '../../server/lib/metrics.ts';
import { createHandler } from '../../server/app/route-list.ts';
import type { CoreServices, Services } from '../../server/lib/services.ts';
import { createUsage } from '../../server/usage/usage.ts';

const WEBHOOK_SECRET = 'whsec_of_the_engine_lab';

/** Prices of the lab's catalogue. */
export interface LabPrices {
  starterMonthly: string;
  starterYearly: string;
  proMonthly: string;
  proYearly: string;
}

/** One account of the emulator with a catalogue; any number of engines can serve it. */
export interface EngineLab {
  emulator: RunningEmulator;
  secretKey: string;
  /** The official SDK on the account, for what Stripe or a person does there. */
  stripe: Stripe;
  /** The account as the server reads it. */
  gateway: StripeGateway;
  prices: LabPrices;
  /** Every event of the account since a mark, oldest first. */
  eventsSince(lastId: string | null): Promise<Stripe.Event[]>;
  /** Asks the emulator itself for something: faults, settings. */
  control(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
  /** The environment of a server of its own on this account. */
  env(database: Database): Record<string, string>;
  /** An engine as a process of its own would have it. */
  engine(database: Database, options?: LabEngineOptions): LabEngine;
}

export interface LabEngineOptions {
  env?: Record<string, string | undefined>;
  engine?: Partial<EngineOptions>;
  probe?: CoreServices['probe'];
  log?: Logger;
  authenticate?: CoreServices['authenticate'];
  /** One cache for many engines: making it costs more than a short run of an engine does. */
  access?: AccessCache;
}

export interface LabEngine {
  services: Services;
  handler: FetchHandler;
  /** A delivery of an event, signed. */
  request(event: unknown): Request;
  /** Posts an event as Stripe does, signed; resolves to the answer. */
  deliver(event: unknown): Promise<{ status: number; body: Record<string, unknown> }>;
}

/** Starts the emulator, or takes a share of one, with a new account in it. */
export async function createEngineLab(shared?: RunningEmulator): Promise<EngineLab> {
  const emulator = shared ?? (await startEmulator({ port: 0 }));
  const secretKey = `sk_test_${randomBytes(12).toString('hex')}`;
  const url = new URL(emulator.url);
  const stripe = new Stripe(secretKey, {
    host: url.hostname,
    port: url.port,
    protocol: 'http',
    telemetry: false,
    maxNetworkRetries: 0,
  });
  const prices = await createPrices(stripe);
  // A job that fails is run again by the engine; the SDK's own patience would only slow tests down.
  const gateway = createStripeGateway({ secretKey, apiBase: emulator.url, maxNetworkRetries: 0 });
  return {
    emulator,
    secretKey,
    stripe,
    gateway,
    prices,
    eventsSince: (lastId) => eventsSince(stripe, lastId),
    control: (method, path, body) => control(`${emulator.url}${path}`, secretKey, { method, body }),
    env: (database) => envOf({ emulator, secretKey, prices }, database),
    engine: (database, options = {}) =>
      createLabEngine({ emulator, secretKey, prices, gateway }, database, options),
  };
}

async function createPrices(stripe: Stripe): Promise<LabPrices> {
  const price = async (product: string, amount: number, interval: 'month' | 'year') =>
    (
      await stripe.prices.create({
        product,
        currency: 'usd',
        unit_amount: amount,
        recurring: { interval },
      })
    ).id;
  const starter = (await stripe.products.create({ name: 'Starter' })).id;
  const pro = (await stripe.products.create({ name: 'Pro' })).id;
  return {
    starterMonthly: await price(starter, 2_000, 'month'),
    starterYearly: await price(starter, 20_000, 'year'),
    proMonthly: await price(pro, 5_000, 'month'),
    proYearly: await price(pro, 50_000, 'year'),
  };
}

async function eventsSince(stripe: Stripe, lastId: string | null): Promise<Stripe.Event[]> {
  const events: Stripe.Event[] = [];
  for await (const event of stripe.events.list({
    limit: 100,
    ending_before: lastId ?? undefined,
  })) {
    events.push(event);
  }
  // With `ending_before` the SDK walks from old to new.
  return lastId === null ? events.reverse() : events;
}

async function control(
  url: string,
  secretKey: string,
  request: { method: string; body?: unknown },
): Promise<unknown> {
  const response = await fetch(url, {
    method: request.method,
    headers: { authorization: `Bearer ${secretKey}`, 'content-type': 'application/json' },
    body: request.body === undefined ? undefined : JSON.stringify(request.body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return text === '' ? null : JSON.parse(text);
}

function envOf(
  lab: Pick<EngineLab, 'emulator' | 'secretKey' | 'prices'>,
  database: Database,
): Record<string, string> {
  return {
    STRIPE_SECRET_KEY: lab.secretKey,
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_API_BASE: lab.emulator.url,
    STRIPE_STARTER_MONTHLY_PRICE_ID: lab.prices.starterMonthly,
    STRIPE_STARTER_YEARLY_PRICE_ID: lab.prices.starterYearly,
    STRIPE_PRO_MONTHLY_PRICE_ID: lab.prices.proMonthly,
    STRIPE_PRO_YEARLY_PRICE_ID: lab.prices.proYearly,
    DATABASE_URL: database.url,
    LOG_LEVEL: 'silent',
    // Counting callers costs more memory than a short-lived engine may.
    RATE_LIMIT_PER_USER: '0',
    RATE_LIMIT_PER_ADDRESS: '0',
    RATE_LIMIT_STRIPE_CALLS: '0',
  };
}

function createLabEngine(
  lab: Pick<EngineLab, 'emulator' | 'secretKey' | 'prices' | 'gateway'>,
  database: Database,
  options: LabEngineOptions,
): LabEngine {
  const env = { ...envOf(lab, database), ...options.env };
  const config: Config = loadConfig(env);
  const core: CoreServices = {
    config,
    log: options.log ?? createLogger({ level: config.logLevel }),
    database,
    catalogue: loadCatalogue(config, env),
    // A copy: tests replace single calls of it.
    stripe: { ...lab.gateway },
    authenticate: options.authenticate ?? (() => Promise.resolve(null)),
    access: options.access ?? createAccessCache(database, loadCatalogue(config, env)),
    metrics: createMetrics(),
    trace: null,
    hooks: null,
    probe: options.probe,
  };
  const engine = createEngine(core, {
    catchUpEvery: 0,
    retryBase: 20,
    retryMax: 200,
    outageBase: 20,
    poll: 50,
    ...options.engine,
  });
  const services: Services = {
    ...core,
    engine,
    usage: createUsage(core, engine),
    clock: engine.clock,
    clockOffsets: createClockOffsets(database, core.metrics),
    lifecycle: { isDraining: false },
    close: () => engine.stop(),
  };
  const handler = createHandler(services);
  const request = (event: unknown) => signedRequest(JSON.stringify(event));
  return { services, handler, request, deliver: (event) => deliver(handler, request(event)) };
}

async function deliver(
  handler: FetchHandler,
  request: Request,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await handler(request);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** A delivery with a good signature. */
export function signedRequest(payload: string, secret = WEBHOOK_SECRET): Request {
  const body = Buffer.from(payload);
  const header = signStripePayload(body, secret, Math.floor(Date.now() / 1000));
  return new Request('http://localhost/api/webhooks/stripe', {
    method: 'POST',
    body,
    headers: { 'stripe-signature': header, 'content-type': 'application/json' },
  });
}
