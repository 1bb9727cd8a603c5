import { describe, expect, it } from 'vitest';
import { decideLines, decideRow, type DecideInput } from '../../state/decide.ts';
import { lifecycleOf, statusOf } from '../../state/lifecycle.ts';
import { machineArrows } from '../../state/machine.ts';
import type { FailedSignal } from '../../state/signals.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import {
  LIFECYCLE_STATES,
  type LifecycleState,
  type StoredSubscription,
} from '../../state/types.ts';
import { CATALOGUE, CHANGES_FOR, DAY, itemList, rawItem } from './factories.ts';
import { rawSubscription, SETTINGS, storedIn, T0, type Raw } from './factories.ts';

const CONTEXT = { catalogue: CATALOGUE, settings: SETTINGS, now: (T0 + DAY) * 1000 };

const decide = (input: DecideInput) => ({
  ...decideRow(input),
  transitions: decideLines(input),
});

function move(from: StoredSubscription | null, changes: Raw, more: object = {}) {
  const facts = readSubscription(rawSubscription(changes));
  return decide({ stored: from, facts, signals: [], ...CONTEXT, ...more });
}

function told(from: StoredSubscription | null, changes: Raw, more: object = {}): string[] {
  return move(from, changes, more).transitions.map(
    (line) => `${line.from} ${line.event} ${line.to}${line.unexpected ? ' !' : ''}`,
  );
}

function failure(attempt: number, invoiceId = 'in_1'): FailedSignal {
  return {
    type: 'payment_failed',
    eventId: `evt_f${attempt}`,
    at: (T0 + attempt * DAY) * 1000,
    invoiceId,
    attempt,
    amount: 3000,
    currency: 'usd',
    nextAttemptAt: null,
    declineCode: 'insufficient_funds',
  };
}

describe("Stripe's status", () => {
  it.each([
    ['incomplete', 'incomplete'],
    ['incomplete_expired', 'canceled'],
    ['trialing', 'trialing'],
    ['active', 'active'],
    ['past_due', 'past_due'],
    ['canceled', 'canceled'],
    ['unpaid', 'unpaid'],
    ['paused', 'paused'],
  ])('%s is the state %s', (status, state) => {
    const facts = readSubscription(rawSubscription({ status }));
    expect(lifecycleOf(facts, { catalogue: CATALOGUE, previous: 'none' })).toEqual({ state });
  });

  it('that nobody knows keeps the state and is reported', () => {
    for (const previous of LIFECYCLE_STATES) {
      const facts = readSubscription(rawSubscription({ status: 'hibernating' }));
      const found = lifecycleOf(facts, { catalogue: CATALOGUE, previous });
      expect(found).toEqual({ state: previous, unknownStatus: 'hibernating' });
    }
    const { transitions, unknownStatus } = move(storedIn('active'), { status: 'hibernating' });
    expect(transitions).toEqual([]);
    expect(unknownStatus).toBe('hibernating');
  });

  it('with an end set is cancel_pending, by either field (portal sets cancel_at alone)', () => {
    for (const ending of [{ cancel_at: T0 + DAY }, { cancel_at_period_end: true }]) {
      for (const status of ['active', 'trialing']) {
        const facts = readSubscription(rawSubscription({ status, ...ending }));
        const found = lifecycleOf(facts, { catalogue: CATALOGUE, previous: 'active' });
        expect(found.state).toBe('cancel_pending');
      }
    }
  });

  it('is stored under the names of the contract', () => {
    expect(statusOf('downgrading')).toBe('active');
    expect(statusOf('cancel_pending')).toBe('cancel_pending');
  });
});

