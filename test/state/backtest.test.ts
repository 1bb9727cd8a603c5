import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addOutcome,
  noTotals,
  outcomeUnder,
  periodEndAt,
  type PastSubscription,
  type Policy,
} from '../../state/backtest.ts';
import { readEvent } from '../../state/event-facts.ts';
import type { HistoryLine } from '../../state/history/lines.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import { DAY as DAY_SECONDS, itemList, rawItem, rawSubscription, T0 } from './factories.ts';
import { RecordedHistory } from './recorded-history.ts';
import { SimulatedSubscription, STEPS, type SimulatorStep } from './simulator.ts';

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const NOW = START + 400 * DAY;

const RULES: Policy = {
  grace: { days: 7 },
  maxAttempts: 3,
  finalAction: 'cancel',
  onDispute: 'suspend',
};

type Told = [
  day: number,
  from: HistoryLine['from'],
  event: HistoryLine['event'],
  to: HistoryLine['to'],
];

/** A history of a subscription that earns 3000 a month. */
const past = (told: Told[], more: Partial<PastSubscription> = {}): PastSubscription => ({
  lines: told.map(([day, from, event, to]) => ({
    from,
    to,
    event,
    at: START + day * DAY,
    causeId: null,
    mrr: to === 'canceled' || to === 'unpaid' ? 0 : 3000,
  })),
  disputes: [],
  periodEndAt: () => null,
  ...more,
});

const under = (told: PastSubscription, changes: Partial<Policy> = {}) =>
  outcomeUnder(told, { ...RULES, ...changes }, NOW);

/** Failed on day 30, 33 and 36; paid on day 40. */
const PAID_LATE = past([
  [0, 'none', 'paid', 'active'],
  [30, 'active', 'payment_failed', 'past_due'],
  [33, 'past_due', 'payment_failed', 'past_due'],
  [36, 'past_due', 'payment_failed', 'past_due'],
  [40, 'past_due', 'payment_succeeded', 'active'],
]);
const GIVEN_UP = past([
  [0, 'none', 'paid', 'active'],
  [30, 'active', 'payment_failed', 'past_due'],
  [33, 'past_due', 'payment_failed', 'past_due'],
  [36, 'past_due', 'retries_exhausted', 'canceled'],
]);

