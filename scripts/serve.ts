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
  try {
    loadEnvironmentFile();
    const starting = runServers();
    // A stop may be asked for while it starts: requests are taken before all is ready.
    if (cluster.isPrimary) stopOnSignal(async () => (await starting)?.close());
    const servers = await starting;
    servers?.log.info({ url: servers.url }, 'ready');
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
