import { withAuthentication } from '../http/with-authentication.ts';
import { prepareDatabase } from '../../db/prepare-database.ts';
import type { Authenticate } from '../lib/services.ts';
import { fillAmounts } from '../catalogue/fill-amounts.ts';
import { loadConfig } from '../config/config.ts';
import type { Hooks } from '../lib/hooks.ts';
import type { Logger } from '../lib/log.ts';
import { createServices } from './compose.ts';
import { requireSameStripe } from '../operations/stripe-account.ts';
import type { Services } from '../lib/services.ts';

export interface BillingOptions<Native = unknown> {
  /** Default: the process's environment. */
  env?: Record<string, string | undefined>;
  /** How the host app knows its users, in all routers and gates; default: the bearer token of the configuration. */
  authenticate?: Authenticate<Native>;
  /** Default: pino to standard output, at `LOG_LEVEL`. */
  log?: Logger;
  /**
   * Functions that are told what happens, by type of event: at least once each, those of one subscription in order, again
   * later when they throw (docs/outgoing-webhooks.md).
   */
  on?: Hooks;
}

/**
 * Billing inside a host app, from the environment to work: checked, migrated, and with the engine
 * running that processes events. Once per process; `close()` ends it. Throws a ConfigError that lists every mistake.
 */
export async function startBilling<Native = unknown>(
  options: BillingOptions<Native> = {},
): Promise<Services> {
  const { env = process.env, authenticate, log, on } = options;
  const config = loadConfig(env, { ownAuthentication: authenticate !== undefined });
  const services = withAuthentication(createServices(config, { env, log, on }), authenticate);
  try {
    await prepareDatabase(services.database, {
      waitMs: config.databaseWaitMs,
      note: (text) => services.log.warn(text),
    });
    await requireSameStripe(services);
    await services.engine.start();
    // Amounts are for showing; an unreachable Stripe must not keep the host from starting.
    await fillAmounts(services.catalogue, services);
    return services;
  } catch (error) {
    await services.close();
    throw error;
  }
}

/** What a host app mounts: the billing API and the webhook. Its other paths stay its own. */
export function isBillingPath(path: string): boolean {
  return /^\/api\/(?:billing(?:\/|$)|webhooks\/stripe$)/.test(path);
}
