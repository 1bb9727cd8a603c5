/** The product as it runs, on a fresh database. */
import { migrate } from '../../db/migrate.ts';
import { loadConfig } from '../../server/config/config.ts';
import type { EngineOptions } from '../../server/sync/options.ts';
import { startServer, type RunningServer } from '../../server/app/http-server.ts';
import { createServices } from '../../server/app/compose.ts';
import type { Services } from '../../server/lib/services.ts';
import { checkAccess } from '../../server/access/check-access.ts';
import { timeGate, timeTracking, verify } from './in-process.ts';
import { answerAsChild } from './child-main.ts';
import { countStatements } from './count-statements.ts';
import { tenureEnvironment } from './environment.ts';

export interface TenureSettings {
  databaseUrl: string;
  stripeUrl: string;
  env?: Record<string, string>;
  engine?: Partial<EngineOptions>;
}

let server: RunningServer | null = null;
let services: Services | null = null;

answerAsChild({
  async start(settings: TenureSettings) {
    countStatements();
    const env = tenureEnvironment(settings);
    services = createServices(loadConfig(env), {
      env,
      engine: { catchUpEvery: 0, ...settings.engine },
    });
    await migrate(services.database);
    server = await startServer(services);
  },
  address: () => Promise.resolve(`${server?.url}/api/webhooks/stripe`),
  access: async (userId: string) => (await checkAccess(running(), userId)).allowed,
  gate: ({ userId, checks }: { userId: string; checks: number }) =>
    timeGate(running(), { userId, checks }),
  verify: () => verify(running()),
  track: ({ users, calls }: { users: number; calls: number }) =>
    timeTracking(running(), { users, calls }),
  async stop() {
    await server?.close();
  },
});

function running(): Services {
  if (!services) throw new Error('the server was not started');
  return services;
}
