/** The real server as a process of its own, with short leases; its parent kills it. Says its port once it listens. */
import { loadConfig } from '../../server/config/config.ts';
import { startServer } from '../../server/app/http-server.ts';
import { createServices } from '../../server/app/compose.ts';
import type { EngineOptions } from '../../server/sync/options.ts';

/** What the parent wants instead, as JSON. */
const asked = process.env['TENURE_TEST_ENGINE'];
const engine: Partial<EngineOptions> = asked
  ? (JSON.parse(asked) as Partial<EngineOptions>)
  : {
      lease: 500,
      effectLease: 500,
      retryBase: 20,
      retryMax: 200,
      outageBase: 20,
      poll: 100,
      catchUpEvery: 0,
    };
const services = createServices(loadConfig(), { engine });
const server = await startServer(services);
process.once('SIGTERM', () => void server.drain().then(() => process.exit(0)));
process.stdout.write(`listening on ${server.port}\n`);