describe('a backtest of other rules', () => {
  it('tells how long a payer would have had no access, by the grace', () => {
    expect(under(PAID_LATE, { maxAttempts: 4 })).toMatchObject({ lockedMs: 3 * DAY, lost: false });
    expect(under(PAID_LATE, { maxAttempts: 4, grace: { days: 10 } }).lockedMs).toBe(0);
    expect(under(PAID_LATE, { maxAttempts: 4, grace: { days: 0 } }).lockedMs).toBe(10 * DAY);
    const periodEnds = { ...PAID_LATE, periodEndAt: () => START + 35 * DAY };
    expect(under(periodEnds, { maxAttempts: 4, grace: 'period_end' }).lockedMs).toBe(5 * DAY);
    expect(under(periodEnds, { maxAttempts: 4, grace: { maxDays: 2 } }).lockedMs).toBe(8 * DAY);
  });

  it('tells who would have been given up before they paid, and what they earn', () => {
    const lost = { lost: true, unknown: false, mrr: 3000 };
    expect(under(PAID_LATE)).toMatchObject(lost);
    expect(under(PAID_LATE, { maxAttempts: 1 })).toMatchObject({ ...lost, lockedMs: 10 * DAY });
    // Stopped and paid afterwards, as it was.
    const unpaid = under(PAID_LATE, { finalAction: 'unpaid' });
    expect(unpaid).toMatchObject({ lost: false, lockedMs: 4 * DAY });
    expect(under(PAID_LATE, { finalAction: 'none' })).toMatchObject({
      lost: false,
      lockedMs: 3 * DAY,
    });
  });

  it('does not guess what an attempt would have brought that was never made', () => {
    expect(under(GIVEN_UP)).toMatchObject({ lost: true, unknown: false });
    for (const changes of [{ maxAttempts: 4 }, { finalAction: 'none' }] as const) {
      expect(under(GIVEN_UP, changes)).toMatchObject({ lost: false, unknown: true, mrr: 3000 });
    }
  });

  it('follows the policy about disputes, from the day of the dispute', () => {
    const active = past([[0, 'none', 'paid', 'active']]);
    const disputed = (status: string) => ({
      ...active,
      disputes: [{ kind: 'dispute' as const, status, createdAt: START + 10 * DAY }],
    });
    expect(under(disputed('needs_response')).lockedMs).toBe(390 * DAY);
    expect(under(disputed('needs_response'), { onDispute: 'keep' }).lockedMs).toBe(0);
    expect(under(disputed('needs_response'), { onDispute: 'cancel' })).toMatchObject({
      lost: true,
      mrr: 3000,
    });
    expect(under(disputed('lost')).lost).toBe(true);
    expect(under(disputed('won'))).toMatchObject({ lockedUnknown: true, lost: false, lockedMs: 0 });
    expect(under(disputed('warning_closed'), { onDispute: 'cancel' }).lost).toBe(false);
  });

  it('adds up by currency', () => {
    const totals = noTotals();
    addOutcome(totals, under(PAID_LATE), 'usd');
    addOutcome(totals, under(GIVEN_UP), 'eur');
    addOutcome(totals, under(GIVEN_UP, { maxAttempts: 9 }), 'eur');
    expect(totals).toMatchObject({ lost: 2, unknown: 1, lostMrr: { usd: 3000, eur: 3000 } });
    expect(totals.unknownMrr).toEqual({ eur: 3000 });
  });

  it('finds the end of a former period by the interval of the present one', () => {
    const end = Date.UTC(2027, 2, 31) / 1000;
    const item = rawItem({ current_period_start: T0, current_period_end: end });
    const facts = readSubscription(rawSubscription({ items: itemList(item) }));
    expect(periodEndAt(facts, Date.UTC(2027, 1, 10))).toBe(Date.UTC(2027, 1, 28));
    expect(periodEndAt(facts, Date.UTC(2026, 11, 31))).toBe(Date.UTC(2027, 0, 31));
    expect(periodEndAt(facts, Date.UTC(2027, 3, 1))).toBeNull();
  });

  it('of random lives: a longer grace locks out no longer, and with more attempts fewer are lost', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<SimulatorStep>(...STEPS, 'fail', 'fail', 'pay'), {
          maxLength: 14,
        }),
        fc.nat(9),
        fc.nat(3),
        (steps, days, attempts) => {
          const life = new SimulatedSubscription('active');
          for (const step of steps) life.step(step);
          const record = new RecordedHistory();
          for (const [i, raw] of life.events.entries()) {
            record.deliver([readEvent(raw)], life.reads[i]!, Number(raw['created']) * 1000);
          }
          const told = { lines: record.lines, disputes: [], periodEndAt: () => null };
          const now = (T0 + 200 * DAY_SECONDS) * 1000;
          const ask = (changes: Partial<Policy>) =>
            outcomeUnder(told, { ...RULES, ...changes }, now);
          const kept = { finalAction: 'none' } as const;
          const [short, long] = [
            ask({ ...kept, grace: { days } }),
            ask({ ...kept, grace: { days: days + 1 } }),
          ];
          expect(long.lockedMs).toBeLessThanOrEqual(short.lockedMs);
          const [few, many] = [
            ask({ maxAttempts: attempts + 1 }),
            ask({ maxAttempts: attempts + 2 }),
          ];
          expect(Number(many.lost)).toBeLessThanOrEqual(Number(few.lost));
          expect(short.lost).toBe(false);
        },
      ),
      { numRuns: 80, verbose: fc.VerbosityLevel.Verbose },
    );
  }, 60_000);
});
