import * as fc from 'fast-check';
import { sizeOf } from '../support/sizes.ts';
import { describe, expect, it } from 'vitest';
import { decideBatch, type BatchTransition } from '../../state/decide-batch.ts';
import { readEvent, type EventFacts } from '../../state/event-facts.ts';
import type { HistoryLine } from '../../state/history.ts';
import { lifecycleOf } from '../../state/lifecycle.ts';
import { machineArrows } from '../../state/machine.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import type { LifecycleState, StoredSubscription } from '../../state/types.ts';
import { CATALOGUE, SETTINGS } from './factories.ts';
import { SimulatedSubscription, STEPS, type SimulatorStep } from './simulator.ts';

const RUNS = sizeOf({ sample: 100, full: 400 });

interface World {
  stored: StoredSubscription | null;
  lines: BatchTransition[];
  effects: Map<string, Effect>;
}

function emptyWorld(): World {
  return { stored: null, lines: [], effects: new Map() };
}

/** What the engine does with a batch: decide, then write the row, the history and the outbox. */
function deliver(
  world: World,
  events: EventFacts[],
  readAt: { life: SimulatedSubscription; index: number; changes?: object },
) {
  const { life, index } = readAt;
  const history: HistoryLine[] = world.lines.map((line) => ({ ...line, causeId: line.eventId }));
  const now = Number(life.events[index]?.['created']) * 1000;
  const decision = decideBatch({
    stored: world.stored,
    events,
    read: readSubscription({ ...life.reads[index], ...readAt.changes }),
    history,
    catalogue: CATALOGUE,
    settings: SETTINGS,
    userId: 'user_1',
    now,
  });
  world.stored = decision.next;
  world.lines.push(...decision.transitions);
  for (const effect of decision.effects)
    world.effects.set(`${effect.kind} ${effect.objectId}`, effect);
  return decision;
}

function live(start: 'incomplete' | 'trialing' | 'active', steps: readonly SimulatorStep[]) {
  const life = new SimulatedSubscription(start);
  for (const step of steps) life.step(step);
  return life;
}

/** The states that the payloads themselves show: whether a schedule makes it smaller is not in them. */
function statesShown(life: SimulatedSubscription): Set<LifecycleState> {
  const shown = life.events.flatMap((event) => {
    const facts = readEvent(event).subscription;
    return facts && facts.scheduleId === null
      ? lifecycleOf(facts, { catalogue: CATALOGUE, previous: 'none' }).state
      : [];
  });
  return new Set(shown);
}

function statesRecorded(lines: readonly BatchTransition[]): Set<LifecycleState> {
  return new Set(lines.map((line) => line.to));
}

/**
 * Effects that must be the same however the history was told. Not so the final action: a last failure that is
 * told of after the customer paid must end nothing.
 */
function causeEffects(world: World): string[] {
  return [...world.effects.keys()]
    .filter((key) => !/^(webhook\.subscription\.changed|dunning)/.test(key))
    .sort();
}

const startArbitrary = fc.constantFrom('incomplete', 'trialing', 'active');
const stepsArbitrary = fc.array(fc.constantFrom(...STEPS), { maxLength: 12 });

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length <= 1) return [[...list]];
  return list.flatMap((head, index) =>
    permutations([...list.slice(0, index), ...list.slice(index + 1)]).map((rest) => [
      head,
      ...rest,
    ]),
  );
}

