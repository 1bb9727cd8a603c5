import { describe, expect, it } from 'vitest';
import { getShortestPaths } from 'xstate/graph';
import {
  allowedEvents,
  lifecycleMachine,
  machineArrows,
  nextState,
  type LifecycleEvent,
} from '../../state/machine.ts';
import { STATES } from '../../state/states.ts';
import { LIFECYCLE_EVENTS, LIFECYCLE_STATES, type LifecycleState } from '../../state/types.ts';

/** The contract, row by row: from, event, to. */
const TABLE: [LifecycleState, LifecycleEvent, LifecycleState][] = [
  ['none', { type: 'trial_started' }, 'trialing'],
  ['none', { type: 'paid' }, 'active'],
  ['none', { type: 'payment_pending' }, 'incomplete'],
  ['incomplete', { type: 'paid' }, 'active'],
  ['incomplete', { type: 'expired' }, 'canceled'],
  ['trialing', { type: 'paid' }, 'active'],
  ['trialing', { type: 'upgraded' }, 'trialing'],
  ['trialing', { type: 'trial_ended_unpaid' }, 'past_due'],
  ['trialing', { type: 'trial_ended_without_method', to: 'paused' }, 'paused'],
  ['trialing', { type: 'trial_ended_without_method', to: 'canceled' }, 'canceled'],
  ['trialing', { type: 'cancel_scheduled' }, 'cancel_pending'],
  ['trialing', { type: 'canceled' }, 'canceled'],
  ['active', { type: 'upgraded' }, 'active'],
  ['active', { type: 'renewed' }, 'active'],
  ['active', { type: 'downgrade_scheduled' }, 'downgrading'],
  ['active', { type: 'cancel_scheduled' }, 'cancel_pending'],
  ['active', { type: 'payment_failed', attempt: 1 }, 'past_due'],
  ['active', { type: 'paused' }, 'paused'],
  ['active', { type: 'canceled' }, 'canceled'],
  ['downgrading', { type: 'period_ended' }, 'active'],
  ['downgrading', { type: 'downgrade_undone' }, 'active'],
  ['downgrading', { type: 'upgraded' }, 'active'],
  ['downgrading', { type: 'cancel_scheduled' }, 'cancel_pending'],
  ['downgrading', { type: 'payment_failed', attempt: 1 }, 'past_due'],
  ['downgrading', { type: 'canceled' }, 'canceled'],
  ['cancel_pending', { type: 'period_ended' }, 'canceled'],
  ['cancel_pending', { type: 'cancel_undone', to: 'active' }, 'active'],
  ['cancel_pending', { type: 'cancel_undone', to: 'trialing' }, 'trialing'],
  ['cancel_pending', { type: 'cancel_undone', to: 'downgrading' }, 'downgrading'],
  ['cancel_pending', { type: 'payment_failed', attempt: 1 }, 'past_due'],
  ['past_due', { type: 'payment_succeeded' }, 'active'],
  ['past_due', { type: 'payment_failed', attempt: 2 }, 'past_due'],
  ['past_due', { type: 'retries_exhausted', to: 'canceled' }, 'canceled'],
  ['past_due', { type: 'retries_exhausted', to: 'unpaid' }, 'unpaid'],
  ['past_due', { type: 'canceled' }, 'canceled'],
  ['unpaid', { type: 'payment_succeeded' }, 'active'],
  ['unpaid', { type: 'canceled' }, 'canceled'],
  ['paused', { type: 'resumed', to: 'active' }, 'active'],
  ['paused', { type: 'resumed', to: 'past_due' }, 'past_due'],
  ['paused', { type: 'canceled' }, 'canceled'],
  ['canceled', { type: 'reactivated', to: 'trialing', everTrialed: false }, 'trialing'],
  ['canceled', { type: 'reactivated', to: 'active' }, 'active'],
  ['canceled', { type: 'reactivated', to: 'incomplete' }, 'incomplete'],
];

const arrowKey = (from: string, event: string, to: string): string => `${from} ${event} ${to}`;

describe('the lifecycle machine', () => {
  it.each(TABLE)('from %s, %o leads to %s', (from, event, to) => {
    expect(nextState(from, event)).toBe(to);
  });

  it('has exactly the arrows of the table, and no event that nothing uses', () => {
    const wanted = new Set(TABLE.map(([from, event, to]) => arrowKey(from, event.type, to)));
    const drawn = machineArrows().map(({ from, event, to }) => arrowKey(from, event, to));
    expect(new Set(drawn)).toEqual(wanted);
    expect(drawn).toHaveLength(wanted.size);
    const used = new Set(machineArrows().map((arrow) => arrow.event));
    expect(used).toEqual(new Set(LIFECYCLE_EVENTS));
  });

  it('refuses every event that the table does not give a state', () => {
    for (const state of LIFECYCLE_STATES) {
      for (const type of LIFECYCLE_EVENTS) {
        const listed = TABLE.some(([from, event]) => from === state && event.type === type);
        expect(allowedEvents(state).includes(type)).toBe(listed);
        if (!listed) expect(nextState(state, { type })).toBeNull();
      }
    }
  });

  it('ends retries at the third failed attempt, unless failures never end it', () => {
    const attempt = (attempt: number, maxAttempts?: number | null): LifecycleEvent => ({
      type: 'payment_failed',
      attempt,
      maxAttempts,
    });
    expect(nextState('past_due', attempt(2))).toBe('past_due');
    expect(nextState('past_due', attempt(3))).toBeNull();
    expect(nextState('past_due', attempt(3, 5))).toBe('past_due');
    expect(nextState('past_due', attempt(9, null))).toBe('past_due');
  });

  it('gives nobody a second trial', () => {
    const event: LifecycleEvent = { type: 'reactivated', to: 'trialing', everTrialed: true };
    expect(nextState('canceled', event)).toBeNull();
  });

  it('reaches every state and walks every arrow from the beginning', () => {
    const events = TABLE.map(([, event]) => event);
    const paths = getShortestPaths(lifecycleMachine, {
      events,
      serializeState: (snapshot) => JSON.stringify(snapshot.value),
    });
    const reached = new Set(paths.map((path) => path.state.value));
    expect(reached).toEqual(new Set(LIFECYCLE_STATES));
    const walked = new Set<string>();
    for (const path of paths) {
      const state = path.state.value;
      for (const event of events) {
        const to = nextState(state, event);
        if (to !== null) walked.add(arrowKey(state, event.type, to));
      }
    }
    for (const { from, event, to } of machineArrows()) {
      expect(walked).toContain(arrowKey(from, event, to));
    }
  });

  it('says for each state what it is and for each arrow why', () => {
    for (const state of LIFECYCLE_STATES) {
      const { label, group, description } = STATES[state];
      expect([label, group, description].every((text) => text.length > 0)).toBe(true);
    }
    expect(machineArrows().every((arrow) => arrow.description.length > 0)).toBe(true);
  });
});
