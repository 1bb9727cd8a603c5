/** Which lifecycle events explain that a subscription went from one state to another. */
import { nextState, type LifecycleEvent } from './machine.ts';
import { endOf, endsByItself } from './lifecycle.ts';
import { unreachable } from './unreachable.ts';
import type { LifecycleEventType, LifecycleState, SubscriptionFacts } from './types.ts';

export interface Step {
  from: LifecycleState;
  to: LifecycleState;
  event: LifecycleEvent;
  /** True when the machine does not allow it. */
  unexpected: boolean;
}

/** What is known about the change besides its two ends. */
export interface Evidence {
  before: SubscriptionFacts | null;
  after: SubscriptionFacts;
  /** The failed attempt that is told of; 1 when none is. */
  attempt: number;
  /** Failed attempts known before the change. */
  failedAttempts: number;
  /** null when failures never end a subscription. */
  maxAttempts: number | null;
  everTrialed: boolean;
  /** The change of plan, when the price changed. */
  change: 'upgrade' | 'downgrade' | 'switch' | null;
}

/**
 * The steps from `from` to `to`: one event, or a way through states that must have lain between. When the
 * machine has neither, one unexpected step with the event that fits best.
 */
export function explain(from: LifecycleState, to: LifecycleState, evidence: Evidence): Step[] {
  const between = stateBetween(from, to, evidence);
  if (between !== null) {
    const steps = [...explain(from, between, evidence), ...explain(between, to, evidence)];
    if (steps.every((step) => !step.unexpected)) return steps;
  }
  const candidates = candidatesFor(from, to, evidence);
  const allowed = candidates.find((event) => nextState(from, event) === to);
  const event = allowed ?? candidates[0] ?? { type: BEST_FIT[to] };
  return [{ from, to, event, unexpected: allowed === undefined }];
}

/** A state that must have been passed on the way, though nothing told of it; null when there is none. */
function stateBetween(
  from: LifecycleState,
  to: LifecycleState,
  evidence: Evidence,
): LifecycleState | null {
  const { after } = evidence;
  const beginning = from === 'none' || from === 'canceled';
  switch (to) {
    case 'cancel_pending':
    case 'downgrading': {
      // Both are something added to a running trial or a paid period.
      const base = after.stripeStatus === 'trialing' ? 'trialing' : 'active';
      return from === base || from === 'cancel_pending' || from === 'downgrading' ? null : base;
    }
    case 'unpaid':
      return from === 'past_due' ? null : 'past_due';
    case 'past_due':
      if (beginning) return hadTrial(after) ? 'trialing' : 'active';
      return from === 'incomplete' ? 'active' : null;
    case 'paused':
      if (beginning) return hadTrial(after) ? 'trialing' : 'active';
      if (from === 'incomplete') return 'active';
      if (from === 'downgrading') return after.scheduleId === null ? 'active' : null;
      return from === 'cancel_pending' && !endsByItself(after) ? 'active' : null;
    case 'canceled':
      return beforeTheEnd(from, after);
    case 'none':
    case 'incomplete':
    case 'trialing':
    case 'active':
      return null;
  }
  return unreachable(to);
}

function beforeTheEnd(from: LifecycleState, after: SubscriptionFacts): LifecycleState | null {
  if (from === 'none') {
    if (after.stripeStatus === 'incomplete_expired') return 'incomplete';
    return hadTrial(after) ? 'trialing' : 'active';
  }
  const wasPaying = from !== 'past_due' && from !== 'unpaid' && from !== 'incomplete';
  if (after.cancellationReason === 'payment_failed' && wasPaying && from !== 'paused') {
    return 'past_due';
  }
  return null;
}

