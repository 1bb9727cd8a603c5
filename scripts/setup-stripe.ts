import { parseArgs } from 'node:util';
import { isGatewayError } from '../adapters/stripe-gateway.ts';
import { withSchema } from '../db/database-schema.ts';
import { ConfigError } from '../server/config/config.ts';
import { loadEnvironmentFile } from '../server/config/environment-file.ts';
import {
  setUpAccount,
  type SetupAction,
  type SetupResult,
} from '../server/operations/setup/setup-account.ts';
import { setupOptions, type SetupOptions } from '../server/operations/setup/setup-options.ts';
import { setInEnvFile } from './env-file.ts';
import { auditIfPossible } from './script-services.ts';

const HELP = `Makes a Stripe account ready: products, prices, meters, billing portal and webhook endpoint, from the plans file.

  npm run setup:stripe -- --dry-run
  npm run setup:stripe

Reads STRIPE_SECRET_KEY, APP_URL and PLANS_FILE (without it: the default plans). Run again it changes nothing. What
the server needs to know (price ids, portal, signing secret of a new endpoint) is written to the .env file.

  --dry-run           say what would be made or changed, and change nothing
  --check             the same for a pipeline: exit 2 when there is something to do
  --webhook-url URL   where Stripe delivers events (default: APP_URL/api/webhooks/stripe; without both: no endpoint)
  --save-to FILE      where the results are written (default: .env)
  --print             print the results, the new signing secret too, instead of writing them
  --json              print one JSON document
  --help              this text

Exit 1 when something was refused or Stripe could not be reached.
`;

const { values } = parseArgs({
  options: {
    'dry-run': { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    'webhook-url': { type: 'string' },
    'save-to': { type: 'string', default: '.env' },
    print: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const dryRun = values['dry-run'] || values.check;

if (values.help) process.stdout.write(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  loadEnvironmentFile(values['save-to']);
  try {
    const options = setupOptions(process.env, { webhookUrl: values['webhook-url'] });
    const made: SetupAction[] = [];
    const result = await setUp(options, made);
    const written = dryRun || values.print ? [] : setInEnvFile(values['save-to'], result.env);
    if (values.json) console.log(JSON.stringify(asJson(result, written)));
    else report(result, written);
    if (options.webhookUrl === null && !values.json) {
      console.log('No webhook endpoint: set APP_URL, or give --webhook-url.');
    }
    if (result.refused > 0) return 1;
    return values.check && result.changes > 0 ? 2 : 0;
  } catch (error) {
    if (!(error instanceof ConfigError) && !isGatewayError(error)) throw error;
    console.error(isGatewayError(error) ? `Stripe refused: ${error.message}` : error.message);
    return 1;
  }
}

async function setUp(options: SetupOptions, made: SetupAction[]): Promise<SetupResult> {
  const onAction = (action: SetupAction) => {
    made.push(action);
    if (!values.json) console.log(wordsOf(action));
  };
  try {
    return await setUpAccount(options, { dryRun, onAction });
  } finally {
    await audit(made);
  }
}

/** What was done stays done, also where a later step was refused. */
async function audit(actions: SetupAction[]): Promise<void> {
  const changed = actions.filter(({ did }) => did !== 'kept' && did !== 'refused');
  if (dryRun || changed.length === 0) return;
  const { DATABASE_URL, DATABASE_SCHEMA } = process.env;
  const plain = DATABASE_URL?.trim() || 'sqlite:./data/tenure.sqlite';
  const url = withSchema(plain, DATABASE_SCHEMA?.trim() || null);
  const detail = {
    changes: changed.length,
    refused: actions.filter(({ did }) => did === 'refused').length,
    what: changed.slice(0, 50).map(({ did, kind, what }) => `${did} ${kind} ${what}`),
  };
  const why = await auditIfPossible(url, { action: 'setup:stripe', detail });
  if (why !== null) console.error(`The audit log could not be written: ${why}`);
}

function wordsOf({ kind, what, did, id, why }: SetupAction): string {
  const done = dryRun && did !== 'kept' && did !== 'refused' ? `would be ${did}` : did;
  return `${done.padEnd(dryRun ? 17 : 9)} ${kind.padEnd(8)} ${what}${id ? ` (${id})` : ''}${why ? `: ${why}` : ''}`;
}

function report(result: SetupResult, written: string[]): void {
  const { changes, refused } = result;
  console.log(
    changes === 0
      ? '\nEverything is as it should be.'
      : `\n${changes} changes${dryRun ? ' to make' : ''}.`,
  );
  if (refused > 0) console.log(`${refused} refused: see above.`);
  if (values.print && !dryRun) {
    for (const [name, value] of Object.entries(result.env)) console.log(`${name}=${value}`);
  }
  if (written.length > 0) console.log(`Written to ${values['save-to']}: ${written.join(', ')}.`);
}

/** Secrets leave only by --print. */
function asJson(result: SetupResult, written: string[]) {
  const env = Object.fromEntries(
    Object.entries(result.env).filter(([name]) => values.print || !name.endsWith('_SECRET')),
  );
  return { ...result, env, written };
}
