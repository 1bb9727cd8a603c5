import { parseArgs } from 'node:util';
import { loadEnvironmentFile } from '../server/environment-file.ts';
import { runServer } from '../server/run.ts';
import { stopOnSignal } from './stop-on-signal.ts';

const HELP = `Runs the server for production: configuration from the environment and .env, no emulator.

  npm run build && npm run serve

  --help  this text
`;

const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });

if (values.help) {
  process.stdout.write(HELP);
} else {
  try {
    loadEnvironmentFile();
    const server = await runServer();
    stopOnSignal(server.close);
    server.services.log.info({ url: server.url }, 'ready');
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