describe('what led from one state to another', () => {
  it('is told by arrows of the machine or marked as unexpected, for every pair of states', () => {
    const arrows = new Set(machineArrows().map(({ from, event, to }) => `${from} ${event} ${to}`));
    for (const from of LIFECYCLE_STATES) {
      for (const to of LIFECYCLE_STATES.filter((state) => state !== 'none' && state !== from)) {
        const stored = from === 'none' ? null : storedIn(from);
        const { next, transitions } = move(stored, CHANGES_FOR[to]);
        expect(next.state).toBe(to);
        expect(transitions[0]?.from).toBe(from);
        expect(transitions.at(-1)?.to).toBe(to);
        let here: LifecycleState = from;
        for (const line of transitions) {
          expect(line.from).toBe(here);
          here = line.to;
          const known = arrows.has(`${line.from} ${line.event} ${line.to}`);
          expect(known).toBe(!line.unexpected);
        }
        const again = decide({ stored: next, facts: next.facts, signals: [], ...CONTEXT });
        expect(again).toMatchObject({ transitions: [], next });
      }
    }
  });

  const trialingThenOn = { status: 'active', trial_start: T0, trial_end: T0 + 14 * DAY };
  const exhausted = { ...CHANGES_FOR.canceled, cancellation_details: { reason: 'payment_failed' } };
  const noMethod = {
    ...CHANGES_FOR.canceled,
    trial_start: T0,
    trial_end: T0 + 14 * DAY,
    default_payment_method: null,
    // Stripe's own word for a trial that ended for want of a method.
    cancellation_details: { reason: 'cancellation_requested' },
  };
  it.each([
    [null, { status: 'trialing', trial_start: T0 }, ['none trial_started trialing']],
    [null, {}, ['none paid active']],
    [null, { status: 'incomplete' }, ['none payment_pending incomplete']],
    ['incomplete', { status: 'incomplete_expired' }, ['incomplete expired canceled']],
    [
      'trialing',
      { ...trialingThenOn, cancel_at: T0 + 30 * DAY },
      ['trialing paid active', 'active cancel_scheduled cancel_pending'],
    ],
    ['trialing', { status: 'past_due' }, ['trialing trial_ended_unpaid past_due']],
    ['trialing', { status: 'paused' }, ['trialing trial_ended_without_method paused']],
    ['trialing', noMethod, ['trialing trial_ended_without_method canceled']],
    [
      'active',
      exhausted,
      ['active payment_failed past_due', 'past_due retries_exhausted canceled'],
    ],
    ['past_due', exhausted, ['past_due retries_exhausted canceled']],
    ['past_due', CHANGES_FOR.canceled, ['past_due canceled canceled']],
    [
      'cancel_pending',
      { ...CHANGES_FOR.canceled, ended_at: T0 + 30 * DAY },
      ['cancel_pending period_ended canceled'],
    ],
    [
      'cancel_pending',
      { ...CHANGES_FOR.canceled, cancel_at: T0 + 30 * DAY },
      ['cancel_pending canceled canceled !'],
    ],
    ['cancel_pending', CHANGES_FOR.downgrading, ['cancel_pending cancel_undone downgrading']],
    ['unpaid', { status: 'past_due' }, ['unpaid payment_failed past_due !']],
    ['active', CHANGES_FOR.trialing, ['active trial_started trialing !']],
    ['downgrading', {}, ['downgrading downgrade_undone active']],
  ] as const)('from %s, %j is %j', (from, changes, lines) => {
    expect(told(from === null ? null : storedIn(from), changes)).toEqual(lines);
  });

  it('tells plan changes, renewals and the end of a downgrade apart', () => {
    const starter = storedIn('active', { items: itemList(rawItem({}, 'price_starter_month')) });
    expect(told(starter, {})).toEqual(['active upgraded active']);
    const next = { current_period_start: T0 + 30 * DAY, current_period_end: T0 + 60 * DAY };
    expect(told(storedIn('active'), { items: itemList(rawItem(next)) })).toEqual([
      'active renewed active',
    ]);
    const smaller = itemList(rawItem(next, 'price_starter_month'));
    expect(told(storedIn('downgrading'), { items: smaller })).toEqual([
      'downgrading period_ended active',
    ]);
    const seats = itemList(rawItem({ quantity: 4 }));
    expect(move(storedIn('active'), { items: seats }).transitions[0]).toMatchObject({
      event: 'upgraded',
      detail: { change: 'upgrade' },
    });
    expect(told(starter, { cancel_at: T0 + 30 * DAY })).toEqual([
      'active upgraded active',
      'active cancel_scheduled cancel_pending',
    ]);
  });

  it('calls a new subscription after a canceled one a return, and gives no second trial', () => {
    const former = { formerState: 'canceled' };
    expect(told(null, {}, former)).toEqual(['canceled reactivated active']);
    const trial = CHANGES_FOR.trialing;
    expect(told(null, trial, former)).toEqual(['canceled reactivated trialing']);
    expect(told(null, trial, { ...former, everTrialed: true })).toEqual([
      'canceled trial_started trialing !',
    ]);
  });
});

describe('failed payments', () => {
  it('count each attempt once, whatever order they are told in', () => {
    const signals = [failure(2), failure(1), failure(2)];
    const first = move(storedIn('active'), { status: 'past_due' }, { signals });
    expect(first.next).toMatchObject({ failedAttempts: 2, pastDueSince: failure(1).at });
    expect(first.transitions.map((line) => line.detail['attempt'])).toEqual([1, 2]);
    const again = decide({ ...CONTEXT, stored: first.next, facts: first.next.facts, signals });
    expect(again.transitions).toEqual([]);
  });

  it('of an invoice that was paid since do not count', () => {
    const signals = [failure(3, 'in_old')];
    const { next } = move(storedIn('active'), { status: 'past_due' }, { signals });
    expect(next.failedAttempts).toBe(1);
  });

  it('are forgotten once it is paid', () => {
    const { next } = move(storedIn('past_due'), {});
    expect(next).toMatchObject({ failedAttempts: 0, pastDueSince: null, state: 'active' });
  });

  it('are known from the invoice when the events were lost', () => {
    const latest_invoice = { id: 'in_1', object: 'invoice', status: 'open', attempt_count: 3 };
    const { next } = move(storedIn('active'), { status: 'past_due', latest_invoice });
    expect(next.failedAttempts).toBe(3);
  });
});
