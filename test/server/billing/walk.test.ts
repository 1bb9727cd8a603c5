import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSubscriptions } from '../../../db/subscriptions.ts';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { compareFacts } from '../../../server/operations/compare-facts.ts';
import { allowedActions } from '../../../state/actions.ts';
import { lifecycleOf } from '../../../state/lifecycle.ts';
import { machineArrows, type Arrow } from '../../../state/machine.ts';
import type { LifecycleState } from '../../../state/types.ts';
import { DIALECTS } from '../../support/databases.ts';
import { randomFrom, type Random } from '../../support/random.ts';
import { RUNS, sizeOf } from '../../support/sizes.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { PRO, type Person } from './person.ts';
import { newWalker, type Walker, type World } from './walker.ts';

const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
const STEPS = 12;

/** What can only come from outside, or not at all with these plans; see the walker. */
const NOT_WALKED = [
  'cancel_pending payment_failed past_due',
  'paused resumed past_due',
  'canceled reactivated incomplete',
];
const nameOf = ({ from, event, to }: Arrow) => `${from} ${event} ${to}`;

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

describe.each(DIALECTS)('Walks along the machine on %s', (dialect) => {
  const walks = dialect === 'sqlite' ? sizeOf({ sample: 1, full: 6 }) : RUNS;
  const gone = new Map<string, number>();
  /** Cards that had a trial. */
  const trialed = new Set<string>();
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: dialect, emulator });
  });
  afterAll(() => server.close());

  it(
    `keep the stored state, Stripe and the machine in step (TENURE_TEST_SEED=${SEED})`,
    { timeout: 600_000 },
    async () => {
      const random = randomFrom(SEED);
      for (let i = 0; i < walks; i += 1) await walk(random, i);
      const all = machineArrows().map(nameOf);
      const missed = all.filter((name) => !gone.has(name) && !NOT_WALKED.includes(name));
      const missing = missed.join(', ') || 'none';
      process.stdout.write(
        `${dialect}: ${gone.size} of ${all.length} arrows; missing: ${missing}\n`,
      );
      if (RUNS >= 10 && dialect === 'sqlite') expect(missed).toEqual([]);
      expect(gone.size).toBeGreaterThan(5);
    },
  );

  async function walk(random: Random, index: number): Promise<void> {
    const world: World = {
      card: index,
      trialDays: index % 3 === 1 ? 0 : 14,
      withoutMethod: random.pick(['cancel', 'pause']),
      final: index % 2 ? 'unpaid' : 'cancel',
    };
    const walker = await newWalker(server, world, { random, trialed });
    const story = [`walk ${index} of seed ${SEED}, ${JSON.stringify(world)}`];
    let state: LifecycleState = 'none';
    for (let step = 0; step < STEPS; step += 1) {
      const arrow = await choose(walker, state, random);
      story.push(`${nameOf(arrow)}:`);
      const told = () => story.join('\n');
      try {
        story.push(`  ${await walker.go(arrow)}`);
      } catch (error) {
        throw new Error(`${told()}\n  ${String(error)}`, { cause: error });
      }
      gone.set(nameOf(arrow), (gone.get(nameOf(arrow)) ?? 0) + 1);
      await agree(walker.person, arrow, told);
      await refuse(walker.person, arrow.to, { random, told });
      state = arrow.to;
    }
    const made: { id: string }[] = await server.database
      .knex('subscriptions')
      .where({ user_id: walker.person.id });
    for (const { id } of made) {
      const lines = await history(id);
      const unexpected = lines.filter((line) => line.unexpected);
      expect(unexpected, `${story.join('\n')}\n${JSON.stringify(lines)}`).toEqual([]);
    }
    await walker.leave();
  }

  /** One of the arrows that lead on from here, those gone least often first. */
  async function choose(walker: Walker, from: LifecycleState, random: Random): Promise<Arrow> {
    const open: Arrow[] = [];
    for (const arrow of machineArrows()) {
      if (arrow.from === from && (await walker.can(arrow))) open.push(arrow);
    }
    // Ways that end the subscription are short; others lead further.
    const weight = (arrow: Arrow) =>
      (gone.get(nameOf(arrow)) ?? 0) + (arrow.to === 'canceled' ? 1 : 0);
    const least = Math.min(...open.map(weight));
    return random.pick(open.filter((arrow) => weight(arrow) === least || random.chance(0.1)));
  }

  /** The machine's prediction, the answer of the API, the stored row and Stripe's object. */
  async function agree(person: Person, arrow: Arrow, told: () => string): Promise<void> {
    await until(async () => (await person.subscription())?.state === arrow.to).catch(() => null);
    const view = await person.subscription();
    expect(view.state, told()).toBe(arrow.to);
    const both = async () => {
      const read = await server.services.engine.reader.subscription(view.id);
      const [row] = await findSubscriptions(server.database.knex, [view.id]);
      if (!read || !row) throw new Error(`${told()}\nThere is no subscription`);
      return { read, row, differences: compareFacts(row.facts, read) };
    };
    // What the end of dunning does with the invoices follows the end of the subscription.
    await until(async () => (await both()).differences.length === 0).catch(() => null);
    const { read, row, differences } = await both();
    expect(differences, told()).toEqual([]);
    const { catalogue } = server.services;
    expect(lifecycleOf(read, { catalogue, previous: arrow.from }).state, told()).toBe(arrow.to);
    expect(view.actions, told()).toEqual(allowedActions(row));
    // After a trial Stripe calls it active for the hour before it charges.
    // The end is taken back first, and then the smaller plan is scheduled again.
    const toldAs: Record<string, string> = {
      trial_ended_unpaid: 'payment_failed',
      ...(arrow.to === 'downgrading' ? { cancel_undone: 'downgrade_scheduled' } : {}),
    };
    const event = toldAs[arrow.event] ?? arrow.event;
    const lines = await history(view.id);
    expect(lines, `${told()}\nThe history tells of it`).toContainEqual(
      expect.objectContaining({ event, to: arrow.to }),
    );
  }

  /** The lines of one subscription in the order in which they were written. */
  async function history(id: string) {
    const rows = await server.database
      .knex('transitions')
      .where({ subscription_id: id })
      .orderBy('id');
    return rows.map((row) => ({
      from: row.from_state,
      event: row.event,
      to: row.to_state,
      unexpected: Boolean(row.unexpected),
      at: new Date(Number(row.occurred_at)).toISOString(),
    }));
  }

  /** What the machine does not allow is refused, and nothing is asked of Stripe. */
  async function refuse(
    person: Person,
    state: LifecycleState,
    { random, told }: { random: Random; told: () => string },
  ): Promise<void> {
    const view = await person.subscription();
    const commands = { change: PRO, cancel: {}, resume: {}, pause: {}, reactivate: PRO };
    const refused = Object.entries(commands).filter(([name]) =>
      name === 'cancel'
        ? !['trialing', 'active', 'downgrading'].includes(state)
        : !view.actions.includes(name),
    );
    const [name, body] = random.pick(refused);
    const { status, json } = await person.command(name, body);
    expect([status, json['error']], `${told()}\n${name}`).toEqual([
      409,
      expect.objectContaining({ code: 'not_allowed', state, actions: view.actions }),
    ]);
  }
});
