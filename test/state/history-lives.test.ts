import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEvent, type EventFacts } from '../../state/event-facts.ts';
import type { HistoryLine } from '../../state/history/lines.ts';
import { expectedLines, inTrueOrder } from './history-judge.ts';
import { RANKS, RecordedHistory } from './recorded-history.ts';
import { SimulatedSubscription, STEPS, type SimulatorStep } from './simulator.ts';

/** A failing run is repeated by the seed that it prints. */
const SEED = process.env['TENURE_TEST_SEED'];
const RUNS = Number(process.env['TENURE_TEST_RUNS'] ?? (process.env['FULL'] ? 20_000 : 1_000));

function live(start: 'incomplete' | 'trialing' | 'active', steps: readonly SimulatorStep[]) {
  const life = new SimulatedSubscription(start);
  for (const step of steps) life.step(step);
  return life;
}

/** Each begins where the one before ended, dates never go back, nothing follows the end. */
function expectConnected(lines: readonly HistoryLine[]): void {
  let [state, at]: [string, number] = [lines[0]?.from ?? 'none', -Infinity];
  for (const line of lines) {
    expect(line.from).toBe(state);
    expect(line.at).toBeGreaterThanOrEqual(at);
    expect(state).not.toBe('canceled');
    [state, at] = [line.to, line.at];
  }
}

const startArbitrary = fc.constantFrom('incomplete', 'trialing', 'active');
const stepsArbitrary = fc.array(fc.constantFrom(...STEPS), { maxLength: 12 });

/** The events in any order, some twice, some lost for long; our clock may be off by 20 s. */
function play(life: SimulatedSubscription, random: Iterator<number>, isAhead: boolean) {
  const draw = (below: number): number => Number(random.next().value) % below;
  const record = new RecordedHistory();
  const skew = (draw(41) - 20) * 1000;
  const now = (index: number) => Number(life.events[index]?.['created']) * 1000 + skew;
  const arriving: { event: EventFacts; index: number }[] = [];
  const lost: EventFacts[] = [];
  for (const [index, raw] of life.events.entries()) {
    const event = readEvent(raw);
    if (draw(8) === 0) lost.push(event);
    else arriving.push({ event, index });
    if (draw(4) === 0) arriving.push({ event, index });
  }
  if (draw(4) > 0) shuffle(arriving, draw);
  let seen = 0;
  const deliver = (events: EventFacts[]) => {
    record.deliver(events, life.reads[seen]!, now(seen));
    expectConnected(record.lines);
    expect(record.lines.at(-1)?.to).toBe(record.stored?.state);
  };
  while (arriving.length > 0) {
    const ahead = isAhead ? draw(4) : 0;
    for (let i = 0; i < ahead && seen + 1 < life.events.length; i += 1) {
      seen += 1;
      deliver([]);
    }
    const batch = arriving.splice(0, 1 + draw(5));
    const newest = Math.max(seen, ...batch.map(({ index }) => index));
    seen = newest + draw(life.events.length - newest);
    deliver(batch.map(({ event }) => event));
  }
  seen = life.events.length - 1;
  for (const event of lost) deliver([event]);
  deliver([]);
  expectEndsRight(record);
  // A replay tells nothing again; all that it may add is the invoice that a refused payment was for.
  const shown = structuredClone(record.shown());
  const again = record.deliver(life.events.map(readEvent), life.read, now(seen) + 9_000);
  expect([again.transitions, again.removed]).toEqual([[], []]);
  expect(record.shown()).toEqual(shown);
  for (const { event } of again.revised) {
    expect(['payment_failed', 'trial_ended_unpaid']).toContain(event);
  }
  return inTrueOrder(shown, life.events, RANKS);
}

const parameters = {
  numRuns: RUNS,
  verbose: fc.VerbosityLevel.Verbose,
  ...(SEED === undefined ? {} : { seed: Number(SEED) }),
};
const randomPlay = [startArbitrary, stepsArbitrary, fc.infiniteStream(fc.nat())] as const;

describe('the history of random lives', () => {
  it('P-1, P-4, P-24, S-3: has the lines of Stripe’s own list, whatever the order, the repetition, the losses and our clock', () => {
    fc.assert(
      fc.property(...randomPlay, (start, steps, random) => {
        const life = live(start, steps);
        expect(play(life, random, false)).toEqual(expectedLines(life.events, RANKS));
      }),
      parameters,
    );
  }, 600_000);

  /** Known: of two changes of one kind a read can be taken for the wrong one; measured, in two lives of 10,000. */
  it('P-24: where commands read ahead of their events, at most 3 in 1,000 keep a line that no event tells of', () => {
    const strange: string[] = [];
    fc.assert(
      fc.property(...randomPlay, (start, steps, random) => {
        const life = live(start, steps);
        const told = play(life, random, true);
        if (!isDeepStrictEqual(told, expectedLines(life.events, RANKS))) {
          strange.push(`${start}: ${steps.join(', ')}`);
        }
      }),
      parameters,
    );
    expect(strange.length, strange.join('\n')).toBeLessThanOrEqual((3 * RUNS) / 1_000);
  }, 600_000);
});

