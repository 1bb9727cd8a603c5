import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createDemo, type Demo } from './demo/actions.ts';
import { STEPS, type Step } from './demo/steps.ts';
import { startLocalStack } from './local-stack.ts';

const HELP = `Leads one subscription through its whole life, offline.

  npm run demo

Every step goes through the HTTP API of the server or through the local Stripe; the server hears of
it by signed webhooks. Exit 1 if a step ends in another state than expected.

  --json  one JSON object per step
  --help  this text
`;

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tenure-demo-'));
  const env = { PORT: '0', EMULATOR_PORT: '0', LOG_LEVEL: 'error' };
  const stack = await startLocalStack({ env, dataDir });
  try {
    const demo = await createDemo(stack);
    let surprises = 0;
    for (const [index, step] of STEPS.entries()) {
      surprises += (await run(demo, step, index + 1)) ? 0 : 1;
    }
    if (!values.json) {
      console.log(surprises === 0 ? '\nAll as expected.' : `\n${surprises} surprises.`);
    }
    return surprises === 0 ? 0 : 1;
  } finally {
    await stack.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** One step and its line; false when it ended elsewhere than expected. */
async function run(demo: Demo, step: Step, number: number): Promise<boolean> {
  const before = await demo.stateNow();
  const seen = new Set((await demo.history()).map((line) => JSON.stringify(line)));
  let problem: string | null = null;
  try {
    await step.act(demo);
    await demo.waitFor(step.to);
    problem = (await step.check?.(demo)) ?? null;
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  const after = await demo.stateNow();
  const fresh = (await demo.history()).filter((line) => !seen.has(JSON.stringify(line)));
  const events = fresh.map(({ event }) => event);
  if (problem === null && after !== step.to) problem = `expected ${step.to}`;
  if (problem === null && !step.by.every((event) => events.includes(event))) {
    problem = `expected ${step.by.join(', ')}`;
  }
  if (problem === null && fresh.some(({ unexpected }) => unexpected)) {
    problem = 'the machine did not expect this';
  }
  print({ number, step: step.title, before, after, events, problem });
  return problem === null;
}

interface Line {
  number: number;
  step: string;
  before: string;
  after: string;
  events: string[];
  problem: string | null;
}

function print(line: Line): void {
  if (values.json) {
    console.log(JSON.stringify({ ...line, ok: line.problem === null }));
    return;
  }
  const mark = line.problem === null ? 'ok  ' : 'FAIL';
  const move = `${line.before} → ${line.after}`;
  const by = line.events.join(', ') || '(no event)';
  const number = String(line.number).padStart(2);
  console.log(`${mark} ${number}  ${line.step.padEnd(46)} ${move.padEnd(32)} ${by}`);
  if (line.problem !== null) console.log(`         ${line.problem}`);
}
