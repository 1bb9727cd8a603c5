import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEvent, type EventFacts } from '../../state/event-facts.ts';
import { machineArrows } from '../../state/machine.ts';
import type { LifecycleState } from '../../state/types.ts';
import { expectedLines } from './history-judge.ts';
import { RANKS, RecordedHistory } from './recorded-history.ts';
import { SAMPLED } from '../support/sizes.ts';
import { SimulatedSubscription, STEPS, type SimulatorStep } from './simulator.ts';

/** Gives a batch to the record, read as the life was after its event number `index`. */
function deliver(
  world: RecordedHistory,
  events: EventFacts[],
  readAt: { life: SimulatedSubscription; index: number; changes?: object },
) {
  const { life, index, changes } = readAt;
  const now = Number(life.events[index]?.['created']) * 1000;
  return world.deliver(events, { ...life.reads[index], ...changes }, now);
}

function live(start: 'incomplete' | 'trialing' | 'active', steps: readonly SimulatorStep[]) {
  const life = new SimulatedSubscription(start);
  for (const step of steps) life.step(step);
  return life;
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
    const world = new RecordedHistory();
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
    expect(world.lines.some((line) => line.unexpected === true)).toBe(false);
  });

  it('gives each failed attempt its line when a read runs ahead of its event', () => {
    const life = live('active', ['fail', 'fail']);
    const world = new RecordedHistory();
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
    expect(failures.map(({ from, detail }) => [from, detail?.['attempt']])).toEqual([
      ['active', 1],
      ['past_due', 2],
    ]);
    expect(failures[1]?.causeId).toBe(second?.id);
    // However often it is told.
    expect(deliver(world, [first!, second!], readWith(2)).transitions).toEqual([]);
  });

  it('shows every state that lay between two reads when all events wait together', () => {
    const life = live('trialing', ['pay', 'schedule_cancel', 'undo_cancel', 'fail', 'fail', 'pay']);
    const world = new RecordedHistory();
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
    'P-4: comes to the same end and tells the same lines in every order of %s, %j (cashier 1759, sync-engine 268)',
    (start, steps) => {
      const life = live(start, steps);
      const index = life.events.length - 1;
      const ends = new Set<string>();
      // `invoice.payment_succeeded` says what `invoice.paid` says; without it all orders can be tried.
      const told = life.events.filter((event) => event['type'] !== 'invoice.payment_succeeded');
      const orders = permutations(told.map(readEvent));
      // A sample takes every eleventh order of many, which puts every event first and last.
      const each = SAMPLED && orders.length > 500 ? 11 : 1;
      for (const order of orders.filter((_, i) => i % each === 0)) {
        const world = new RecordedHistory();
        for (const event of order) deliver(world, [event], { life, index });
        const { state, status, failedAttempts, plan, facts } = world.stored ?? {};
        ends.add(JSON.stringify({ state, status, failedAttempts, plan, facts }));
        expect(world.shown()).toEqual(expectedLines(life.events, RANKS));
      }
      expect(ends.size).toBe(1);
    },
    120_000,
  );

  it('gives, in order, only arrows of the machine', () => {
    const arrows = new Set(machineArrows().map(({ from, event, to }) => `${from} ${event} ${to}`));
    fc.assert(
      fc.property(startArbitrary, stepsArbitrary, (start, steps) => {
        const life = live(start, steps);
        const world = new RecordedHistory();
        life.events.forEach((event, index) => {
          deliver(world, [readEvent(event)], { life, index });
        });
        let state: LifecycleState = 'none';
        for (const line of world.lines) {
          // An end, or a smaller plan, that was set before shows again: no arrow, and nothing unexpected.
          const isBackground = line.to === 'cancel_pending' || line.to === 'downgrading';
          expect(line.from).toBe(state);
          const known = arrows.has(`${line.from} ${line.event} ${line.to}`);
          if (!isBackground || known) expect(known).toBe(!line.unexpected);
          state = line.to;
        }
      }),
      { numRuns: 200, verbose: fc.VerbosityLevel.Verbose },
    );
  });
});
