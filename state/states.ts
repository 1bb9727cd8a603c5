/**
 * What each state of the lifecycle means, in one table: adding a state means answering every question here, or it does not
 * compile. Who has access is a rule of its own (access.ts), and what follows a state is the machine's (machine.ts).
 */
import { LIFECYCLE_STATES, type LifecycleState } from './types.ts';

export type StateGroup = 'waiting' | 'entitled' | 'at_risk' | 'ended';
/** The colour family of a state. */
export type Tone = 'healthy' | 'motion' | 'risk' | 'blocked' | 'waiting' | 'ended';

export interface StateDescriptor {
  group: StateGroup;
  label: string;
  description: string;
  tone: Tone;
  /** Row of the chart, from the top: arrows upwards are drawn as going back. */
  order: number;
  /** Not ended, and stored. */
  open: boolean;
  /** A period or a trial runs, and something follows at its end. */
  hasPeriod: boolean;
  /** Usage counts in its periods. */
  countsUsage: boolean;
  /** After a command, the customer is asked for the open payment. */
  awaitsPayment: boolean;
  /** A trial that led here did not become a paid subscription. */
  trialLost: boolean;
}

export const STATES: { readonly [State in LifecycleState]: StateDescriptor } = {
  none: {
    group: 'waiting',
    label: 'No subscription',
    description: 'No subscription yet.',
    tone: 'ended',
    order: 0,
    open: false,
    hasPeriod: false,
    countsUsage: false,
    awaitsPayment: false,
    trialLost: false,
  },
  incomplete: {
    group: 'waiting',
    label: 'Incomplete',
    description: 'The first payment waits: it failed or needs the customer.',
    tone: 'waiting',
    order: 1,
    open: true,
    hasPeriod: true,
    countsUsage: false,
    awaitsPayment: true,
    trialLost: false,
  },
  trialing: {
    group: 'entitled',
    label: 'Trialing',
    description: 'A free trial runs.',
    tone: 'motion',
    order: 2,
    open: true,
    hasPeriod: true,
    countsUsage: true,
    awaitsPayment: false,
    trialLost: false,
  },
  active: {
    group: 'entitled',
    label: 'Active',
    description: 'Paid and in use.',
    tone: 'healthy',
    order: 3,
    open: true,
    hasPeriod: true,
    countsUsage: true,
    awaitsPayment: false,
    trialLost: false,
  },
  downgrading: {
    group: 'entitled',
    label: 'Downgrading',
    description: 'Active; a smaller plan begins with the next period.',
    tone: 'motion',
    order: 6,
    open: true,
    hasPeriod: true,
    countsUsage: true,
    awaitsPayment: false,
    trialLost: false,
  },
  cancel_pending: {
    group: 'entitled',
    label: 'Cancel pending',
    description: 'Still in use; ends by itself.',
    tone: 'risk',
    order: 7,
    open: true,
    hasPeriod: true,
    countsUsage: true,
    awaitsPayment: false,
    trialLost: false,
  },
  past_due: {
    group: 'at_risk',
    label: 'Past due',
    description: 'A payment failed and is tried again.',
    tone: 'risk',
    order: 5,
    open: true,
    hasPeriod: true,
    countsUsage: true,
    awaitsPayment: true,
    trialLost: false,
  },
  unpaid: {
    group: 'at_risk',
    label: 'Unpaid',
    description: 'Payments failed for good; invoices stay open.',
    tone: 'blocked',
    order: 8,
    open: true,
    hasPeriod: true,
    countsUsage: true,
    awaitsPayment: false,
    trialLost: true,
  },
  paused: {
    group: 'waiting',
    label: 'Paused',
    description: 'On hold: no invoices, no access.',
    tone: 'waiting',
    order: 4,
    open: true,
    hasPeriod: false,
    countsUsage: true,
    awaitsPayment: true,
    trialLost: true,
  },
  canceled: {
    group: 'ended',
    label: 'Canceled',
    description: 'Over. Coming back is a new subscription.',
    tone: 'ended',
    order: 9,
    open: false,
    hasPeriod: false,
    countsUsage: false,
    awaitsPayment: false,
    trialLost: true,
  },
};

type Flag = {
  [Field in keyof StateDescriptor]: StateDescriptor[Field] extends boolean ? Field : never;
}[keyof StateDescriptor];

/** The states that have a property, or have it not. */
export function statesWhere(flag: Flag, value = true): LifecycleState[] {
  return LIFECYCLE_STATES.filter((state) => STATES[state][flag] === value);
}

/** What a status of Stripe's means, where the state is not asked. */
const STRIPE_STATUSES = {
  incomplete: { earns: false, ended: false, idle: false },
  incomplete_expired: { earns: false, ended: true, idle: false },
  trialing: { earns: false, ended: false, idle: false },
  active: { earns: true, ended: false, idle: false },
  past_due: { earns: true, ended: false, idle: false },
  /** `idle`: makes no charges by itself. */
  unpaid: { earns: false, ended: false, idle: true },
  paused: { earns: false, ended: false, idle: true },
  canceled: { earns: false, ended: true, idle: false },
} as const;

/** What is known of a status of Stripe's; null for one that this program does not know. */
export function stripeStatus(
  name: string,
): (typeof STRIPE_STATUSES)[keyof typeof STRIPE_STATUSES] | null {
  return Object.hasOwn(STRIPE_STATUSES, name)
    ? STRIPE_STATUSES[name as keyof typeof STRIPE_STATUSES]
    : null;
}
