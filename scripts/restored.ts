import { parseArgs } from 'node:util';
import { markRestored } from '../server/operations/mark-restored.ts';
import { auditScript, scriptServices } from './script-services.ts';

const HELP = `Notes that the database has just been restored from a backup, so that no customer and no receiver is told
twice: events from before are processed again, and their mails and webhooks are noted and not sent.

  npm run restored

Run it after the restore and before the server is started. Then: npm run verify -- --repair

  --data DIR  where npm start keeps the local deployment (default: data)
  --help      this text
`;

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: 'data' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else await restored();

async function restored(): Promise<void> {
  const services = await scriptServices(values.data);
  try {
    const at = await markRestored(services);
    await auditScript(services, { action: 'restored', detail: { at: at.toISOString() } });
    console.log(`What happened before ${at.toISOString()} is not told again.`);
  } finally {
    await services.close();
  }
}
