import { loadEnvironmentFile } from '../server/config/environment-file.ts';
import { WEBHOOK_PATH, webhookEventTypes } from '../server/webhooks/event-types.ts';
import { setInEnvFile } from './env-file.ts';
import { attachStripeCli, listenSecret, requireReachable } from './stripe-cli/attach.ts';
import { cliTarget } from './stripe-cli/target.ts';

const HELP = `Shows the events of the account as they come, and forwards them to the server: the official \`stripe listen\`.

  npm run stripe:listen
  npm run stripe:listen -- --forward-to http://127.0.0.1:4000/billing/webhooks/stripe

The account is that of STRIPE_API_KEY or STRIPE_SECRET_KEY (test keys only); without a key it is the local Stripe of
\`npm start\`, which delivers to its server by itself: then events are only shown. With a test key and no
STRIPE_WEBHOOK_SECRET, \`npm start\` asks the CLI for the signing secret, so there is nothing to copy.

  --forward-to URL   where to forward (default: http://HOST:PORT/api/webhooks/stripe, with a key)
  --save-to FILE     also write the signing secret to this file as STRIPE_WEBHOOK_SECRET, for a server of your own
  --print-secret     print the signing secret and exit
  --help             this text

Whatever else is given goes to \`stripe listen\`: --all-snapshot, -e invoice.paid, --format JSON …
`;

const { own, rest } = splitArguments(process.argv.slice(2));

if (own.has('--help')) process.stdout.write(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  loadEnvironmentFile();
  try {
    const target = cliTarget(process.env);
    if (own.has('--print-secret')) {
      console.log(await listenSecret(target));
      return 0;
    }
    await requireReachable(target);
    const envFile = own.get('--save-to');
    if (envFile !== undefined) {
      setInEnvFile(envFile, { STRIPE_WEBHOOK_SECRET: await listenSecret(target) });
      console.log(`STRIPE_WEBHOOK_SECRET is in ${envFile}; restart the server if it runs.`);
    }
    const isLocal = target.apiBase !== null && !hasKey();
    const to = own.get('--forward-to') ?? (isLocal ? null : serverUrl());
    return await attachStripeCli(target, [
      'listen',
      '--skip-update',
      ...(to === null ? [] : ['--forward-to', to]),
      ...(choosesEvents(rest) ? [] : ['--latest', '-e', webhookEventTypes(false).join(',')]),
      ...rest,
    ]);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

function serverUrl(): string {
  const host = process.env['HOST']?.trim() || '127.0.0.1';
  return `http://${host}:${process.env['PORT']?.trim() || '3000'}${WEBHOOK_PATH}`;
}

function hasKey(): boolean {
  return Boolean(process.env['STRIPE_API_KEY']?.trim() || process.env['STRIPE_SECRET_KEY']?.trim());
}

function choosesEvents(args: string[]): boolean {
  return args.some((arg) => /^(-e|--events|--all-snapshot|--all-thin)/.test(arg));
}

/** Ours, and what the CLI is to make sense of. */
function splitArguments(args: string[]): { own: Map<string, string>; rest: string[] } {
  const own = new Map<string, string>();
  const rest: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const [name, inline] = (args[index] ?? '').split(/=(.*)/s);
    if (name === '--help' || name === '--print-secret') own.set(name, '');
    else if (name === '--forward-to' || name === '--save-to') {
      own.set(name, inline ?? args[(index += 1)] ?? '');
    } else rest.push(args[index] ?? '');
  }
  return { own, rest };
}
