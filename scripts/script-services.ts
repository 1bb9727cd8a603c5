import { createServices } from '../server/app/compose.ts';
import { loadConfig } from '../server/config/config.ts';
import type { Services } from '../server/lib/services.ts';
import { scriptEnvironment } from './script-environment.ts';

/**
 * The services for a command that may run beside a server: the deployment is found as `doctor` finds it, nothing is
 * started, and only errors are logged. Close them. Throws as `scriptEnvironment` and `loadConfig` do.
 */
export async function scriptServices(dataDir: string): Promise<Services> {
  const { env } = await scriptEnvironment(dataDir);
  const config = loadConfig({ LOG_LEVEL: 'error', ...env });
  return createServices(config, { env, engine: { catchUpEvery: 0 } });
}
