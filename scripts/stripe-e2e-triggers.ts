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

/** Triggers whose name is no event, and events that come later than the CLI's last call. */
const NO_EVENT =
  /^(subscription\.payment_|v1\.|balance\.available|subscription_schedule\.(aborted|expiring)$)/;

async function runOne(
  emulator: RunningEmulator,
  trigger: string,
  env: NodeJS.ProcessEnv,
): Promise<Outcome> {
  const headers = { Authorization: `Bearer ${KEY}` };
  const read = async (path: string) => (await fetch(`${emulator.url}${path}`, { headers })).text();
  await fetch(`${emulator.url}/_emulator/reset`, { method: 'POST', headers });
  const began = performance.now();
  const { code, text } = await stripe(['trigger', trigger], env);
  const ms = Math.round(performance.now() - began);
  const requests = decodeURIComponent(await read('/_emulator/requests'));
  const fired = async () => (await read('/v1/events?limit=100')).includes(`"type":"${trigger}"`);
  const problem = await problemOf(
    { code, text, requests },
    async () => NO_EVENT.test(trigger) || (await soon(fired)),
  );
  return { trigger, passed: problem === '', ms, problem };
}

/** Some events follow in real time: a test clock advances, a bank debit ends. */
async function soon(test: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 30; tries += 1) {
    if (await test()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

async function problemOf(
  run: { code: number | null; text: string; requests: string },
  fired: () => Promise<boolean>,
): Promise<string> {
  if (run.code !== 0) return lastLines(run.text);
  if (run.requests.includes('${')) return 'a request carried a literal ${…}';
  if (run.requests.includes('The emulator failed')) return 'internal error';
  return (await fired()) ? '' : 'its event did not come';
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
