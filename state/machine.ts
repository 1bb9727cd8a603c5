/**
 * The lifecycle of a subscription as one machine. It says what is allowed and what comes next; it does
 * nothing. Where one event may lead to several states, the event carries `to`: what Stripe made of it.
 */
import { setup, transition } from 'xstate';
import { STATES, type StateDescriptor, type StateGroup } from './states.ts';
import { LIFECYCLE_STATES, type LifecycleEventType, type LifecycleState } from './types.ts';

type Plain = Exclude<
  LifecycleEventType,
  | 'trial_ended_without_method'
  | 'cancel_undone'
  | 'payment_failed'
  | 'retries_exhausted'
  | 'resumed'
  | 'reactivated'
>;

/** An event with the data its guards need. A missing `to` means the first state listed. */
export type LifecycleEvent =
  | { type: Plain }
  | { type: 'trial_ended_without_method'; to?: 'paused' | 'canceled' }
  | { type: 'cancel_undone'; to?: 'active' | 'trialing' | 'downgrading' }
  /** `attempt` counts from 1; `maxAttempts` is null when failures never end it. */
  | { type: 'payment_failed'; attempt?: number; maxAttempts?: number | null }
  | { type: 'retries_exhausted'; to?: 'canceled' | 'unpaid' }
  | { type: 'resumed'; to?: 'active' | 'past_due' }
  | { type: 'reactivated'; to?: 'active' | 'trialing' | 'incomplete'; everTrialed?: boolean };

export interface Arrow {
  from: LifecycleState;
  to: LifecycleState;
  event: LifecycleEventType;
  description: string;
}

export const DEFAULT_MAX_ATTEMPTS = 3;

/** What a state says of itself, as part of its node. */
function described(state: LifecycleState) {
  const { description, group, label } = STATES[state];
  return { description, tags: group, meta: { group, label } };
}

export const lifecycleMachine = setup({
  types: {
    events: {} as LifecycleEvent,
    meta: {} as Pick<StateDescriptor, 'group' | 'label'>,
    tags: {} as StateGroup,
  },
  guards: {
    /** `to` is the target asked for; the first listed target is also the default. */
    leadsTo: ({ event }, params: { to: LifecycleState; byDefault?: boolean }) =>
      'to' in event && event.to !== undefined ? event.to === params.to : params.byDefault === true,
    attemptsLeft: ({ event }) => {
      if (event.type !== 'payment_failed') return false;
      const max = event.maxAttempts === undefined ? DEFAULT_MAX_ATTEMPTS : event.maxAttempts;
      return max === null || (event.attempt ?? 1) < max;
    },
    firstTrial: ({ event }) =>
      event.type === 'reactivated' && event.to === 'trialing' && event.everTrialed !== true,
  },
}).createMachine({
  id: 'subscription',
  initial: 'none',
  states: {
    none: {
      ...described('none'),
      on: {
        trial_started: { target: 'trialing', description: 'A free trial began' },
        paid: { target: 'active', description: 'Paid at once' },
        payment_pending: {
          target: 'incomplete',
          description: 'The first payment is not through yet',
        },
      },
    },
    incomplete: {
      ...described('incomplete'),
      on: {
        paid: { target: 'active', description: 'The first invoice was paid' },
        expired: { target: 'canceled', description: 'Not paid in time' },
      },
    },
    trialing: {
      ...described('trialing'),
      on: {
        paid: { target: 'active', description: 'The trial became a paid subscription' },
        // A plan changed during a trial stays in the trial: nothing is prorated.
        upgraded: { target: 'trialing', description: 'The plan changed during the trial' },
        trial_ended_unpaid: {
          target: 'past_due',
          description: 'The trial ended, the payment failed',
        },
        trial_ended_without_method: [
          {
            target: 'paused',
            guard: { type: 'leadsTo', params: { to: 'paused', byDefault: true } },
            description: 'The trial ended without a payment method',
          },
          {
            target: 'canceled',
            guard: { type: 'leadsTo', params: { to: 'canceled' } },
            description: 'The trial ended without a payment method',
          },
        ],
        cancel_scheduled: { target: 'cancel_pending', description: 'Will end with the trial' },
        canceled: { target: 'canceled', description: 'Canceled at once' },
      },
    },
    active: {
      ...described('active'),
      on: {
        upgraded: { target: 'active', description: 'Plan or seats changed at once' },
        renewed: { target: 'active', description: 'A new period began' },
        downgrade_scheduled: {
          target: 'downgrading',
          description: 'A smaller plan from the next period',
        },
        cancel_scheduled: { target: 'cancel_pending', description: 'Will end with the period' },
        payment_failed: { target: 'past_due', description: 'A payment failed' },
        paused: { target: 'paused', description: 'Paused' },
        canceled: { target: 'canceled', description: 'Canceled at once' },
      },
    },
    downgrading: {
      ...described('downgrading'),
      on: {
        period_ended: { target: 'active', description: 'The smaller plan began' },
        downgrade_undone: { target: 'active', description: 'The customer keeps the plan' },
        upgraded: { target: 'active', description: 'Changed to a bigger plan instead' },
        cancel_scheduled: { target: 'cancel_pending', description: 'Will end with the period' },
        payment_failed: { target: 'past_due', description: 'A payment failed' },
        canceled: { target: 'canceled', description: 'Canceled at once' },
      },
    },
    cancel_pending: {
      ...described('cancel_pending'),
      on: {
        period_ended: { target: 'canceled', description: 'The end came' },
        cancel_undone: [
          {
            target: 'active',
            guard: { type: 'leadsTo', params: { to: 'active', byDefault: true } },
            description: 'The customer stays',
          },
          {
            target: 'trialing',
            guard: { type: 'leadsTo', params: { to: 'trialing' } },
            description: 'The customer stays in the trial',
          },
          {
            target: 'downgrading',
            guard: { type: 'leadsTo', params: { to: 'downgrading' } },
            description: 'The customer stays, on a smaller plan',
          },
        ],
        payment_failed: { target: 'past_due', description: 'A payment failed' },
      },
    },
    past_due: {
      ...described('past_due'),
      on: {
        payment_succeeded: { target: 'active', description: 'The payment went through' },
        payment_failed: { target: 'past_due', guard: 'attemptsLeft', description: 'Failed again' },
        retries_exhausted: [
          {
            target: 'canceled',
            guard: { type: 'leadsTo', params: { to: 'canceled', byDefault: true } },
            description: 'Failed for the last time: canceled',
          },
          {
            target: 'unpaid',
            guard: { type: 'leadsTo', params: { to: 'unpaid' } },
            description: 'Failed for the last time: unpaid',
          },
        ],
        canceled: { target: 'canceled', description: 'Canceled at once' },
      },
    },
    unpaid: {
      ...described('unpaid'),
      on: {
        payment_succeeded: { target: 'active', description: 'The debt was paid' },
        canceled: { target: 'canceled', description: 'Canceled' },
      },
    },
    paused: {
      ...described('paused'),
      on: {
        resumed: [
          {
            target: 'active',
            guard: { type: 'leadsTo', params: { to: 'active', byDefault: true } },
            description: 'Resumed',
          },
          {
            target: 'past_due',
            guard: { type: 'leadsTo', params: { to: 'past_due' } },
            description: 'Resumed, but the payment failed',
          },
        ],
        canceled: { target: 'canceled', description: 'Canceled' },
      },
    },
    canceled: {
      ...described('canceled'),
      on: {
        reactivated: [
          {
            target: 'active',
            guard: { type: 'leadsTo', params: { to: 'active', byDefault: true } },
            description: 'The customer came back',
          },
          {
            target: 'trialing',
            guard: 'firstTrial',
            description: 'The customer came back, for a first trial',
          },
          {
            target: 'incomplete',
            guard: { type: 'leadsTo', params: { to: 'incomplete' } },
            description: 'The customer came back; the payment waits',
          },
        ],
      },
    },
  },
});

