import { describe, expect, it } from 'vitest';
import { asOfNow, whyNotSent, type Present } from '../../state/mail-relevance.ts';
import type { LifecycleState } from '../../state/types.ts';
import { DAY, storedIn, T0, type Raw } from './factories.ts';

const NOW = (T0 + 20 * DAY) * 1000;
const iso = (days: number) => new Date((T0 + days * DAY) * 1000).toISOString();
const present = (state: LifecycleState, more: Partial<Present> = {}, raw: Raw = {}): Present => ({
  subscription: storedIn(state, raw),
  now: NOW,
  isEnding: false,
  ...more,
});
const failure = { invoiceId: 'in_1', attempt: 1, billingReason: 'subscription_cycle' };

describe('P-15: the mail of the end of a trial', () => {
  const trial = { trialEnd: iso(14) };
  const before = { now: (T0 + 11 * DAY) * 1000 };

  it('is sent while the trial goes on', () => {
    expect(whyNotSent('mail.trial_ending', trial, present('trialing', before))).toBeNull();
  });

  it('is not sent to who has canceled', () => {
    const raw = { cancel_at: T0 + 14 * DAY, canceled_at: T0 + DAY };
    const canceled = present('trialing', before, raw);
    expect(canceled.subscription?.state).toBe('cancel_pending');
    expect(whyNotSent('mail.trial_ending', trial, canceled)).toMatch(/canceled/);
  });

  it('P-14: is not sent when it is over, or ends on another day', () => {
    expect(whyNotSent('mail.trial_ending', trial, present('trialing'))).toMatch(/over/);
    expect(whyNotSent('mail.trial_ending', trial, present('active', before))).toMatch(/over/);
    const other = { trialEnd: iso(15) };
    expect(whyNotSent('mail.trial_ending', other, present('trialing', before))).toMatch(/another/);
  });
});

describe('P-13, P-14: the mails of a payment that failed', () => {
  const KINDS = [
    'mail.payment_failed',
    'mail.payment_failed_final',
    'mail.action_required',
  ] as const;

  it.each(KINDS)('%s is sent while it is owed', (kind) => {
    expect(whyNotSent(kind, failure, present('past_due'))).toBeNull();
  });

  it.each(KINDS)('%s is not sent once it is paid, or the subscription has ended', (kind) => {
    expect(whyNotSent(kind, failure, present('active'))).toMatch(/nothing is owed/);
    const expanded = { latest_invoice: { id: 'in_1', object: 'invoice', status: 'paid' } };
    const paid = present('past_due', {}, expanded);
    expect(whyNotSent(kind, { invoiceId: 'in_1' }, paid)).toMatch(/nothing is owed/);
    expect(whyNotSent(kind, failure, present('canceled'))).toMatch(/ended/);
  });

  it.each(KINDS)('%s is not sent where no one can act: the end follows at once', (kind) => {
    expect(whyNotSent(kind, failure, present('past_due', { isEnding: true }))).toMatch(/ends/);
  });

  it('a card that must be confirmed gives one mail for an attempt', () => {
    const asked = { ...failure, declineCode: 'authentication_required' };
    expect(whyNotSent('mail.payment_failed', asked, present('past_due'))).toMatch(/confirm/);
    expect(whyNotSent('mail.action_required', asked, present('past_due'))).toBeNull();
  });

  it('an attempt that another has followed is not told', () => {
    const { subscription } = present('past_due');
    const now = {
      subscription: { ...subscription!, failedAttempts: 2 },
      now: NOW,
      isEnding: false,
    };
    expect(whyNotSent('mail.payment_failed', failure, now)).toMatch(/later attempt/);
    expect(whyNotSent('mail.payment_failed', { ...failure, attempt: 2 }, now)).toBeNull();
  });

  it('no next attempt is named that is over, and no notice is the last one that is not', () => {
    const over = asOfNow('mail.payment_failed', { nextAttemptAt: iso(1) }, { now: NOW });
    expect(over).toEqual({ kind: 'mail.payment_failed', payload: { nextAttemptAt: null } });
    const still = asOfNow('mail.payment_failed_final', { nextAttemptAt: iso(25) }, { now: NOW });
    expect(still.kind).toBe('mail.payment_failed');
    const last = asOfNow('mail.payment_failed_final', {}, { now: NOW });
    expect(last.kind).toBe('mail.payment_failed_final');
  });
});

describe('P-14: other mails', () => {
  it('a price that has changed is not announced', () => {
    const payload = { effectiveAt: iso(19) };
    expect(whyNotSent('mail.price_change', payload, present('active'))).toMatch(/by now/);
    for (const effectiveAt of [iso(20), iso(21)]) {
      expect(whyNotSent('mail.price_change', { effectiveAt }, present('active'))).toBeNull();
    }
  });

  it('a receipt and an end stay true', () => {
    for (const kind of ['mail.receipt', 'mail.canceled', 'mail.refunded'] as const) {
      expect(whyNotSent(kind, {}, present('canceled'))).toBeNull();
    }
  });
});
