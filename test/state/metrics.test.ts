import { describe, expect, it } from 'vitest';
import {
  businessMetrics,
  churnOf,
  seriesOf,
  totalOf,
  type DailyFigure,
} from '../../state/metrics.ts';
import { trialCohorts } from '../../state/trial-cohorts.ts';

const NOVEMBER = Date.parse('2026-11-01T00:00:00Z');
const DAY = 86_400_000;
const day = (number: number): number => NOVEMBER + (number - 1) * DAY;
const now = day(30) + 12 * 3_600_000;

const on = (number: number, figure: DailyFigure['figure'], value = 1): DailyFigure => ({
  day: number === 0 ? 0 : day(number),
  figure,
  currency: figure === 'mrr' ? 'usd' : '',
  value,
});

describe('the figures', () => {
  it('make levels of changes and keep sums by day', () => {
    const figures = [on(0, 'paying', 10), on(28, 'paying', 2), on(30, 'paying', -1)];
    const wish = { figure: 'paying', currency: '', now, days: 4 } as const;
    expect(seriesOf(figures, { ...wish, running: true })).toEqual([10, 12, 12, 11]);
    expect(seriesOf(figures, wish)).toEqual([0, 2, 0, -1]);
    expect(totalOf(figures, 'paying', day(29))).toBe(-1);
  });

  it('keep currencies apart', () => {
    const figures = [on(29, 'mrr', 2_000), { ...on(29, 'mrr', 980), currency: 'jpy' }];
    const wish = { figure: 'mrr', currency: 'jpy', now, days: 2, running: true } as const;
    expect(seriesOf(figures, wish)).toEqual([980, 980]);
  });

  it('show trial conversion by the month of the start, whenever it was decided', () => {
    const cohorts = trialCohorts([
      on(-3, 'trial_started'),
      on(3, 'trial_started', 2),
      on(3, 'trial_converted'),
      on(29, 'trial_started'),
      on(29, 'trial_lost'),
      on(3, 'churned', 5),
    ]);
    expect(cohorts).toEqual([
      { month: '2026-10', started: 1, converted: 0, lost: 0, open: 1, conversion: null },
      { month: '2026-11', started: 3, converted: 1, lost: 1, open: 1, conversion: 0.5 },
    ]);
  });

  it('count as churn what ended, of what ended and what still pays', () => {
    const figures = [
      on(0, 'paying', 8),
      on(2, 'paying', -1),
      on(2, 'churned'),
      on(10, 'paying', 3),
      on(20, 'paying', -1),
      on(20, 'churned'),
      on(21, 'payment_failed', 4),
      on(25, 'recovered', 3),
    ];
    expect(businessMetrics(figures, { now, days: 30 })).toEqual({
      days: 30,
      paying: 9,
      churn: { lost: 2, rate: 2 / 11 },
      payments: { failed: 4, recovered: 3 },
    });
    expect(businessMetrics(figures, { now, days: 7 })).toMatchObject({
      paying: 9,
      churn: { lost: 0, rate: 0 },
      payments: { failed: 0, recovered: 3 },
    });
    expect(churnOf({ lost: 0, paying: 0 })).toBeNull();
  });
});
