import { loadEnvironmentFile } from '../server/config/environment-file.ts';
import { requireReachable } from './stripe-cli/attach.ts';
import { createStripeCli, type StripeCli } from './stripe-cli/cli.ts';
import { cliTarget } from './stripe-cli/target.ts';

const HELP = `Makes something happen at Stripe, and tells which events came of it: the official \`stripe trigger\`.

  npm run stripe:trigger -- invoice.payment_failed
  npm run stripe:trigger -- customer.subscription.created --user user_demo

The account is that of STRIPE_API_KEY or STRIPE_SECRET_KEY (test keys only); without a key it is the local Stripe of
\`npm start\`, which must be running.

  --user ID   the subscription names this user of yours (triggers that make a subscription); it counts as theirs only
              on a price of your catalogue, and the price that a trigger makes is in none
  --clock ID  the customer is put on this test clock
  --list      the names of all triggers
  --help      this text

Whatever else is given goes to \`stripe trigger\`: --override price:unit_amount=4200, --add …, --skip …
`;

const args = process.argv.slice(2);

if (args.includes('--help')) process.stdout.write(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  loadEnvironmentFile();
  let cli: StripeCli | null = null;
  try {
    const target = cliTarget(process.env);
    cli = createStripeCli(target);
    if (args.includes('--list')) return await list(cli);
    if (args.length === 0) {
      console.error(`Say which event.\n\n${HELP}`);
      return 1;
    }
    await requireReachable(target);
    const before = new Set((await newestEvents(cli)).map(({ id }) => id));
    const run = await cli.run(['trigger', ...withSugar(args)]);
    process.stdout.write(run.stdout);
    process.stderr.write(run.stderr);
    const made = (await newestEvents(cli)).filter(({ id }) => !before.has(id)).toReversed();
    if (made.length > 0) console.log(`\nEvents that came of it:`);
    for (const { id, type } of made) console.log(`  ${type.padEnd(40)} ${id}`);
    return run.code ?? 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    await cli?.close();
  }
}

async function list(cli: StripeCli): Promise<number> {
  const { stdout, stderr } = await cli.run(['trigger', '--help']);
  const text = stdout + stderr;
  const names = text.slice(text.indexOf('Supported events:'), text.indexOf('Usage:'));
  for (const [, name] of names.matchAll(/^\s+([a-z0-9_.]+)$/gm)) console.log(name);
  return 0;
}

async function newestEvents(cli: StripeCli): Promise<{ id: string; type: string }[]> {
  const { stdout, stderr } = await cli.run(['events', 'list', '--limit', '50']);
  try {
    return (JSON.parse(stdout) as { data: { id: string; type: string }[] }).data;
  } catch (error) {
    throw new Error(`The events could not be listed: ${(stderr || stdout).trim()}`, {
      cause: error,
    });
  }
}

/** Our short words, in those of the CLI. */
function withSugar(given: string[]): string[] {
  const words: Record<string, string> = {
    '--user': 'subscription:metadata.user_id',
    '--clock': 'customer:test_clock',
  };
  const result: string[] = [];
  for (let index = 0; index < given.length; index += 1) {
    const [name = '', inline] = (given[index] ?? '').split(/=(.*)/s);
    const target = words[name];
    if (target === undefined) result.push(given[index] ?? '');
    else result.push('--add', `${target}=${inline ?? given[(index += 1)] ?? ''}`);
  }
  return result;
}