describe('a batch of events', () => {
  it('tells a life in order, one line for each change, attributed to its event', () => {
    const life = live('trialing', ['pay', 'schedule_cancel', 'undo_cancel', 'fail', 'fail', 'pay']);
    const world = emptyWorld();
    life.events.forEach((event, index) => {
      deliver(world, [readEvent(event)], { life, index });
    });
    expect(world.lines.map((line) => `${line.from} ${line.event} ${line.to}`)).toEqual([
      'none trial_started trialing',
      'trialing paid active',
      'active cancel_scheduled cancel_pending',
      'cancel_pending cancel_undone active',
      'active payment_failed past_due',
      'past_due payment_failed past_due',
      'past_due payment_succeeded active',
    ]);
    expect(world.lines.some((line) => line.unexpected || line.late)).toBe(false);
  });

  it('gives each failed attempt its line when a read runs ahead of its event', () => {
    const life = live('active', ['fail', 'fail']);
    const world = emptyWorld();
    const events = life.events.map(readEvent);
    const [first, second] = events.filter(({ type }) => type === 'invoice.payment_failed');
    const others = events.filter((event) => event !== first && event !== second);
    // Reads expand the invoice, and with it the number of attempts.
    const readWith = (attempts: number) => ({
      life,
      index: life.events.length - 1,
      changes: { latest_invoice: { id: 'in_2', status: 'open', attempt_count: attempts } },
    });
    deliver(world, others, readWith(1));
    deliver(world, [first!], readWith(2));
    deliver(world, [second!], readWith(2));
    const failures = world.lines.filter(({ event }) => event === 'payment_failed');
    expect(failures.map(({ from, detail }) => [from, detail['attempt']])).toEqual([
      ['active', 1],
      ['past_due', 2],
    ]);
    expect(failures[1]?.eventId).toBe(second?.id);
    // However often it is told.
    expect(deliver(world, [first!, second!], readWith(2)).transitions).toEqual([]);
  });

  it('shows every state that lay between two reads when all events wait together', () => {
    const life = live('trialing', ['pay', 'schedule_cancel', 'undo_cancel', 'fail', 'fail', 'pay']);
    const world = emptyWorld();
    const index = life.events.length - 1;
    deliver(world, life.events.map(readEvent), { life, index });
    expect(world.lines.map((line) => `${line.from} ${line.event} ${line.to}`)).toEqual([
      'none trial_started trialing',
      'trialing paid active',
      'active cancel_scheduled cancel_pending',
      'cancel_pending cancel_undone active',
      'active payment_failed past_due',
      'past_due payment_failed past_due',
      'past_due payment_succeeded active',
    ]);
  });

  it.each([
    ['incomplete', ['pay', 'fail']],
    ['trialing', ['same_second', 'pay', 'cancel_now']],
    ['incomplete', ['same_second', 'pay', 'same_second', 'schedule_cancel']],
    ['active', ['fail', 'pay']],
    ['active', ['fail', 'cancel_now']],
  ] as const)(
    'comes to the same end and the same states in every order of %s, %j (cashier 1759, sync-engine 268)',
    (start, steps) => {
      const life = live(start, steps);
      const index = life.events.length - 1;
      const ends = new Set<string>();
      // `invoice.payment_succeeded` says what `invoice.paid` says; without it all orders can be tried.
      const told = life.events.filter((event) => event['type'] !== 'invoice.payment_succeeded');
      for (const order of permutations(told.map(readEvent))) {
        const world = emptyWorld();
        for (const event of order) deliver(world, [event], { life, index });
        const { state, status, failedAttempts, plan } = world.stored ?? {};
        ends.add(
          JSON.stringify({ state, status, failedAttempts, plan, facts: world.stored?.facts }),
        );
        expect(statesRecorded(world.lines)).toEqual(statesShown(life));
      }
      expect(ends.size).toBe(1);
    },
    120_000,
  );

  it('ends equal to Stripe however events are shuffled, repeated and batched; no state is missing', () => {
    fc.assert(
      fc.property(
        startArbitrary,
        stepsArbitrary,
        fc.infiniteStream(fc.nat()),
        (start, steps, random) => {
          const life = live(start, steps);
          const draw = (below: number): number => Number(random.next().value) % below;
          const world = emptyWorld();
          const ordered = emptyWorld();
          life.events.forEach((event, index) => {
            deliver(ordered, [readEvent(event)], { life, index });
          });
          // Some events twice; all in any order; cut into batches, each read some time after its events.
          const queue = life.events.flatMap((event, index) =>
            Array.from({ length: draw(4) === 0 ? 2 : 1 }, () => ({
              event: readEvent(event),
              index,
            })),
          );
          for (let i = queue.length - 1; i > 0; i -= 1) {
            const j = draw(i + 1);
            [queue[i], queue[j]] = [queue[j]!, queue[i]!];
          }
          const done = new Set<string>();
          let seen = 0;
          while (queue.length > 0) {
            const batch = queue.splice(0, 1 + draw(5)).filter(({ event }) => !done.has(event.id));
            const newest = Math.max(seen, ...batch.map(({ index }) => index));
            seen = newest + draw(life.events.length - newest);
            deliver(
              world,
              batch.map(({ event }) => event),
              { life, index: seen },
            );
            for (const { event } of batch) done.add(event.id);
          }
          const last = { life, index: life.events.length - 1 };
          deliver(world, [], last);

          const truth = readSubscription(life.read);
          expect(world.stored?.facts).toEqual(truth);
          expect(world.stored?.state).toBe(ordered.stored?.state);
          expect(world.stored?.failedAttempts).toBe(ordered.stored?.failedAttempts);
          for (const state of statesShown(life)) {
            expect(statesRecorded(world.lines)).toContain(state);
          }
          const keys = world.lines
            .filter((line) => line.eventId !== null)
            .map((line) => `${line.eventId} ${line.event} ${line.to}`);
          expect(new Set(keys).size).toBe(keys.length);
          const changedIds = [...world.effects.keys()].filter((key) => key.includes('changed'));
          expect(changedIds).toHaveLength(world.lines.length);
          expect(causeEffects(world)).toEqual(causeEffects(ordered));

          const { state, failedAttempts } = world.stored ?? {};
          if (state === 'past_due' && (failedAttempts ?? 0) >= SETTINGS.maxAttempts) {
            const action = `dunning.final_action ${truth.latestInvoiceId}`;
            expect([...world.effects.keys()]).toContain(action);
          }

          const again = deliver(world, [], last);
          expect(again.transitions).toEqual([]);
          const replay = deliver(world, life.events.map(readEvent), last);
          // A replay may fill a gap of the history, but moves nothing, and soon has none to fill.
          expect(replay.next?.state).toBe(ordered.stored?.state);
          let replays = 0;
          while (deliver(world, life.events.map(readEvent), last).transitions.length > 0) {
            replays += 1;
            expect(replays).toBeLessThan(3);
          }
          expect(world.stored?.facts).toEqual(truth);
          expect(causeEffects(world)).toEqual(causeEffects(ordered));
        },
      ),
      { numRuns: RUNS, verbose: fc.VerbosityLevel.Verbose },
    );
  }, 600_000);

  it('gives, in order, only arrows of the machine', () => {
    const arrows = new Set(machineArrows().map(({ from, event, to }) => `${from} ${event} ${to}`));
    fc.assert(
      fc.property(startArbitrary, stepsArbitrary, (start, steps) => {
        const life = live(start, steps);
        const world = emptyWorld();
        life.events.forEach((event, index) => {
          deliver(world, [readEvent(event)], { life, index });
        });
        let state: LifecycleState = 'none';
        for (const line of world.lines) {
          expect(line.from).toBe(state);
          const known = arrows.has(`${line.from} ${line.event} ${line.to}`);
          expect(known).toBe(!line.unexpected);
          state = line.to;
        }
      }),
      { numRuns: 200, verbose: fc.VerbosityLevel.Verbose },
    );
  });
});
