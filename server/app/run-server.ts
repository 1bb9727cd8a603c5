import { migrate } from '../../db/migrate.ts';
import { fillAmounts } from '../catalogue/catalogue.ts';
import { loadConfig } from '../config/config.ts';
import { startServer, type RunningServer } from './http-server.ts';
import { createServices } from './compose.ts';
import { requireSameStripe } from '../operations/stripe-account.ts';
import type { Services } from '../lib/services.ts';

export interface RunOptions {
  env?: Record<string, string | undefined>;
}

export interface Run extends RunningServer {
  services: Services;
}

/** From the environment to a server that is ready: checked, migrated, listening. */
export async function runServer(options: RunOptions = {}): Promise<Run> {
  const env = options.env ?? process.env;
  const services = createServices(loadConfig(env), { env });
  try {
    await migrate(services.database, { note: (text) => services.log.info(text) });
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
