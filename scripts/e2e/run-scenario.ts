import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { API_VERSION } from '../../adapters/stripe-gateway.ts';
import type { SubscriptionView } from '../../server/billing/subscription-view.ts';
import type { Call, Expectation, Scenario, Step } from '../scenarios/scenario.ts';
import { differences, type HistoryLine, type Sight } from './expectation.ts';
import type { E2eStack } from './stack.ts';
import { fillIn, partOf, splitWords } from './words.ts';

export interface StepOutcome {
  scenario: string;
  step: string;
  /** The state afterwards, as the server tells it. */
  state: string;
  access: string;
  events: string[];
  ms: number;
  /** What went wrong; null when all is as expected. */
  problem: string | null;
}

const DAY = 86_400;
/** Stripe charges a renewal about an hour after the period's end. */
const AFTER_PERIOD = 2 * 3600;

const NOTHING: Sight = { subscription: null, fresh: [], invoice: null, deliveries: 0, history: [] };

interface Play {
  stack: E2eStack;
  values: Map<string, string>;
  /** How long something may take to become true, in ms. */
  timeoutMs: number;
  /** Lines of the history that earlier steps made. */
  known: Set<string>;
}

/** Plays one scenario, on a test clock and with a customer of its own; stops at the first step that goes wrong. */
export async function runScenario(
  stack: E2eStack,
  scenario: Scenario,
  onStep: (outcome: StepOutcome) => void,
): Promise<boolean> {
  const play: Play = {
    stack,
    values: new Map(stack.values),
    timeoutMs: stack.localStripe ? 20_000 : 180_000,
    known: new Set(),
  };
  play.values.set('user', `e2e_${scenario.name}_${randomBytes(4).toString('hex')}`);
  try {
    await makeClock(play, scenario.name);
    for (const step of scenario.steps) {
      const outcome = await playStep(play, scenario, step);
      onStep(outcome);
      if (outcome.problem !== null) return false;
    }
    return true;
  } finally {
    await cleanUp(play);
  }
}

async function playStep(play: Play, scenario: Scenario, step: Step): Promise<StepOutcome> {
  const began = performance.now();
  let problem: string | null = null;
  let sight: Sight = NOTHING;
  try {
    for (const call of step.cli ?? []) {
      await makeCall(play, typeof call === 'string' ? { call } : call);
    }
    if (step.advance) await advance(play, step.advance);
    if (step.expect) {
      const met = await waitFor(play, step.expect);
      sight = met.sight;
      problem = met.left.length === 0 ? null : [...met.left, ...sight.history].join('\n');
    }
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  for (const line of sight.fresh) play.known.add(nameOf(line));
  return {
    scenario: scenario.name,
    step: step.does,
    state: sight.subscription?.state ?? '',
    access: sight.subscription?.access.level ?? '',
    events: sight.fresh.map(({ event }) => event),
    ms: Math.round(performance.now() - began),
    problem,
  };
}

async function makeCall(play: Play, call: Call): Promise<void> {
  const { localStripe } = play.stack;
  if (call.page && localStripe) return postPage(play, call.page, localStripe);
  const answer = await command(play, call.page ? (call.inSandbox ?? '') : call.call, call.fails);
  for (const [name, path] of Object.entries(call.keep ?? {})) {
    play.values.set(name, partOf(answer, path));
  }
}

/** Runs one command; returns its answer. Throws when it failed, or when it should have and did not. */
async function command(play: Play, line: string, fails?: string): Promise<unknown> {
  const words = splitWords(line).map((word) => fillIn(word, play.values));
  const [verb] = words;
  const isFixture = verb === 'trigger' || verb === 'fixtures';
  // Fixtures of the CLI are written for older versions; all else is written for the one that the server uses.
  const version = isFixture ? [] : ['--stripe-version', API_VERSION];
  const run = await play.stack.cli.run([...words, ...version]);
  const said = `stripe ${words.join(' ')}\n${run.stdout}${run.stderr}`;
  if (isFixture) {
    if (run.code !== 0) throw new Error(said);
    return null;
  }
  const answer = parse(run.stdout, said);
  // The CLI exits with 0 when Stripe refuses.
  if (isRefusal(answer)) {
    if (fails !== undefined && JSON.stringify(answer).includes(`"${fails}"`)) return answer;
    throw new Error(said);
  }
  if (fails !== undefined) throw new Error(`This should have failed with ${fails}: ${said}`);
  return answer;
}

function parse(text: string, said: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`No JSON came of ${said}`);
  }
}

function isRefusal(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'error' in answer;
}

