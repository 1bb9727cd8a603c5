import { prepareDatabase } from '../../db/prepare-database.ts';
import { fillAmounts } from '../catalogue/fill-amounts.ts';
import { loadConfig } from '../config/config.ts';
import { startServer, type RunningServer } from './http-server.ts';
import { createServices } from './compose.ts';
import { requireSameStripe } from '../operations/stripe-account.ts';
import type { Services } from '../lib/services.ts';

export interface RunOptions {
  env?: Record<string, string | undefined>;
  /** Ends a start that waits for its database. */
  signal?: AbortSignal | undefined;
}

export interface Run extends RunningServer {
  services: Services;
}

/** From the environment to a server that is ready: checked, migrated, listening. */
export async function runServer(options: RunOptions = {}): Promise<Run> {
  const env = options.env ?? process.env;
  const services = createServices(loadConfig(env), { env });
  try {
    await prepareDatabase(services.database, {
      waitMs: services.config.databaseWaitMs,
      note: (text) => services.log.warn(text),
      signal: options.signal,
    });
    await requireSameStripe(services);
    const server = await startServer(services);
    // Amounts are for showing; an unreachable Stripe must not keep the server from starting.
    await fillAmounts(services.catalogue, services);
    return { ...server, services };
  } catch (error) {
    await services.close();
    throw error;
  }
}
