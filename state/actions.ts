/** What a user may ask for in a state: read from the machine. */
import { isPeriodLost } from './access.ts';
import { isAgreedEnd, stoppedForDebt } from './lifecycle.ts';
import { allowedEvents } from './machine.ts';
import type { Access, Action, LifecycleEventType, StoredSubscription } from './types.ts';

/** The events that an action would cause; it is allowed where the machine allows one of them. */
const EVENTS_OF: Record<Action, readonly [LifecycleEventType, ...LifecycleEventType[]]> = {
  checkout: ['trial_started', 'reactivated'],
  change: ['upgraded', 'downgrade_scheduled'],
  quantity: ['upgraded', 'downgrade_scheduled'],
  cancel: ['cancel_scheduled', 'canceled'],
  resume: ['cancel_undone', 'downgrade_undone', 'resumed'],
  pause: ['paused'],
  reactivate: ['reactivated'],
  update_payment_method: ['paid', 'payment_failed', 'payment_succeeded', 'resumed'],
};

const ACTIONS: readonly Action[] = [
  'checkout',
  'change',
  'quantity',
  'cancel',
  'resume',
  'pause',
  'reactivate',
  'update_payment_method',
];

/**
 * The actions that make sense for a subscription (null: for an account without one). With `accessNow`, an end
 * that has passed although Stripe's word about it is missing is not offered to be undone.
 */
export function allowedActions(
  subscription: StoredSubscription | null,
  context: { accessNow?: Access } = {},
): Action[] {
  const state = subscription?.state ?? 'none';
  const events = allowedEvents(state);
  // What was stopped for a debt goes on when that is paid, not when asked.
  const collectionPaused =
    (subscription?.facts.pauseCollection ?? null) !== null &&
    subscription !== null &&
    stoppedForDebt(subscription.facts) === null;
  return ACTIONS.filter((action) => {
    if (action === 'update_payment_method' && state === 'none') return false;
    // Collection goes on when the dispute is won, not when the customer asks.
    if (action === 'resume' && subscription?.restriction?.reason === 'disputed') return false;
    if (collectionPaused && action === 'pause') return false;
    // Its invoice would be void: a bigger plan for nothing.
    if (collectionPaused && (action === 'change' || action === 'quantity')) return false;
    if (collectionPaused && action === 'resume' && state !== 'canceled') return true;
    // What a pause left unpaid is bought again with a new period.
    if (
      action === 'resume' &&
      state === 'active' &&
      subscription &&
      isPeriodLost(subscription.facts)
    )
      return true;
    if (
      action === 'resume' &&
      state === 'cancel_pending' &&
      subscription &&
      isAgreedEnd(subscription.facts)
    ) {
      return false;
    }
    if (action === 'resume' && state === 'cancel_pending' && context.accessNow?.level === 'none') {
      return collectionPaused;
    }
    return EVENTS_OF[action].some((event) => events.includes(event));
  });
}

/** Whether a subscription may be canceled at that time: at once, or at the end of its period. */
export function mayCancel(subscription: StoredSubscription, when: 'now' | 'period_end'): boolean {
  const event: LifecycleEventType = when === 'now' ? 'canceled' : 'cancel_scheduled';
  return allowedEvents(subscription.state).includes(event);
}