async function postPage(
  play: Play,
  page: { url: string; fields: Record<string, string> },
  local: { url: string; key: string },
): Promise<void> {
  const url = new URL(fillIn(page.url, play.values), local.url);
  const response = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { authorization: `Bearer ${local.key}` },
    body: new URLSearchParams(page.fields),
  });
  if (response.status >= 400) {
    throw new Error(`${url.href} answered ${response.status}: ${await response.text()}`);
  }
}

async function makeClock(play: Play, name: string): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const clock = await command(
    play,
    `post /v1/test_helpers/test_clocks -d frozen_time=${now} -d name=${name}`,
  );
  play.values.set('clock', partOf(clock, 'id'));
  play.values.set('now', String(now));
}

async function advance(play: Play, by: NonNullable<Step['advance']>): Promise<void> {
  const now = Number(play.values.get('now'));
  const until =
    by === 'past the period'
      ? (await periodEnd(play)) + AFTER_PERIOD
      : now + by.days * DAY + (by.hours ?? 0) * 3600;
  await command(
    play,
    `post /v1/test_helpers/test_clocks/\${clock}/advance -d frozen_time=${until}`,
  );
  play.values.set('now', String(until));
  await untilReady(play, async () => {
    const clock = await command(play, 'get /v1/test_helpers/test_clocks/${clock}');
    return partOf(clock, 'status') === 'ready';
  });
}

async function periodEnd(play: Play): Promise<number> {
  const subscription = await command(play, 'get /v1/subscriptions/${subscription}');
  return Number(partOf(subscription, 'items.data.0.current_period_end'));
}

async function untilReady(play: Play, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + play.timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('The test clock did not become ready');
    await sleep(100);
  }
}

/** Looks at the server until what is expected is so, or the time is up. */
async function waitFor(
  play: Play,
  expected: Expectation,
): Promise<{ sight: Sight; left: string[] }> {
  const deadline = Date.now() + play.timeoutMs;
  for (;;) {
    const sight = await look(play, expected);
    const left = differences(expected, sight);
    if (left.length === 0 || Date.now() > deadline) return { sight, left };
    await sleep(50);
  }
}

async function look(play: Play, expected: Expectation): Promise<Sight> {
  const user = play.values.get('user') ?? '';
  const { subscription } = (await play.stack.get('/api/billing/subscription', { user })) as {
    subscription: SubscriptionView | null;
  };
  if (!subscription) return NOTHING;
  const { steps } = (await play.stack.get(
    `/admin/api/subscriptions/${subscription.id}`,
    'admin',
  )) as { steps: HistoryLine[] };
  const fresh = steps.filter((line) => !play.known.has(nameOf(line)));
  // Asking Stripe is slow, so only once the rest is as it should be.
  const rest = { ...expected, invoice: undefined, deliveries: undefined };
  const stateIsRight = differences(rest, { ...NOTHING, subscription, fresh }).length === 0;
  const invoice =
    expected.invoice && stateIsRight ? await newestInvoice(play, subscription.id) : null;
  const deliveries = deliveriesOf(play, expected.deliveries?.event ?? '');
  return { subscription, fresh, invoice, deliveries, history: steps.map(wordsOf) };
}

function wordsOf({ from, to, event, at, cause }: HistoryLine): string {
  return `  ${at} ${from} → ${to} ${event} (${cause.id})`;
}

/** `stripe listen` prints a line for each answer of the server, with the event's id. */
function deliveriesOf(play: Play, event: string): number {
  if (event === '') return 0;
  const answered = `[${fillIn(event, play.values)}]`;
  return play.stack
    .listenLog()
    .split('\n')
    .filter((line) => /<--\s+\[2\d\d\]/.test(line) && line.includes(answered)).length;
}

function nameOf({ event, to, cause }: HistoryLine): string {
  return `${cause.id} ${event} ${to}`;
}

async function newestInvoice(play: Play, subscription: string): Promise<Sight['invoice']> {
  const list = await command(play, `get /v1/invoices -d subscription=${subscription} -d limit=1`);
  return {
    status: partOf(list, 'data.0.status'),
    total: Number(partOf(list, 'data.0.total')),
  };
}

/** A sandbox keeps what is left behind; a clock takes its customers with it. */
async function cleanUp(play: Play): Promise<void> {
  if (play.stack.localStripe || !play.values.has('clock')) return;
  await play.stack.cli.run([
    'delete',
    `/v1/test_helpers/test_clocks/${play.values.get('clock') ?? ''}`,
    '-c',
  ]);
}
