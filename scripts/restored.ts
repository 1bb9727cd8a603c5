import { parseArgs } from 'node:util';
import { createServices } from '../server/app/compose.ts';
import { loadConfig } from '../server/config/config.ts';
import { loadEnvironmentFile } from '../server/config/environment-file.ts';
import { markRestored } from '../server/operations/mark-restored.ts';

const HELP = `Notes that the database has just been restored from a backup, so that no customer and no receiver is told
twice: events from before are processed again, and their mails and webhooks are noted and not sent.

  npm run restored

Run it after the restore and before the server is started. Then: npm run verify -- --repair
`;

const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });

if (values.help) process.stdout.write(HELP);
else await restored();

async function restored(): Promise<void> {
  loadEnvironmentFile();
  const services = createServices(loadConfig(), { engine: { catchUpEvery: 0 } });
  try {
    const at = await markRestored(services);
    console.log(`What happened before ${at.toISOString()} is not told again.`);
  } finally {
    await services.close();
  }
}
