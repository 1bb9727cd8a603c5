import { parseArgs } from 'node:util';
import { runTriggers } from './e2e/triggers.ts';

const HELP = `Runs every trigger of the official Stripe CLI against the bundled emulator.

  npx tsx scripts/stripe-e2e-triggers.ts [--only TEXT] [--json]

  --only TEXT  only the triggers whose name contains the text
  --json       print one JSON document instead of lines
  --help       this text

Issuing and Identity are left out. A trigger passes when the CLI says so, no request carried a literal \${…}
(an answer that lacked a field), and its event came. Exit 1 if one fails.
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const outcomes = await runTriggers(values.only, ({ passed, trigger, ms, problem }) => {
    if (!values.json) console.log(`${passed ? 'ok  ' : 'FAIL'} ${trigger} ${ms} ms ${problem}`);
  });
  const failed = outcomes.filter(({ passed }) => !passed);
  if (values.json) console.log(JSON.stringify(outcomes, null, 2));
  else console.log(`${outcomes.length - failed.length} of ${outcomes.length} triggers passed`);
  return failed.length > 0 || outcomes.length === 0 ? 1 : 0;
}
