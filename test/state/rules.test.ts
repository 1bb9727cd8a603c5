import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accessOf, GRACE_MAX_DAYS, isActive, NEWS_TOLERANCE_MS } from '../../state/access.ts';
import { allowedActions, mayCancel } from '../../state/actions.ts';
import { findPlan, planOfPrice } from '../../state/catalogue.ts';
import { currencyExponent, formatMoney } from '../../state/money.ts';
import { compareChange, mrrOf, planChange, positionOfPlan } from '../../state/plan-change.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import { LIFECYCLE_STATES } from '../../state/types.ts';
import { CATALOGUE, DAY, itemList, rawItem, rawSubscription, storedIn, T0 } from './factories.ts';

const NOW = (T0 + DAY) * 1000;
const PERIOD_END = (T0 + 30 * DAY) * 1000;
const PERIOD_GRACE = 'period_end' as const;

describe('access', () => {
  const expected = {
    none: 'none',
    incomplete: 'none',
    trialing: 'full',
    active: 'full',
    downgrading: 'full',
    cancel_pending: 'full',
    past_due: 'grace',
    unpaid: 'none',
    paused: 'none',
    canceled: 'none',
  } as const;

  it.each(LIFECYCLE_STATES.filter((state) => state !== 'none'))(
    'in %s follows its rule (lesson 21: no state falls through)',
    (state) => {
      const access = accessOf(storedIn(state), { now: NOW, grace: PERIOD_GRACE });
      expect(access.level).toBe(expected[state]);
      expect(isActive(access)).toBe(expected[state] !== 'none');
    },
  );

  it('is none while collection is paused although Stripe says active (pay 659)', () => {
    for (const state of ['active', 'trialing', 'past_due', 'cancel_pending'] as const) {
      const paused = storedIn(state, { pause_collection: { behavior: 'void', resumes_at: null } });
      const access = accessOf(paused, { now: NOW, grace: PERIOD_GRACE });
      expect(access).toEqual({ level: 'none', until: null, reason: 'collection_paused' });
    }
  });

  it('is none for nobody and for a status that nobody knows', () => {
    expect(accessOf(null, { now: NOW, grace: PERIOD_GRACE }).reason).toBe('no_subscription');
    const odd = {
      ...storedIn('active'),
      facts: { ...storedIn('active').facts, stripeStatus: 'odd' },
    };
    expect(accessOf(odd, { now: NOW, grace: PERIOD_GRACE }).reason).toBe('unknown_status');
  });

  it('ends with a scheduled end even if the webhook was lost (adcp 3623)', () => {
    const pending = storedIn('cancel_pending');
    expect(accessOf(pending, { now: PERIOD_END - 1, grace: PERIOD_GRACE }).level).toBe('full');
    expect(accessOf(pending, { now: PERIOD_END, grace: PERIOD_GRACE }).level).toBe('none');
    const old = storedIn('active', { cancel_at_period_end: true });
    expect(accessOf(old, { now: PERIOD_END, grace: PERIOD_GRACE }).level).toBe('none');
  });

  it('bridges a renewal whose news is late, for three days', () => {
    const active = storedIn('active');
    const late = accessOf(active, { now: PERIOD_END + 1, grace: PERIOD_GRACE });
    expect(late).toMatchObject({ level: 'full', reason: 'awaiting_renewal' });
    const now = PERIOD_END + NEWS_TOLERANCE_MS;
    expect(accessOf(active, { now, grace: PERIOD_GRACE }).level).toBe('none');
    const trial = storedIn('trialing');
    expect(accessOf(trial, { now, grace: PERIOD_GRACE }).reason).toBe('period_over');
  });

  it('gives grace until the end of the period that failed, or for days', () => {
    const row = storedIn('past_due');
    const bound = (T0 + GRACE_MAX_DAYS * DAY) * 1000;
    expect(accessOf(row, { now: NOW, grace: PERIOD_GRACE }).until).toBe(bound);
    const longer = { now: NOW, grace: { maxDays: 40 } };
    expect(accessOf(row, longer).until).toBe(PERIOD_END);
    const days = accessOf(row, { now: NOW, grace: { days: 2 } });
    expect(days).toMatchObject({ level: 'grace', until: (T0 + 2 * DAY) * 1000 });
    const over = { now: (T0 + 2 * DAY) * 1000, grace: { days: 2 } };
    expect(accessOf(row, over).level).toBe('none');
    // Still past due in the next period: that one was never granted.
    const item = rawItem({
      current_period_start: T0 + 30 * DAY,
      current_period_end: T0 + 60 * DAY,
    });
    const rolled = { ...storedIn('past_due', { items: itemList(item) }), pastDueSince: NOW };
    const now = PERIOD_END + 1000;
    expect(accessOf(rolled, { now, grace: PERIOD_GRACE }).level).toBe('none');
  });
});

