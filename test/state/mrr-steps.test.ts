import { describe, expect, it } from 'vitest';
import { mrrChangesOf, type RevenueLine } from '../../state/metrics.ts';
import { movementsOf, type MrrChange } from '../../state/mrr-movements.ts';
import type { StoredSubscription } from '../../state/types.ts';
import { randomFrom } from '../support/random.ts';
import { storedIn } from './factories.ts';

const DAY = 86_400_000;

const row = (mrr: number, plan = 'pro'): StoredSubscription => ({
  ...storedIn('active'),
  mrr,
  plan,
  since: 0,
});

const line = (day: number, mrr: number | null, plan: string | null = 'pro'): RevenueLine => ({
  at: day * DAY,
  to: 'active',
  mrr,
  plan,
});

const told = (changes: MrrChange[]) =>
  changes.map(({ at, before, after, plan }) => [at / DAY, before, after, plan]);

describe('What a subscription earns', () => {
  it('changes at each line of a leap, not at the last of them', () => {
    const after = [line(19, 2400), line(50, 2400), line(60, 3000)];
    const revenue = { base: 0, before: [], after };
    const changes = mrrChangesOf({
      before: row(0),
      next: row(3000),
      lines: [],
      revenue,
      at: 60 * DAY,
    });
    expect(told(changes)).toEqual([
      [19, 0, 2400, 'pro'],
      [60, 2400, 3000, 'pro'],
    ]);
  });

  it('changes without a line when its event was made, not when the state began', () => {
    const changes = mrrChangesOf({ before: row(2500), next: row(7409), lines: [], at: 40 * DAY });
    expect(told(changes)).toEqual([[40, 2500, 7409, 'pro']]);
  });

  it('moves with a line that is dated anew, and what was said before is as if never said', () => {
    const first = mrrChangesOf({
      before: null,
      next: row(2000),
      lines: [],
      revenue: { base: 0, before: [], after: [line(30, 2000)] },
    });
    const second = mrrChangesOf({
      before: row(2000),
      next: row(2000),
      lines: [],
      revenue: { base: 0, before: [line(30, 2000)], after: [line(12, 2000)] },
    });
    expect(told(second)).toEqual([
      [30, 2000, 0, 'pro'],
      [12, 0, 2000, 'pro'],
    ]);
    const span = { from: 0, to: 99 * DAY };
    expect(movementsOf([...first, ...second], span)).toEqual([
      { kind: 'new', currency: 'usd', plan: 'pro', amount: 2000 },
    ]);
    expect(movementsOf([...first, ...second], { from: 20 * DAY, to: 99 * DAY })).toEqual([]);
  });

  it('of random histories that are told again and again is, at each moment, what the last one says', () => {
    const seed = Math.floor(Math.random() * 1e9);
    const random = randomFrom(seed);
    for (let run = 0; run < 200; run += 1) {
      const changes: MrrChange[] = [];
      let before: RevenueLine[] = [];
      let stored: StoredSubscription | null = null;
      for (let round = 0; round < 5; round += 1) {
        const after = before.map((each) =>
          random.chance(0.3) ? line(random.below(90), random.pick([0, 2000, 5000])) : each,
        );
        after.push(
          line(
            random.below(90),
            random.pick([0, 2000, 5000, null]),
            random.pick(['pro', 'starter']),
          ),
        );
        after.sort((a, b) => a.at - b.at);
        const last = after.findLast(({ mrr }) => mrr !== null);
        const next: StoredSubscription = row(last?.mrr ?? 0, last?.plan ?? 'pro');
        const revenue = { base: 0, before, after };
        changes.push(...mrrChangesOf({ before: stored, next, lines: [], revenue, at: 99 * DAY }));
        [before, stored] = [after, next];
      }
      for (let day = 0; day < 98; day += 7) {
        const said = before.findLast(({ at, mrr }) => at < day * DAY && mrr !== null);
        const sum = changes.reduce(
          (all, each) => all + (each.at < day * DAY ? each.after - each.before : 0),
          0,
        );
        expect(sum, `day ${day}, seed ${seed}`).toBe(said?.mrr ?? 0);
      }
    }
  });
});
