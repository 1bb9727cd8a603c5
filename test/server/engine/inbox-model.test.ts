import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isEnd, nameOf, problemOf, START, stepsOf, type Fault, type World } from './inbox-model.ts';

interface Explored {
  states: number;
  steps: number;
  ends: number;
  /** Ways from the start, each step by its name, to what must not be. */
  problem: { what: string; way: string[] } | null;
}

interface Visit {
  world: World;
  from: Visit | null;
  by: string;
  before: Visit[];
}

/** Visits every world that can be reached, the nearest first; from each it must be possible to finish. */
function explore(fault: Fault): Explored {
  const start: Visit = { world: START, from: null, by: '', before: [] };
  const seen = new Map([[nameOf(START), start]]);
  const queue = [start];
  let steps = 0;
  for (const visit of queue) {
    const what = problemOf(visit.world);
    if (what !== null)
      return { states: seen.size, steps, ends: 0, problem: { what, way: wayTo(visit) } };
    for (const [by, world] of stepsOf(visit.world, fault)) {
      steps += 1;
      const key = nameOf(world);
      const known = seen.get(key);
      if (known) known.before.push(visit);
      else {
        const next = { world, from: visit, by, before: [visit] };
        seen.set(key, next);
        queue.push(next);
      }
    }
  }
  const ends = queue.filter(({ world }) => isEnd(world));
  const finishing = new Set(ends);
  for (const visit of finishing) for (const before of visit.before) finishing.add(before);
  const stuck = queue.find((visit) => !finishing.has(visit));
  const what = 'an event is lost: it can never be processed';
  const problem = stuck ? { what, way: wayTo(stuck) } : null;
  return { states: seen.size, steps, ends: ends.length, problem };
}

function wayTo(visit: Visit): string[] {
  return visit.from === null ? [] : [...wayTo(visit.from), visit.by];
}

describe('the protocol of the inbox, explored to the last state for two workers and three events', () => {
  it('applies each event once, never loses one, and lets no older read and no zombie write', () => {
    const { states, steps, ends, problem } = explore({});
    expect(problem).toBeNull();
    expect(ends).toBeGreaterThan(0);
    // The document says how much was explored.
    const page = readFileSync('docs/state-machine.md', 'utf8').replaceAll(/\s+/g, ' ');
    const whole = new Intl.NumberFormat('en-US');
    expect(page).toContain(`${whole.format(states)} states and ${whole.format(steps)} steps`);
  });

  it.each<[keyof Fault, RegExp]>([
    ['noFence', /lost its lease|twice/],
    ['noGiveBackCheck', /twice/],
    ['doneFirst', /done and was not applied/],
    ['doneLast', /applied and is not done/],
    ['noExpiry', /lost/],
    ['readFirst', /its change was not read/],
    ['fenceComesAgain', /two workers|twice/],
    ['renewsAnyLease', /two workers|twice/],
    ['storesAgain', /applied and is not done|twice/],
    ['failureIsDone', /done and was not applied/],
  ])('finds the planted fault %s', (name, words) => {
    const { problem } = explore({ [name]: true });
    expect(problem?.what).toMatch(words);
    expect(problem?.way.length).toBeGreaterThan(2);
  });
});
