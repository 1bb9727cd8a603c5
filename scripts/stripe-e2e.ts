import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadEnvironmentFile } from '../server/config/environment-file.ts';
import { runScenario, type StepOutcome } from './e2e/run-scenario.ts';
import { startE2eStack, type E2eStack } from './e2e/stack.ts';
import { runTriggers } from './e2e/triggers.ts';
import { SCENARIOS } from './scenarios/index.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { shuffled } from './shuffle.ts';

const HELP = `Plays whole lives of subscriptions with the official Stripe CLI, and looks at the state after each step.

  npm run stripe:e2e
  npm run stripe:e2e -- dunning recovery
  STRIPE_API_KEY=sk_test_… npm run stripe:e2e -- --live-sandbox

Starts the server, \`stripe listen --forward-to\` it, and (unless --live-sandbox) a local Stripe. What happens at Stripe is
made to happen by the CLI; what the server made of it is read from its API. The scenarios are in scripts/scenarios/.

  NAME …          only these scenarios
  --list          their names
  --live-sandbox  a real Stripe sandbox, with STRIPE_API_KEY (test keys only; clocks and customers are removed again)
  --repeat N      play all N times
  --shuffle       in random order; --seed N repeats one
  --triggers      run every trigger of the CLI against the local Stripe, instead of the scenarios
  --logs DIR      keep the log of \`stripe listen\` there (default: a temporary directory, when something fails)
  --json          print one JSON document
  --help          this text

Exit 1 if a step ends otherwise than expected, or the server answered an event with anything but 2xx.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    'live-sandbox': { type: 'boolean', default: false },
    repeat: { type: 'string', default: '1' },
    shuffle: { type: 'boolean', default: false },
    seed: { type: 'string' },
    triggers: { type: 'boolean', default: false },
    logs: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else if (values.list) for (const { name, title } of SCENARIOS) say(`${name.padEnd(16)} ${title}`);
else process.exitCode = await main();

async function main(): Promise<number> {
  try {
    return await (values.triggers ? playTriggers() : playScenarios(chosen()));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

async function playTriggers(): Promise<number> {
  const outcomes = await runTriggers(positionals[0] ?? '', (each) => {
    say(
      `${each.passed ? 'ok  ' : 'FAIL'} ${each.trigger.padEnd(52)} ${each.ms} ms ${each.problem}`,
    );
  });
  const failed = outcomes.filter(({ passed }) => !passed).length;
  if (values.json) console.log(JSON.stringify({ passed: failed === 0, outcomes }, null, 2));
  say(`${outcomes.length - failed} of ${outcomes.length} triggers passed`);
  return failed > 0 || outcomes.length === 0 ? 1 : 0;
}

async function playScenarios(scenarios: Scenario[]): Promise<number> {
  const stack = await startE2eStack({ sandboxKey: sandboxKey() });
  const outcomes: StepOutcome[] = [];
  let problems: string[] = ['the run was cut short'];
  const stop = () => void stack.close(null).then(() => process.exit(130));
  process.once('SIGINT', stop);
  try {
    for (const scenario of scenarios) {
      say(`\n${scenario.name}: ${scenario.title}`);
      await runScenario(stack, scenario, (outcome) => {
        outcomes.push(outcome);
        say(rowOf(outcome));
      });
    }
    problems = [
      ...outcomes.flatMap(({ scenario, step, problem }) =>
        problem === null ? [] : [`${scenario}, "${step}": ${problem}`],
      ),
      ...refusedDeliveries(stack),
    ];
    return report(scenarios, outcomes, problems);
  } finally {
    process.off('SIGINT', stop);
    await keepLogs(stack, problems);
  }
}

function report(scenarios: Scenario[], outcomes: StepOutcome[], problems: string[]): number {
  const passed = problems.length === 0;
  if (values.json) console.log(JSON.stringify({ passed, outcomes, problems }, null, 2));
  const failed = new Set(
    outcomes.filter(({ problem }) => problem !== null).map((each) => each.scenario),
  );
  say(`\n${scenarios.length - failed.size} of ${scenarios.length} scenarios passed.`);
  for (const problem of problems) say(`  ${problem}`);
  return passed ? 0 : 1;
}

async function keepLogs(stack: E2eStack, problems: string[]): Promise<void> {
  const wanted =
    values.logs ?? (problems.length > 0 ? mkdtempSync(join(tmpdir(), 'stripe-e2e-')) : null);
  await stack.close(wanted);
  if (wanted === null) return;
  writeFileSync(join(wanted, 'problems.txt'), `${problems.join('\n\n')}\n`);
  console.error(`The logs of the CLI are in ${wanted}`);
}

/** Every forwarded event has to be answered 2xx; `stripe listen` prints the answers. */
function refusedDeliveries(stack: E2eStack): string[] {
  const lines = stack.listenLog().split('\n');
  return lines.filter((line) => /<--\s+\[[^2]\d\d\]|ERROR/.test(line)).map((line) => line.trim());
}

function rowOf({ step, state, access, events, ms, problem }: StepOutcome): string {
  const mark = problem === null ? 'ok  ' : 'FAIL';
  const where = `${state}${access ? `, ${access}` : ''}`;
  const row = `  ${mark} ${step.padEnd(66)} ${where.padEnd(21)} ${events.join(', ')} (${ms} ms)`;
  return problem === null ? row : `${row}\n       ${problem.replaceAll('\n', '\n       ')}`;
}

function chosen(): Scenario[] {
  const unknown = positionals.filter((name) => !SCENARIOS.some((each) => each.name === name));
  if (unknown.length > 0) {
    const names = SCENARIOS.map(({ name }) => name).join(', ');
    throw new Error(`There is no scenario ${unknown.join(', ')}. There are: ${names}.`);
  }
  const wanted = SCENARIOS.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  );
  const times = Number(values.repeat);
  if (!Number.isInteger(times) || times < 1) throw new Error('--repeat is a number of 1 or more.');
  const all = Array.from({ length: times }, () => wanted).flat();
  if (!values.shuffle && values.seed === undefined) return all;
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
  say(`Order of seed ${seed} (repeat it with --seed ${seed})`);
  return shuffled(all, seed);
}

function sandboxKey(): string | null {
  if (!values['live-sandbox']) return null;
  loadEnvironmentFile();
  const key = process.env['STRIPE_API_KEY'] || process.env['STRIPE_SECRET_KEY'] || '';
  if (/^[rs]k_test_\w{12,}$/.test(key)) return key;
  throw new Error(
    'For --live-sandbox set STRIPE_API_KEY to the test key of a sandbox (sk_test_…). Live keys are refused.',
  );
}

function say(line: string): void {
  if (!values.json) console.log(line);
}