/** Events that could have led there, the likeliest first; the machine has the last word. */
function candidatesFor(
  from: LifecycleState,
  to: LifecycleState,
  evidence: Evidence,
): LifecycleEvent[] {
  switch (to) {
    case 'none':
      return [];
    case 'incomplete':
      return [{ type: 'payment_pending' }, { type: 'reactivated', to: 'incomplete' }];
    case 'trialing':
      return [
        { type: 'trial_started' },
        { type: 'cancel_undone', to: 'trialing' },
        { type: 'reactivated', to: 'trialing', everTrialed: evidence.everTrialed },
      ];
    case 'active':
      return towardsActive(from, evidence);
    case 'downgrading':
      return [{ type: 'downgrade_scheduled' }, { type: 'cancel_undone', to: 'downgrading' }];
    case 'cancel_pending':
      return [{ type: 'cancel_scheduled' }];
    case 'past_due':
      return [towardsPastDue(from, evidence)];
    case 'unpaid':
      return [{ type: 'retries_exhausted', to: 'unpaid' }];
    case 'paused':
      return [{ type: 'paused' }, { type: 'trial_ended_without_method', to: 'paused' }];
    case 'canceled':
      return towardsCanceled(from, evidence);
  }
  return unreachable(to);
}

function towardsPastDue(from: LifecycleState, evidence: Evidence): LifecycleEvent {
  if (from === 'trialing') return { type: 'trial_ended_unpaid' };
  if (from === 'paused') return { type: 'resumed', to: 'past_due' };
  const { attempt, maxAttempts } = evidence;
  return { type: 'payment_failed', attempt, maxAttempts };
}

function towardsActive(from: LifecycleState, evidence: Evidence): LifecycleEvent[] {
  if (from === 'downgrading') {
    if (evidence.change === 'upgrade') return [{ type: 'upgraded' }];
    return [{ type: evidence.change === null ? 'downgrade_undone' : 'period_ended' }];
  }
  return [
    { type: 'payment_succeeded' },
    { type: 'paid' },
    { type: 'resumed', to: 'active' },
    { type: 'cancel_undone', to: 'active' },
    { type: 'reactivated', to: 'active' },
  ];
}

function towardsCanceled(from: LifecycleState, evidence: Evidence): LifecycleEvent[] {
  const { after, before } = evidence;
  if (from === 'cancel_pending') {
    const end = endOf(after) ?? (before ? endOf(before) : null);
    const reached = end === null || after.endedAt === null || after.endedAt >= end;
    return [{ type: reached ? 'period_ended' : 'canceled' }];
  }
  if (from === 'past_due') {
    const { failedAttempts, maxAttempts } = evidence;
    const exhausted =
      after.cancellationReason === 'payment_failed' ||
      (maxAttempts !== null && failedAttempts >= maxAttempts);
    return [exhausted ? { type: 'retries_exhausted', to: 'canceled' } : { type: 'canceled' }];
  }
  if (from === 'trialing' && endedWithTrial(after)) {
    return [{ type: 'trial_ended_without_method', to: 'canceled' }];
  }
  return [{ type: 'canceled' }, { type: 'expired' }];
}

/**
 * A trial that Stripe ended by itself, for want of a way to pay. The reason does not tell: Stripe gives
 * `cancellation_requested` for this as well.
 */
function endedWithTrial(facts: SubscriptionFacts): boolean {
  const { trialEnd, endedAt, cancelAt, cancelAtPeriodEnd } = facts;
  if (trialEnd === null || endedAt === null || endedAt < trialEnd) return false;
  return cancelAt === null && !cancelAtPeriodEnd && facts.defaultPaymentMethodId === null;
}

function hadTrial(facts: SubscriptionFacts): boolean {
  return facts.trialStart !== null;
}

/** The name of a change that the machine does not have, by where it led. */
const BEST_FIT: Record<LifecycleState, LifecycleEventType & LifecycleEvent['type']> = {
  none: 'expired',
  incomplete: 'payment_pending',
  trialing: 'trial_started',
  active: 'paid',
  downgrading: 'downgrade_scheduled',
  cancel_pending: 'cancel_scheduled',
  past_due: 'payment_failed',
  unpaid: 'retries_exhausted',
  paused: 'paused',
  canceled: 'canceled',
};
