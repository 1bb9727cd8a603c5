import { describe, expect, it } from 'vitest';
import { churnIn, mrrByCurrency, recoveryIn, trialCohorts } from '../../state/metrics.ts';
import type { MovementRow } from '../../state/metrics.ts';
import { nextState } from '../../state/machine.ts';

const NOVEMBER = {
  from: Date.parse('2026-11-01T00:00:00Z'),
  to: Date.parse('2026-12-01T00:00:00Z'),
};
const day = (number: number): number => NOVEMBER.from + number * 86_400_000;

function line(subscriptionId: string, at: number, step: string): MovementRow {
  const [from, event, to] = step.split(' ') as [
    MovementRow['from'],
    MovementRow['event'],
    MovementRow['to'],
  ];
  expect(nextState(from, { type: event })).toBe(to);
  return { subscriptionId, at, from, event, to };
}

describe('the figures', () => {
  it('add revenue by currency', () => {
    const rows = [
      { currency: 'usd', mrr: 1000 },
      { currency: 'eur', mrr: 5000 },
      { currency: 'usd', mrr: 2000 },
      { currency: 'jpy', mrr: 0 },
    ];
    expect(mrrByCurrency(rows)).toEqual([
      { currency: 'eur', mrr: 5000 },
      { currency: 'usd', mrr: 3000 },
    ]);
  });

  it('show trial conversion by the month of the start', () => {
    const cohorts = trialCohorts([
      { startedAt: day(3), outcome: 'converted' },
      { startedAt: day(-3), outcome: null },
      { startedAt: day(29.99), outcome: 'lost' },
      { startedAt: day(5), outcome: null },
    ]);
    expect(cohorts).toEqual([
      { month: '2026-10', started: 1, converted: 0, lost: 0, open: 1, conversion: null },
      { month: '2026-11', started: 3, converted: 1, lost: 1, open: 1, conversion: 0.5 },
    ]);
  });

  it('count as churn only who paid before and left within the window', () => {
    const lines = [
      line('stays', day(-9), 'none paid active'),
      line('leaves', day(4), 'active canceled canceled'),
      line('leaves', day(-9), 'none paid active'),
      line('left_before', day(-9), 'none paid active'),
      line('left_before', day(-1), 'active canceled canceled'),
      line('came_and_left', day(2), 'none paid active'),
      line('came_and_left', day(3), 'active canceled canceled'),
      line('trial_only', day(-9), 'none trial_started trialing'),
      line('trial_only', day(3), 'trialing canceled canceled'),
    ];
    expect(churnIn(lines, NOVEMBER)).toEqual({ atStart: 2, lost: 1, churn: 0.5 });
    expect(churnIn([], NOVEMBER).churn).toBeNull();
  });

  it('follow each failed payment to its end', () => {
    const lines = [
      line('recovers', day(1), 'active payment_failed past_due'),
      line('recovers', day(2), 'past_due payment_failed past_due'),
      line('recovers', day(3), 'past_due payment_succeeded active'),
      line('recovers', day(9), 'active payment_failed past_due'),
      line('lost', day(1), 'active payment_failed past_due'),
      line('lost', day(8), 'past_due retries_exhausted canceled'),
      line('before', day(-1), 'active payment_failed past_due'),
    ];
    expect(recoveryIn(lines, NOVEMBER)).toEqual({
      failed: 3,
      recovered: 1,
      lost: 1,
      open: 1,
      recovery: 0.5,
    });
  });
});
