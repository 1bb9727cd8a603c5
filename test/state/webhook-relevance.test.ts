import { describe, expect, it } from 'vitest';
import { webhookAsOfNow } from '../../state/webhook-relevance.ts';
import { DAY, storedIn, T0 } from './factories.ts';

const now = (T0 + 20 * DAY) * 1000;
const iso = (days: number) => new Date((T0 + days * DAY) * 1000).toISOString();
const failed = {
  subscriptionId: 'sub_1',
  state: 'past_due',
  status: 'past_due',
  plan: 'pro',
  invoiceId: 'in_1',
  nextAttemptAt: iso(23),
};

describe('P-14: an outgoing webhook says what is true when it is sent', () => {
  it('tells what happened, with the subscription as it is now', () => {
    const subscription = storedIn('active');
    const told = webhookAsOfNow('payment.failed', failed, { subscription, now });
    expect(told).toEqual({
      data: expect.objectContaining({ state: 'active', status: 'active', invoiceId: 'in_1' }),
    });
  });

  it('announces no attempt that is over, or that will not be made', () => {
    const attempt = (state: 'past_due' | 'canceled', day: number) => {
      const stored = { ...failed, nextAttemptAt: iso(day) };
      const told = webhookAsOfNow('payment.failed', stored, { subscription: storedIn(state), now });
      return 'data' in told ? told.data['nextAttemptAt'] : told.why;
    };
    expect(attempt('past_due', 23)).toBe(iso(23));
    expect(attempt('past_due', 19)).toBeNull();
    expect(attempt('canceled', 23)).toBeNull();
  });

  it('does not announce the end of a trial that is over, nor ask to confirm what has ended', () => {
    const trial = { subscriptionId: 'sub_1', state: 'trialing', trialEnd: iso(14) };
    const present = (state: 'trialing' | 'active' | 'canceled', day: number) => ({
      subscription: storedIn(state),
      now: (T0 + day * DAY) * 1000,
    });
    expect(webhookAsOfNow('trial.ending', trial, present('trialing', 11))).toHaveProperty('data');
    expect(webhookAsOfNow('trial.ending', trial, present('active', 15))).toHaveProperty('why');
    const ended = present('canceled', 20);
    expect(webhookAsOfNow('payment.action_required', failed, ended)).toHaveProperty('why');
    expect(webhookAsOfNow('payment.failed', failed, ended)).toHaveProperty('data');
  });

  it('leaves alone what is about no subscription, or was stored by another release', () => {
    const refund = { id: 're_1', subscriptionId: 'sub_1', amount: 5 };
    const subscription = storedIn('active');
    expect(webhookAsOfNow('payment.refunded', refund, { subscription, now })).toEqual({
      data: refund,
    });
    expect(webhookAsOfNow('payment.failed', {}, { subscription: null, now })).toEqual({ data: {} });
  });
});
