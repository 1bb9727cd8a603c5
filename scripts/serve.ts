import { parseArgs } from 'node:util';
import { loadEnvironmentFile } from '../server/environment-file.ts';
import { runServers } from '../server/cluster.ts';
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
    const servers = await runServers();
    if (servers) {
      stopOnSignal(servers.close);
      servers.log.info({ url: servers.url }, 'ready');
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