interface Life {
  why: string;
  start: 'incomplete' | 'trialing' | 'active';
  steps: SimulatorStep[];
  /** Which events arrive together, and how many Stripe had made when the subscription was read. */
  batches: [events: number[], read: number][];
}

const LIVES: Life[] = [
  {
    why: 'a schedule was told of before the subscription named it',
    start: 'active',
    steps: ['schedule_downgrade', 'schedule_cancel'],
    batches: [
      [[3, 2, 1, 0], 3],
      [[5, 4], 5],
    ],
  },
  {
    why: 'a schedule was told of before the subscription named it and ended',
    start: 'active',
    steps: ['pay', 'schedule_downgrade', 'cancel_now'],
    batches: [
      [[0, 1, 2, 3, 4, 5], 5],
      [[6, 7], 7],
    ],
  },
  {
    why: 'the schedule of a downgrade comes last, all of one second',
    start: 'active',
    steps: ['schedule_downgrade', 'same_second', 'schedule_cancel'],
    batches: [
      [[0, 1, 2], 2],
      [[4, 5], 5],
      [[3], 5],
    ],
  },
  {
    why: 'the first of two refusals of one second comes last',
    start: 'trialing',
    steps: ['fail', 'same_second', 'fail', 'pay'],
    batches: [
      [[2, 4, 0, 3], 6],
      [[1, 5, 6], 6],
    ],
  },
  {
    why: 'a refusal of the second of the end comes after it',
    start: 'active',
    steps: ['fail', 'fail', 'same_second', 'cancel_now'],
    batches: [
      [[0, 1, 2, 3, 4, 6], 6],
      [[5], 6],
    ],
  },
  {
    why: 'reads have shown a pause and its end before their events come',
    start: 'active',
    steps: ['pause', 'resume'],
    batches: [
      [[0], 3],
      [[1], 4],
      [[2, 3, 4], 4],
    ],
  },
  {
    why: 'reads of commands have shown three moves, and the event of the last one comes first',
    start: 'trialing',
    steps: ['schedule_cancel', 'undo_cancel', 'schedule_cancel'],
    batches: [
      [[0], 0],
      [[], 1],
      [[], 2],
      [[], 3],
      [[3], 3],
      [[1, 2], 3],
    ],
  },
  {
    why: 'the line with the highest number was wrong',
    start: 'active',
    steps: ['schedule_downgrade', 'fail', 'pay', 'schedule_downgrade', 'undo_downgrade'],
    batches: [
      [[6, 11], 11],
      [[10], 11],
      [[4, 12, 2], 12],
      [[0, 1, 3, 5, 7, 8, 9], 12],
    ],
  },
  {
    why: 'a smaller plan begins without a line of its own while payments fail, and the attempt after it comes first',
    start: 'active',
    steps: ['schedule_downgrade', 'fail', 'period_end', 'fail'],
    batches: [
      [[0, 1, 2, 3, 4, 5, 6], 6],
      [[8], 6],
      [[7], 8],
    ],
  },
];

describe('P-1, P-24: lives that once went wrong', () => {
  it.each(LIVES)('$why', ({ start, steps, batches }) => {
    const life = live(start, steps);
    const record = new RecordedHistory();
    for (const [indexes, read] of batches) {
      const events = indexes.map((index) => readEvent(life.events[index]!));
      record.deliver(events, life.reads[read]!, Number(life.events[read]!['created']) * 1000);
      expectConnected(record.lines);
    }
    expect(record.shown()).toEqual(expectedLines(life.events, RANKS));
    expectEndsRight(record);
  });
});

/** Told once, and whoever keeps the highest number ends right. */
function expectEndsRight({ told, stored }: RecordedHistory): void {
  const numbers = told.map(({ number }) => number);
  expect(new Set(numbers).size).toBe(numbers.length);
  const last = told.find(({ number }) => number === Math.max(...numbers));
  expect(last?.to).toBe(stored?.state);
}

function shuffle(list: unknown[], draw: (below: number) => number): void {
  for (let i = list.length - 1; i > 0; i -= 1) {
    const j = draw(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
}
