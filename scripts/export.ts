import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { exportAccount } from '../server/operations/export-account.ts';
import { auditScript, scriptServices } from './script-services.ts';

const HELP = `Gives all that is stored of an account, as JSON: subscriptions, history, usage, mails, events.

  npm run export -- ACCOUNT > account.json
  npm run export -- ACCOUNT --out account.json

  --out FILE  write it there, readable by you only
  --data DIR  where npm start keeps the local deployment (default: data)
  --help      this text
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    data: { type: 'string', default: 'data' },
    help: { type: 'boolean', default: false },
  },
});
const [accountId] = positionals;

if (values.help) process.stdout.write(HELP);
else if (!accountId || positionals.length > 1) {
  console.error('Name an account: npm run export -- ACCOUNT');
  process.exitCode = 2;
} else {
  const services = await scriptServices(values.data);
  try {
    const text = Readable.from(exportAccount(services, accountId));
    if (values.out !== undefined) {
      await pipeline(text, createWriteStream(values.out, { mode: 0o600 }));
    } else for await (const part of text) process.stdout.write(part as string);
    await auditScript(services, { action: 'account.export', target: accountId });
  } finally {
    await services.close();
  }
}
