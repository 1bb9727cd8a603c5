import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startEmulator, type RunningEmulator } from './stripe-emulator/index.ts';

const HELP = `Runs every trigger of the official Stripe CLI against the bundled emulator.

  npx tsx scripts/stripe-e2e-triggers.ts [--only TEXT] [--json]

  --only TEXT  only the triggers whose name contains the text
  --json       print one JSON document instead of lines
  --help       this text

Issuing and Identity are left out. A trigger passes when the CLI says so, no request carried a literal \${…}
(an answer that lacked a field), and the emulator had no internal error. Exit 1 if one fails.
`;

/** How one trigger went. */
interface Outcome {
  trigger: string;
  passed: boolean;
  ms: number;
  problem: string;
}

const KEY = 'sk_test_all_triggers';

/** The platform's binary, which the npm launcher would only wrap. */
function binary(): string {
  const shim = createRequire(createRequire(import.meta.url).resolve('@stripe/cli/package.json'));
  return shim.resolve(`@stripe/cli-${process.platform}-${process.arch}/bin/stripe`);
}

async function stripe(
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; text: string }> {
  const child = spawn(binary(), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  let text = '';
  child.stdout.on('data', (chunk) => (text += String(chunk)));
  child.stderr.on('data', (chunk) => (text += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  return { code, text };
}

/** The names that `stripe trigger --help` lists. */
async function triggerNames(env: NodeJS.ProcessEnv): Promise<string[]> {
  const { text } = await stripe(['trigger', '--help'], env);
  const list = text.slice(text.indexOf('Supported events:'), text.indexOf('Usage:'));
  const names = [...list.matchAll(/^\s+([a-z0-9_.]+)$/gm)].map((match) => match[1] ?? '');
  return names.filter((name) => !/issuing|identity/.test(name));
}

async function runOne(
  emulator: RunningEmulator,
  trigger: string,
  env: NodeJS.ProcessEnv,
): Promise<Outcome> {
  const headers = { Authorization: `Bearer ${KEY}` };
  await fetch(`${emulator.url}/_emulator/reset`, { method: 'POST', headers });
  const began = performance.now();
  const { code, text } = await stripe(['trigger', trigger], env);
  const ms = Math.round(performance.now() - began);
  const requests = decodeURIComponent(
    await (await fetch(`${emulator.url}/_emulator/requests`, { headers })).text(),
  );
  const problem =
    code !== 0
      ? lastLines(text)
      : requests.includes('${')
        ? 'a request carried a literal ${…}'
        : requests.includes('The emulator failed')
          ? 'internal error'
          : '';
  return { trigger, passed: problem === '', ms, problem };
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-12).join(' ').slice(0, 600);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const home = await mkdtemp(join(tmpdir(), 'stripe-triggers-'));
  const unixSocket = join(home, 'stripe.sock');
  const emulator = await startEmulator({ port: 0, unixSocket });
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_CONFIG_HOME: home,
    STRIPE_API_KEY: KEY,
    STRIPE_CLI_TELEMETRY_OPTOUT: '1',
    STRIPE_CLI_UNIX_SOCKET: unixSocket,
  };
  const outcomes: Outcome[] = [];
  try {
    for (const trigger of await triggerNames(env)) {
      if (!trigger.includes(values.only)) continue;
      const outcome = await runOne(emulator, trigger, env);
      outcomes.push(outcome);
      if (!values.json)
        console.log(
          `${outcome.passed ? 'ok  ' : 'FAIL'} ${outcome.trigger} ${outcome.ms} ms ${outcome.problem}`,
        );
    }
  } finally {
    await emulator.close();
    await rm(home, { recursive: true, force: true });
  }
  const failed = outcomes.filter(({ passed }) => !passed);
  if (values.json) console.log(JSON.stringify(outcomes, null, 2));
  else console.log(`${outcomes.length - failed.length} of ${outcomes.length} triggers passed`);
  if (failed.length > 0 || outcomes.length === 0) process.exitCode = 1;
}

await main();
