import type { Authenticate, CoreServices, Services } from '../lib/services.ts';
import { createStripeGateway, type GatewayOptions } from '../../adapters/stripe-gateway.ts';
import { openDatabase } from '../../db/database.ts';
import { createAccessCache } from '../access/cache.ts';
import { createAuthenticate } from '../http/authenticate.ts';
import { ownerMark } from '../../state/ownership.ts';
import { loadCatalogue } from '../catalogue/catalogue.ts';
import type { Config } from '../config/config.ts';
import type { Engine } from '../lib/engine-types.ts';
import type { EngineOptions } from '../sync/options.ts';
import { createClockOffsets } from './clock-offsets.ts';
import { createEngine } from './engine.ts';
import { WEBHOOK_TYPES } from '../../state/effect-kinds.ts';
import { withHooks } from '../config/receivers.ts';
import type { Hooks } from '../lib/hooks.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import type { UsageOptions } from '../usage/options.ts';
import { createUsage } from '../usage/usage.ts';
import type { Usage } from '../lib/usage-types.ts';
import { createMetrics } from '../lib/metrics.ts';
import { createTrace } from '../lib/tracing.ts';

export interface ServiceOptions {
  /** How an embedding app knows its users, in place of the bearer token. */
  authenticate?: Authenticate;
  log?: Logger;
  /** Functions that are told what happens, by type of event. */
  on?: Hooks | undefined;
  /** Where `$NAME` references of the catalogue are looked up; default the process's environment. */
  env?: Record<string, string | undefined>;
  engine?: Partial<EngineOptions>;
  usage?: Partial<UsageOptions>;
  /** How calls to Stripe are retried and when they are given up. */
  stripe?: Pick<GatewayOptions, 'maxNetworkRetries' | 'timeout'>;
  probe?: CoreServices['probe'];
}

/** The composition root: opens the database and puts everything together. Starts nothing. */
export function createServices(given: Config, options: ServiceOptions = {}): Services {
  // What this process has hooks for is stored for them.
  const own = WEBHOOK_TYPES.filter((type) => options.on?.[type] !== undefined);
  const config = { ...given, receivers: withHooks(given.receivers, own) };
  const catalogue = loadCatalogue(config, options.env);
  const log = options.log ?? createLogger({ level: config.logLevel, pretty: process.stdout.isTTY });
  const database = openDatabase(config.databaseUrl);
  const metrics = createMetrics();
  const clockOffsets = createClockOffsets(database, metrics);
  const core: CoreServices = {
    config,
    log,
    database,
    catalogue,
    stripe: createStripeGateway({
      ...config.stripe,
      ...options.stripe,
      ownerMark: (id) => ownerMark(id, config.ownership),
      onCall: metrics.stripeCall,
    }),
    authenticate: options.authenticate ?? createAuthenticate(config.auth),
    access: createAccessCache(database, catalogue),
    metrics,
    hooks: options.on ?? null,
    probe: options.probe,
    trace: createTrace(),
  };
  const engine = createEngine(core, options.engine);
  const usage = createUsage(core, engine, options.usage);
  return {
    ...core,
    engine: withUsage(engine, usage),
    usage,
    clock: engine.clock,
    clockOffsets,
    lifecycle: { isDraining: false },
    close: async () => {
      await usage.stop();
      await engine.stop();
      await database.close();
    },
  };
}

/** What starts and stops the engine, a host app too, starts and stops the sending of usage with it. */
function withUsage(engine: Engine, usage: Usage): Engine {
  return {
    ...engine,
    async start() {
      await engine.start();
      usage.start();
    },
    async stop() {
      await usage.stop();
      await engine.stop();
    },
  };
}