type Snapshot = ReturnType<typeof lifecycleMachine.resolveState>;

const SNAPSHOTS = new Map<LifecycleState, Snapshot>();

function snapshotOf(state: LifecycleState): Snapshot {
  const known = SNAPSHOTS.get(state);
  if (known) return known;
  const snapshot = lifecycleMachine.resolveState({ value: state });
  SNAPSHOTS.set(state, snapshot);
  return snapshot;
}

/** What the machine answered, by state and event; a machine that is pure need not be asked twice. */
const ANSWERS = new Map<string, LifecycleState | null>();

/** The state that an event leads to, or null when the state does not allow the event. */
export function nextState(state: LifecycleState, event: LifecycleEvent): LifecycleState | null {
  // Attempts are counted without end; the rest are some two hundred questions.
  if (event.type === 'payment_failed') return askMachine(state, event);
  const question = `${state} ${event.type} ${'to' in event ? event.to : ''} ${'everTrialed' in event ? event.everTrialed : ''}`;
  const known = ANSWERS.get(question);
  if (known !== undefined) return known;
  const answer = askMachine(state, event);
  ANSWERS.set(question, answer);
  return answer;
}

function askMachine(state: LifecycleState, event: LifecycleEvent): LifecycleState | null {
  const snapshot = snapshotOf(state);
  // XState ignores an event it does not know; only `can` tells a refusal from a self-transition.
  if (!snapshot.can(event)) return null;
  const [next] = transition(lifecycleMachine, snapshot, event);
  return next.value;
}

const ARROWS: readonly Arrow[] = LIFECYCLE_STATES.flatMap((from) => {
  const node = nodeOf(from);
  return [...node.transitions.values()].flat().flatMap((definition) =>
    (definition.target ?? []).map((target) => ({
      from,
      to: toState(target.key),
      event: definition.eventType as LifecycleEventType,
      description: definition.description ?? '',
    })),
  );
});

/** Every arrow of the machine as data: for the chart, the API and the documentation. */
export function machineArrows(): readonly Arrow[] {
  return ARROWS;
}

/** The events that a state allows, for at least one outcome, in the machine's order. */
export function allowedEvents(state: LifecycleState): LifecycleEventType[] {
  return [...new Set(ARROWS.filter((arrow) => arrow.from === state).map((arrow) => arrow.event))];
}

function nodeOf(state: LifecycleState): (typeof lifecycleMachine.states)[string] & object {
  const node = lifecycleMachine.states[state];
  if (!node) throw new Error(`The machine has no state "${state}"`);
  return node;
}

function toState(key: string): LifecycleState {
  const state = LIFECYCLE_STATES.find((name) => name === key);
  if (!state) throw new Error(`The machine has a state "${key}" without a name`);
  return state;
}
