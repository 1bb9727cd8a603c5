import cluster from 'node:cluster';
import { parseArgs } from 'node:util';
import { loadEnvironmentFile } from '../server/config/environment-file.ts';
import { runServers } from '../server/app/cluster/primary.ts';
import { stopOnSignal } from './stop-on-signal.ts';

const HELP = `Runs the server for production: configuration from the environment and .env, no emulator.
With WORKERS=n, n processes share the port (Postgres only).

  npm run build && npm run serve

  --help  this text
`;

const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });

if (values.help) {
  process.stdout.write(HELP);
} else {
  const stopAsked = new AbortController();
  try {
    loadEnvironmentFile();
    const starting = runServers(process.env, stopAsked.signal);
    if (cluster.isPrimary) {
      stopOnSignal(async (signal) => {
        stopAsked.abort();
        // A stop may be asked for while it starts: requests are taken before all is ready.
        const servers = await starting.catch(() => null);
        // Ctrl-C comes from a terminal: no balancer has to see it first.
        await (signal === 'SIGTERM' ? servers?.drain() : servers?.close());
      });
    }
    const servers = await starting;
    servers?.log.info({ url: servers.url }, 'ready');
  } catch (error) {
    // The stop ends the process.
    if (!stopAsked.signal.aborted) fail(error);
  }
}

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
