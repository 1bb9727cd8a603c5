import { describe, expect, it } from 'vitest';
import {
  cohortOf,
  CohortTotals,
  movementsOf,
  MovementTotals,
  netOf,
  type MrrChange,
} from '../../state/mrr-movements.ts';
import { randomFrom } from '../support/random.ts';

const DAY = 86_400_000;
const YEAR = { from: 0, to: 365 * DAY };

/** A change of one account's only subscription, unless said. */
function change(day: number, [before, after]: [number, number], more: Partial<MrrChange> = {}) {
  return {
    accountId: 'acme',
    subscriptionId: 'sub_1',
    at: day * DAY,
    currency: 'usd',
    plan: after > 0 ? 'pro' : null,
    planBefore: before > 0 ? 'pro' : null,
    before,
    after,
    ...more,
  } satisfies MrrChange;
}

const kinds = (changes: MrrChange[]) =>
  movementsOf(changes, YEAR).map(({ kind, plan, amount }) => [kind, plan, amount]);

describe('MRR movements', () => {
  it('tell new, expansion, contraction, churn and reactivation apart', () => {
    const life = [
      change(1, [0, 2000]),
      change(2, [2000, 5000]),
      change(3, [5000, 4000]),
      change(4, [4000, 0]),
      change(5, [0, 4000], { subscriptionId: 'sub_2' }),
    ];
    expect(kinds(life)).toEqual([
      ['new', 'pro', 2000],
      ['expansion', 'pro', 3000],
      ['contraction', 'pro', -1000],
      ['churn', 'pro', -4000],
      ['reactivation', 'pro', 4000],
    ]);
  });

  it('go by the account: a second subscription expands it, and only the last one’s end is churn', () => {
    const other = { subscriptionId: 'sub_2' };
    const life = [
      change(1, [0, 2000]),
      change(2, [0, 500], other),
      change(3, [2000, 0]),
      change(4, [500, 0], other),
    ];
    expect(kinds(life).map(([kind]) => kind)).toEqual(['new', 'expansion', 'contraction', 'churn']);
  });

  it('take a change of plan from one plan to the other', () => {
    const up = change(2, [2000, 5000], { planBefore: 'starter' });
    expect(kinds([change(1, [0, 2000], { plan: 'starter' }), up]).slice(1)).toEqual([
      ['moved', 'starter', -2000],
      ['moved', 'pro', 2000],
      ['expansion', 'pro', 3000],
    ]);
  });

  it('know from the first change what was earned before changes were kept', () => {
    expect(kinds([change(1, [2000, 0]), change(2, [0, 2000])]).map(([kind]) => kind)).toEqual([
      'churn',
      'reactivation',
    ]);
  });

  it('of random accounts add up to the difference of the MRR, by currency and plan, over any span', () => {
    const seed = Math.floor(Math.random() * 1e9);
    const random = randomFrom(seed);
    const accounts = Array.from({ length: 200 }, (_, index) => {
      const subs = new Map<string, { mrr: number; plan: string | null; currency: string }>();
      const changes: MrrChange[] = [];
      let at = Math.floor(random.next() * 100 * DAY);
      for (let step = 0; step < 12; step += 1) {
        const subscriptionId = `sub_${index}_${random.pick([1, 2])}`;
        const was = subs.get(subscriptionId) ?? {
          mrr: 0,
          plan: null,
          currency: random.pick(['usd', 'eur']),
        };
        const after = random.pick([0, 0, 999, 2000, 5000, 12_345]);
        const plan = after > 0 ? random.pick(['starter', 'pro']) : null;
        const { currency } = was;
        const accountId = `acc_${index}`;
        changes.push({
          accountId,
          subscriptionId,
          at,
          currency,
          plan,
          planBefore: was.plan,
          before: was.mrr,
          after,
        });
        subs.set(subscriptionId, { mrr: after, plan, currency });
        at += Math.floor(random.next() * 40 * DAY);
      }
      return changes;
    });
    /** What is told apart from the function: the last value of each subscription. */
    const mrrAt = (until: number) => {
      const sums: Record<string, number> = {};
      for (const changes of accounts) {
        const last = new Map<string, MrrChange>();
        for (const each of changes) if (each.at < until) last.set(each.subscriptionId, each);
        for (const { currency, plan, after } of last.values()) {
          const key = `${currency} ${plan ?? ''}`;
          if (after > 0) sums[key] = (sums[key] ?? 0) + after;
        }
      }
      return sums;
    };
    for (let round = 0; round < 20; round += 1) {
      const from = Math.floor(random.next() * 300 * DAY);
      const to = from + Math.floor(random.next() * 200 * DAY) + 1;
      const totals = new MovementTotals();
      for (const changes of accounts) totals.add(movementsOf(changes, { from, to }));
      const [start, end] = [mrrAt(from), mrrAt(to)];
      const keys = new Set([...Object.keys(start), ...Object.keys(end)]);
      const nets = new Map(totals.rows.map((row) => [`${row.currency} ${row.plan}`, row]));
      for (const key of new Set([...keys, ...nets.keys()])) {
        const row = nets.get(key);
        const difference = (end[key] ?? 0) - (start[key] ?? 0);
        expect(row ? netOf(row.sums) : 0, `${key}, seed ${seed}`).toBe(difference);
      }
      for (const currency of ['usd', 'eur']) {
        const moved = totals.rows.filter((row) => row.currency === currency);
        const sum = moved.reduce((all, { sums }) => all + sums.moved, 0);
        expect(sum, `moved, seed ${seed}`).toBe(0);
      }
    }
  });
});

describe('Retention', () => {
  it('counts who still earns at the end of each month, by the month of the first earning', () => {
    const jan = (day: number) => Date.UTC(2026, 0, day);
    const life = (accountId: string, ...all: [at: number, before: number, after: number][]) =>
      all.map(([at, before, after]) => change(0, [before, after], { accountId, at }));
    const now = Date.UTC(2026, 3, 10);
    const totals = new CohortTotals();
    totals.add(cohortOf(life('stays', [jan(5), 0, 100]), now));
    totals.add(cohortOf(life('leaves', [jan(6), 0, 100], [Date.UTC(2026, 1, 20), 100, 0]), now));
    totals.add(
      cohortOf(
        life('returns', [jan(7), 0, 100], [jan(20), 100, 0], [Date.UTC(2026, 2, 2), 0, 100]),
        now,
      ),
    );
    totals.add(cohortOf(life('later', [Date.UTC(2026, 2, 1), 0, 100]), now));
    totals.add(cohortOf(life('never', [jan(8), 0, 0]), now));
    expect(totals.rows).toEqual([
      { month: '2026-01', size: 3, kept: [2, 1, 2, 2] },
      { month: '2026-03', size: 1, kept: [1, 1] },
    ]);
  });
});
