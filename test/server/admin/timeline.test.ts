import { describe, expect, it } from 'vitest';
import { expectedSteps } from '../../../server/admin/pages/expected.ts';
import { saidIn, timeline } from '../../../server/admin/pages/timeline.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { thenPanel } from '../../../server/admin/pages/views/moment.ts';
import { readEvent } from '../../../state/event-facts.ts';
import {
  happenedBy,
  knownBy,
  knownLate,
  subscriptionAsOf,
  type Cut,
  type KeptPast,
  type KnownLine,
} from '../../../state/history/as-of.ts';
import { CATALOGUE, DAY, storedIn, T0, type Raw } from '../../state/factories.ts';
import { SimulatedSubscription } from '../../state/simulator.ts';
import type { LifecycleState } from '../../../state/types.ts';

const row = (state: LifecycleState, raw: Raw = {}) => storedIn(state, raw) as SubscriptionRow;
const words = (steps: ReturnType<typeof expectedSteps>) => steps.map((step) => step.words);

describe('P-9: what is expected next', () => {
  it('is the next attempt while a payment fails, not the end of a period that is not paid', () => {
    const invoice = { id: 'in_1', status: 'open', attempt_count: 1, amount_remaining: 5000 };
    const next_payment_attempt = T0 + 3 * DAY;
    const failing = row('past_due', { latest_invoice: { ...invoice, next_payment_attempt } });
    const [first, ...others] = expectedSteps(failing);
    expect(first).toMatchObject({ at: next_payment_attempt * 1000, to: 'active' });
    expect(first?.words).toBe('next payment attempt of $50.00');
    expect(others).toEqual([]);
    expect(expectedSteps(row('past_due', { latest_invoice: invoice }))).toEqual([]);
  });

  it('is the end of a pause, the end of a cancellation, and of a change that waits for payment', () => {
    const resumes = { behavior: 'void', resumes_at: T0 + 9 * DAY };
    const paused = expectedSteps(row('active', { pause_collection: resumes }));
    expect(words(paused)).toContain('the pause ends');
    const ends = row('active', { cancel_at: T0 + 5 * DAY, canceled_at: T0 });
    expect(ends.state).toBe('cancel_pending');
    expect(expectedSteps(ends)).toMatchObject([{ to: 'canceled', at: (T0 + 5 * DAY) * 1000 }]);
  });

  it('comes in the order of time', () => {
    const resumes = { behavior: 'void', resumes_at: T0 + DAY };
    const times = expectedSteps(row('active', { pause_collection: resumes })).map(({ at }) => at);
    expect(times.length).toBeGreaterThan(1);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});

describe('R-1: money that came back', () => {
  it('stands in the timeline between the lines that were before and after it', () => {
    const step = (at: number, event: 'renewed' | 'upgraded') => ({
      from: 'active' as const,
      to: 'active' as const,
      event,
      unexpected: false,
      late: false,
      cause: { type: 'event', id: 'evt_1' },
      actor: 'stripe',
      requestId: null,
      at,
      detail: {},
    });
    const back = { kind: 'dispute', amount: '$50.00', status: 'needs_response', reason: null };
    const [before, between] = [
      { ...back, at: 5 },
      { ...back, kind: 'refund', at: 15 },
    ];
    const shown = String(
      timeline([step(10, 'renewed'), step(20, 'upgraded')], {
        now: 30,
        next: [],
        returned: [between, before],
      }),
    );
    const found = [...shown.matchAll(/<p class="cause">([^<]+)</g)].map(([, words]) => words);
    expect(found).toEqual(['dispute $50.00', 'renewed', 'refund $50.00', 'upgraded']);
  });
});

describe('P-12: a line of the timeline', () => {
  it('says amount, invoice number, decline code and next attempt', () => {
    const detail = {
      status: 'past_due',
      attempt: 2,
      invoice: 'in_1',
      amount: 5000,
      currency: 'usd',
      declineCode: 'insufficient_funds',
    };
    const step = { detail, invoiceNumber: 'AB-0001', nextAttemptAt: Date.UTC(2026, 2, 2, 9) };
    expect(saidIn(step)).toBe(
      '$50.00 · invoice AB-0001 · status past_due · attempt 2 · decline code insufficient_funds · next attempt 2026-03-02 09:00 UTC',
    );
  });

  it('says why a customer left, in their words', () => {
    const detail = { status: 'active', feedback: 'too_expensive', comment: 'Sorry <b>' };
    expect(saidIn({ detail })).toBe('status active · left because: too expensive · “Sorry <b>”');
    expect(saidIn({ detail: {} })).toBe('');
  });
});

describe('a moment of the past', () => {
  const life = new SimulatedSubscription('active');
  life.step('fail');
  const [created, paid, , failed] = life.events.map((raw) => readEvent(raw));
  const failedAt = failed!.createdAt;
  const hours = 3 * 3_600_000;
  const line = (line: Partial<KnownLine>): KnownLine => ({
    to: 'active',
    at: T0 * 1000,
    causeId: created!.id,
    knownAt: T0 * 1000,
    struckAt: null,
    ...line,
  });
  const past: KeptPast = {
    lines: [
      line({ from: 'none', event: 'paid' }),
      line({
        from: 'active',
        to: 'past_due',
        event: 'payment_failed',
        at: failedAt,
        knownAt: failedAt + hours,
      }),
    ],
    events: [],
    eventsSince: null,
    returns: [],
    present: storedIn('past_due'),
  };
  const rules = {
    catalogue: CATALOGUE,
    grace: 'period_end',
    returns: { onDispute: 'suspend', onFullRefund: 'end' },
  } as const;

  it('says what was believed where it was something else, and how late it became known', () => {
    expect(paid!.invoice?.status).toBe('paid');
    const words = (cut: Cut) => ({
      of: subscriptionAsOf(past, cut, { at: failedAt, rules }),
      plan: null,
      mrr: null,
      pending: null,
      invoices: [],
    });
    const moment = {
      at: failedAt,
      first: T0 * 1000,
      now: failedAt + 2 * hours,
      moments: [],
      was: null,
      believed: null,
      late: knownLate(past, failedAt, 'real'),
    };
    const was = words(happenedBy(past, failedAt));
    const believed = words(knownBy(past, failedAt, 'real'));
    const split = thenPanel({ moment, believed }, was).markup.replaceAll(/\s+/g, ' ');
    expect(split).toContain('As it was believed');
    expect(split).toMatch(/>past_due<.*<mark>.*>active</);
    expect(split).toContain('recorded 3 hours later');
    // On a test clock, nothing that is later had become known before it.
    expect(knownLate(past, failedAt, 'test')).toEqual([]);
    const same = thenPanel({ moment: { ...moment, late: [] }, believed: null }, was).markup;
    expect(same).toContain('The same was known here');
    expect(same).not.toContain('As it was believed');
  });
});
