import { describe, expect, it } from 'vitest';
import {
  migrationStep,
  periodEndFrom,
  type MigrationRule,
  type MigrationTarget,
} from '../../state/plan-migration.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { BillingInterval, SubscriptionFacts } from '../../state/types.ts';
import { rawSubscription } from './factories.ts';

const at = (text: string) => Date.parse(`${text}T09:30:00Z`) / 1000;
const day = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10);

describe('the end of a period after a notice', () => {
  const first = (end: string, earliest: string, by: [BillingInterval, number, string]) => {
    const [interval, intervalCount, anchor] = by;
    const period = { end: at(end), anchor: at(anchor), interval, intervalCount };
    return day(periodEndFrom(period, at(earliest)));
  };

  it.each<[string, [earliest: string, end: string]]>([
    ['the present one, when the notice is over by then', ['2026-02-10', '2026-02-28']],
    ['the same, to the second', ['2026-02-28', '2026-02-28']],
    ['the next, on the day that the months are counted from', ['2026-03-01', '2026-03-31']],
    ['the last of a month that has no such day', ['2026-04-01', '2026-04-30']],
  ])('is %s', (_words, [earliest, expected]) => {
    expect(first('2026-02-28', earliest, ['month', 1, '2026-01-31'])).toBe(expected);
  });

  it('counts in years, quarters, weeks and days', () => {
    expect(first('2028-02-29', '2028-03-01', ['year', 1, '2024-02-29'])).toBe('2029-02-28');
    expect(first('2026-04-15', '2026-05-01', ['month', 3, '2026-01-15'])).toBe('2026-07-15');
    expect(first('2026-01-08', '2026-01-20', ['week', 1, '2026-01-01'])).toBe('2026-01-22');
    expect(first('2026-01-11', '2026-01-12', ['day', 10, '2026-01-01'])).toBe('2026-01-21');
  });
});

describe('what is done with a subscription that is moved', () => {
  const facts = readSubscription(rawSubscription({ status: 'active' }));
  const from = facts.items[0]?.priceId ?? '';
  const to: MigrationTarget = {
    priceId: 'price_new',
    interval: 'month',
    intervalCount: 1,
    metered: false,
    currencies: ['usd'],
  };
  const rule: MigrationRule = { from, to, at: 'now', toFlexible: false };
  const step = (change: Partial<SubscriptionFacts>, given: Partial<MigrationRule> = {}) =>
    migrationStep({ ...facts, ...change }, { ...rule, ...given }, false);

  it('is a change now with a proration, or one with the next period', () => {
    expect(step({})).toMatchObject({ do: 'change', prorate: true, replaceItem: false });
    expect(step({}, { at: 'period_end' })).toMatchObject({ do: 'schedule' });
  });

  it('replaces the item between licensed and metered, and begins a period with another interval', () => {
    expect(step({}, { to: { ...to, metered: true, currencies: ['usd'] } })).toMatchObject({
      replaceItem: true,
    });
    expect(step({}, { to: { ...to, interval: 'year' } })).toMatchObject({ restartPeriod: true });
    // In a trial nothing was paid, and the period is the trial's.
    expect(step({ stripeStatus: 'trialing' }, { to: { ...to, interval: 'year' } })).toMatchObject({
      restartPeriod: false,
      prorate: false,
    });
  });

  it.each(['past_due', 'unpaid', 'paused'])('credits nothing while it is %s', (stripeStatus) => {
    expect(step({ stripeStatus })).toMatchObject({ do: 'change', prorate: false });
  });

  it('does not wait for a period that does not end', () => {
    for (const stripeStatus of ['unpaid', 'paused']) {
      expect(step({ stripeStatus }, { at: 'period_end' })).toMatchObject({ do: 'change' });
    }
  });

  it('is nothing when it is there already, or will be with the next period', () => {
    const items = facts.items.map((item) => ({ ...item, priceId: 'price_new' }));
    expect(step({ items })).toEqual({ do: 'nothing' });
    const nextPhase = { priceId: 'price_new', quantity: 1, at: 1 };
    const planned = { scheduleId: 'sub_sched_1', nextPhase };
    expect(step(planned, { at: 'period_end' })).toEqual({ do: 'nothing' });
    expect(step(planned)).toEqual({ do: 'release', scheduleId: 'sub_sched_1' });
  });

  it('takes a schedule off that has nothing in store, and leaves others alone', () => {
    const scheduleId = 'sub_sched_1';
    expect(step({ scheduleId })).toEqual({ do: 'release', scheduleId });
    expect(step({ scheduleId }, { at: 'period_end' })).toMatchObject({ do: 'schedule' });
    expect(migrationStep({ ...facts, scheduleId }, rule, true)).toMatchObject({ do: 'skip' });
    const nextPhase = { priceId: 'price_other', quantity: 1, at: 1 };
    expect(step({ scheduleId, nextPhase })).toMatchObject({ do: 'skip' });
  });

  it('is flexible billing first, where that is wanted', () => {
    const classic = { billingMode: 'classic' as const };
    expect(step(classic, { toFlexible: true })).toEqual({ do: 'billing_mode' });
    expect(step({ billingMode: 'flexible' }, { toFlexible: true })).toMatchObject({ do: 'change' });
    expect(step(classic, { toFlexible: true, to: null })).toEqual({ do: 'billing_mode' });
  });
});