describe('actions', () => {
  it('are those the machine allows', () => {
    const actions = Object.fromEntries(
      LIFECYCLE_STATES.map((state) => [
        state,
        allowedActions(state === 'none' ? null : storedIn(state)),
      ]),
    );
    expect(actions).toEqual({
      none: ['checkout'],
      incomplete: ['update_payment_method'],
      trialing: ['change', 'quantity', 'cancel', 'update_payment_method'],
      active: ['change', 'quantity', 'cancel', 'pause', 'update_payment_method'],
      downgrading: ['change', 'quantity', 'cancel', 'resume', 'update_payment_method'],
      cancel_pending: ['resume', 'update_payment_method'],
      past_due: ['cancel', 'update_payment_method'],
      unpaid: ['cancel', 'update_payment_method'],
      paused: ['cancel', 'resume', 'update_payment_method'],
      canceled: ['checkout', 'reactivate'],
    });
  });

  it('say when a cancel may take effect', () => {
    expect(mayCancel(storedIn('past_due'), 'now')).toBe(true);
    expect(mayCancel(storedIn('past_due'), 'period_end')).toBe(false);
  });

  it('offer to end a pause of collection, and nothing to undo once the end has passed', () => {
    const paused = storedIn('active', { pause_collection: { behavior: 'void' } });
    // A change would be billed on an invoice that is void.
    expect(allowedActions(paused)).toEqual(['cancel', 'resume', 'update_payment_method']);
    const row = storedIn('cancel_pending');
    const accessNow = accessOf(row, { now: PERIOD_END, grace: PERIOD_GRACE });
    expect(allowedActions(row, { accessNow })).not.toContain('resume');
  });
});

describe('a change of plan', () => {
  const at = (plan: string, interval: 'monthly' | 'yearly', quantity = 1) => {
    const position = positionOfPlan(CATALOGUE, { plan, interval, quantity });
    if (!position) throw new Error('not in the catalogue');
    return position;
  };
  it.each([
    ['a bigger plan', at('starter', 'monthly'), at('pro', 'monthly'), 'upgrade', 'now'],
    ['a smaller plan', at('pro', 'monthly'), at('starter', 'yearly'), 'downgrade', 'period_end'],
    ['a longer interval', at('pro', 'monthly'), at('pro', 'yearly'), 'upgrade', 'now'],
    ['a shorter interval', at('pro', 'yearly'), at('pro', 'monthly'), 'downgrade', 'period_end'],
    ['more seats', at('pro', 'monthly', 2), at('pro', 'monthly', 3), 'upgrade', 'now'],
    ['fewer seats', at('pro', 'monthly', 3), at('pro', 'monthly', 2), 'downgrade', 'period_end'],
    ['the same', at('pro', 'monthly'), at('pro', 'monthly'), 'switch', 'now'],
  ] as const)('to %s', (...[, current, target, kind, effective]) => {
    const change = planChange({ current: { ...current, state: 'active' }, target });
    expect(change).toEqual({ kind, effective, prorate: effective === 'now' });
    const trial = planChange({ current: { ...current, state: 'trialing' }, target });
    expect(trial).toEqual({ kind, effective: 'now', prorate: false });
    const forced = planChange({ current: { ...current, state: 'active' }, target, when: 'now' });
    expect(forced.effective).toBe('now');
  });

  it('is opposite the other way round', () => {
    const position = fc.record({
      rank: fc.option(fc.integer({ min: 1, max: 3 })),
      interval: fc.constantFrom('month', 'year'),
      intervalCount: fc.integer({ min: 1, max: 3 }),
      amount: fc.option(fc.integer({ min: 0, max: 1_000_000 })),
      quantity: fc.integer({ min: 1, max: 50 }),
    });
    const opposite = { upgrade: 'downgrade', downgrade: 'upgrade', switch: 'switch' } as const;
    fc.assert(
      fc.property(position, position, (a, b) => {
        expect(compareChange(b, a)).toBe(opposite[compareChange(a, b)]);
      }),
    );
  });
});

describe('monthly recurring revenue', () => {
  const mrr = (...items: ReturnType<typeof rawItem>[]): number =>
    mrrOf(CATALOGUE, readSubscription(rawSubscription({ items: itemList(...items) })));
  it('adds items over a month in whole minor units', () => {
    expect(mrr(rawItem({ quantity: 3 }))).toBe(9000);
    expect(mrr(rawItem({}, 'price_pro_year'))).toBe(2500);
    expect(mrr(rawItem({}, 'price_starter_year'))).toBe(833);
    expect(mrr(rawItem(), rawItem({}, 'price_starter_month'))).toBe(4000);
  });
  it('is 0 for what does not earn', () => {
    for (const state of ['trialing', 'paused', 'unpaid', 'canceled', 'incomplete'] as const) {
      expect(storedIn(state).mrr).toBe(0);
    }
    expect(storedIn('active', { pause_collection: { behavior: 'void' } }).mrr).toBe(0);
  });
});

describe('the catalogue', () => {
  it('finds plans, prices and features, and nothing for what it does not know', () => {
    expect(planOfPrice(CATALOGUE, 'price_pro_year')).toMatchObject({ interval: 'yearly' });
    expect(planOfPrice(CATALOGUE, 'price_x')).toBeNull();
    expect(findPlan(CATALOGUE, 'pro')?.prices.monthly?.amount).toBe(3000);
  });
});

describe('money', () => {
  it.each([
    [2000, 'usd', '$20.00'],
    [5, 'usd', '$0.05'],
    [-123_456_789, 'eur', '-€1,234,567.89'],
    [980, 'jpy', '¥980'],
    [1_234_567, 'krw', '₩1,234,567'],
    [12_340, 'bhd', 'BHD 12.340'],
    [0, 'chf', 'CHF 0.00'],
  ])('%i %s reads %s', (amount, currency, text) => {
    expect(formatMoney(amount, currency)).toBe(text);
  });
  it('refuses fractions and knows the decimals of a currency', () => {
    expect(() => formatMoney(1.5, 'usd')).toThrow(RangeError);
    expect(['usd', 'JPY', 'kwd'].map(currencyExponent)).toEqual([2, 0, 3]);
  });
});
