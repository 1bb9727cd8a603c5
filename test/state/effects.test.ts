import { describe, expect, it } from 'vitest';
import { effectsOf } from '../../state/effects.ts';
import { readEvent } from '../../state/event-facts.ts';
import type { StoredSubscription } from '../../state/types.ts';
import { DAY, rawEvent, rawInvoice, rawSubscription, SETTINGS, storedIn, T0 } from './factories.ts';
import type { Raw } from './factories.ts';

function effects(type: string, object: Raw, after: StoredSubscription | null = storedIn('active')) {
  const event = readEvent(rawEvent(type, object));
  return effectsOf({ event, after, transitions: [], settings: SETTINGS, now: T0 * 1000 });
}

function keys(type: string, object: Raw, after?: StoredSubscription | null): string[] {
  return effects(type, object, after).map((effect) => `${effect.kind} ${effect.objectId}`);
}

describe('effects of an event', () => {
  it('give one receipt for a payment that two events tell of (pay 612)', () => {
    const paid = rawInvoice({ status: 'paid', amount_paid: 3000 });
    const wanted = ['webhook.payment.succeeded in_1', 'mail.receipt in_1'];
    expect(keys('invoice.paid', paid)).toEqual(wanted);
    expect(keys('invoice.payment_succeeded', paid)).toEqual(wanted);
  });

  it('give no receipt for an invoice of nothing', () => {
    expect(keys('invoice.paid', rawInvoice({ status: 'paid', amount_due: 0 }))).toEqual([]);
  });

  it('tell of a recovery', () => {
    const paid = rawInvoice({ status: 'paid', amount_paid: 3000, attempt_count: 2 });
    expect(keys('invoice.paid', paid)).toContain('webhook.payment.recovered in_1');
  });

  it('tell of each failed attempt once, and the last one otherwise', () => {
    const failed = (attempt_count: number): string[] =>
      keys('invoice.payment_failed', rawInvoice({ attempt_count }));
    expect(failed(1)).toEqual(['webhook.payment.failed in_1:1', 'mail.payment_failed in_1:1']);
    expect(failed(3)).toEqual([
      'webhook.payment.failed in_1:3',
      'mail.payment_failed_final in_1:3',
    ]);
  });

  it('say what a team needs to know of a failure', () => {
    const [hook] = effects('invoice.payment_failed', rawInvoice(), storedIn('past_due'));
    expect(hook?.payload).toMatchObject({
      type: 'payment.failed',
      timestamp: '2026-11-01T00:00:00.000Z',
      data: {
        userId: 'user_1',
        customerId: 'cus_1',
        subscriptionId: 'sub_1',
        invoiceId: 'in_1',
        amountDue: 3000,
        currency: 'usd',
        attempt: 1,
        nextAttemptAt: '2026-11-04T00:00:00.000Z',
        final: false,
      },
    });
  });

  it('end dunning at the last attempt, for that invoice, only while it is past due', () => {
    const last = rawInvoice({ attempt_count: 3 });
    const pastDue = { ...storedIn('past_due'), failedAttempts: 3 };
    expect(keys('invoice.payment_failed', last, pastDue)).toContain('dunning.final_action in_1');
    const paidMeanwhile = storedIn('active');
    const told = keys('invoice.payment_failed', last, paidMeanwhile);
    expect(told).not.toContain('dunning.final_action in_1');
  });

  it('tell of a trial that ends, of a needed confirmation and of the end', () => {
    const trial = rawSubscription({ status: 'trialing', trial_end: T0 + DAY });
    expect(keys('customer.subscription.trial_will_end', trial)).toEqual([
      `webhook.trial.ending sub_1:${(T0 + DAY) * 1000}`,
      `mail.trial_ending sub_1:${(T0 + DAY) * 1000}`,
    ]);
    expect(keys('invoice.payment_action_required', rawInvoice())).toEqual([
      'webhook.payment.action_required in_1:1',
      'mail.action_required in_1:1',
    ]);
    const over = storedIn('canceled');
    expect(keys('customer.subscription.deleted', rawSubscription(), over)).toEqual([
      'webhook.subscription.canceled sub_1',
      'mail.canceled sub_1',
    ]);
  });

  it('give the team one webhook for each line of the history', () => {
    const line = {
      from: 'trialing',
      to: 'active',
      event: 'paid',
      unexpected: false,
      late: false,
      detail: {},
      at: T0 * 1000,
      number: 2_000_000,
      guess: false,
      actor: { name: 'user:user_1', requestId: 'req_1' },
    } as const;
    const event = readEvent(rawEvent('customer.subscription.updated', rawSubscription()));
    const after = storedIn('active');
    const input = { event, after, transitions: [line], settings: SETTINGS, now: T0 * 1000 };
    expect(effectsOf(input)).toEqual([
      {
        objectId: 'sub_1:2000000',
        kind: 'webhook.subscription.changed',
        payload: {
          type: 'subscription.changed',
          timestamp: '2026-11-01T00:00:00.000Z',
          data: {
            userId: 'user_1',
            customerId: 'cus_1',
            subscriptionId: 'sub_1',
            from: 'trialing',
            to: 'active',
            event: 'paid',
            state: 'active',
            status: 'active',
            plan: 'pro',
            interval: 'monthly',
            access: { level: 'full', until: '2026-12-01T00:00:00.000Z', reason: 'active' },
            cause: { type: 'event', id: 'evt_customer.subscription.updated' },
            number: 2_000_000,
            confirmed: true,
            actor: 'user:user_1',
            requestId: 'req_1',
            unexpected: false,
            late: false,
          },
        },
      },
    ]);
  });
});
