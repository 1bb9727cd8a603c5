/** The real server as a process of its own, with short leases; its parent kills it. Says its port once it listens. */
import { loadConfig } from '../../server/config/config.ts';
import { startServer } from '../../server/app/http-server.ts';
import { createServices } from '../../server/app/compose.ts';

const services = createServices(loadConfig(), {
  engine: {
    lease: 500,
    effectLease: 500,
    retryBase: 20,
    retryMax: 200,
    outageBase: 20,
    poll: 100,
    catchUpEvery: 0,
  },
});
const { port } = await startServer(services);
process.stdout.write(`${port}\n`);
