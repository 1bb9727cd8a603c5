import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmulator, type RunningEmulator } from '../stripe-emulator/index.ts';
import { createStripeCli, type CliRun, type StripeCli } from '../stripe-cli/cli.ts';

/** How one trigger went. */
export interface TriggerOutcome {
  trigger: string;
  passed: boolean;
  ms: number;
  problem: string;
}

const KEY = 'sk_test_all_triggers';

/**
 * Triggers whose name is no event, and events that come later than the CLI's last call, or not: the customer of
 * `subscription_schedule.completed` has no way to pay, so that the usual final action cancels it before its end.
 */
const NO_EVENT =
  /^(subscription\.payment_|v1\.|balance\.available|subscription_schedule\.(aborted|completed|expiring)$)/;

/**
 * Runs the triggers of the CLI whose name contains `only` against a local Stripe. One passes when the CLI says so, no
 * request carried a literal `${…}` (an answer that lacked a field), and its event came.
 */
export async function runTriggers(
  only: string,
  onOutcome: (outcome: TriggerOutcome) => void,
): Promise<TriggerOutcome[]> {
  const home = mkdtempSync(join(tmpdir(), 'stripe-triggers-'));
  const socket = join(home, 'stripe.sock');
  const emulator = await startEmulator({ port: 0, unixSocket: socket });
  // By the socket: two triggers call a host that is built into the CLI.
  const cli = createStripeCli({ key: KEY, apiBase: emulator.url, socket });
  const outcomes: TriggerOutcome[] = [];
  try {
    for (const trigger of await triggerNames(cli)) {
      if (!trigger.includes(only)) continue;
      const outcome = await runOne(emulator, cli, trigger);
      outcomes.push(outcome);
      onOutcome(outcome);
    }
    return outcomes;
  } finally {
    await cli.close();
    await emulator.close();
    rmSync(home, { recursive: true, force: true });
  }
}

/** The names that `stripe trigger --help` lists, without Issuing and Identity. */
async function triggerNames(cli: StripeCli): Promise<string[]> {
  const { stdout, stderr } = await cli.run(['trigger', '--help']);
  const text = stdout + stderr;
  const list = text.slice(text.indexOf('Supported events:'), text.indexOf('Usage:'));
  const names = [...list.matchAll(/^\s+([a-z0-9_.]+)$/gm)].map((match) => match[1] ?? '');
  return names.filter((name) => !/issuing|identity/.test(name));
}

async function runOne(
  emulator: RunningEmulator,
  cli: StripeCli,
  trigger: string,
): Promise<TriggerOutcome> {
  const headers = { Authorization: `Bearer ${KEY}` };
  const read = async (path: string) => (await fetch(`${emulator.url}${path}`, { headers })).text();
  await fetch(`${emulator.url}/_emulator/reset`, { method: 'POST', headers });
  const began = performance.now();
  const run = await cli.run(['trigger', trigger]);
  const ms = Math.round(performance.now() - began);
  const requests = decodeURIComponent(await read('/_emulator/requests'));
  const fired = async () => (await read('/v1/events?limit=100')).includes(`"type":"${trigger}"`);
  const problem = await problemOf(
    run,
    requests,
    async () => NO_EVENT.test(trigger) || (await soon(fired)),
  );
  return { trigger, passed: problem === '', ms, problem };
}

async function problemOf(
  run: CliRun,
  requests: string,
  fired: () => Promise<boolean>,
): Promise<string> {
  if (run.code !== 0) return lastLines(run.stdout + run.stderr);
  if (requests.includes('${')) return 'a request carried a literal ${…}';
  if (requests.includes('The emulator failed')) return 'internal error';
  return (await fired()) ? '' : 'its event did not come';
}

/** Some events follow in real time: a test clock advances, a bank debit ends. */
async function soon(test: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + 5_000;
  while (Date.now() < deadline) {
    if (await test()) return true;
    await sleep(50);
  }
  return false;
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-12).join(' ').slice(0, 600);
}
