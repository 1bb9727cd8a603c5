/** Which state of the lifecycle a Stripe subscription is in. */
import type { Catalogue } from './catalogue.ts';
import { isScheduledDowngrade, planItem } from './plan-change.ts';
import { firstPeriodEnd } from './plan-period.ts';
import { stripeStatus } from './states.ts';
import type { LifecycleState, SubscriptionFacts, SubscriptionStatus } from './types.ts';

/**
 * The state that the facts stand for. A status that Stripe may add later keeps the `previous` state and is
 * returned as `unknownStatus`; the access rule refuses it. A pause of collection leaves the state as it is.
 */
export function lifecycleOf(
  facts: SubscriptionFacts,
  context: { catalogue: Catalogue; previous: LifecycleState },
): { state: LifecycleState; unknownStatus?: string } {
  switch (facts.stripeStatus) {
    case 'canceled':
    case 'incomplete_expired':
      return { state: 'canceled' };
    case 'past_due':
      return { state: stoppedForDebt(facts) === null ? 'past_due' : 'unpaid' };
    case 'incomplete':
    case 'unpaid':
    case 'paused':
      return { state: facts.stripeStatus };
    case 'trialing':
      return { state: endsWithPeriod(context.catalogue, facts) ? 'cancel_pending' : 'trialing' };
    case 'active':
      if (endsWithPeriod(context.catalogue, facts)) return { state: 'cancel_pending' };
      return { state: isScheduledDowngrade(context.catalogue, facts) ? 'downgrading' : 'active' };
    default:
      return { state: context.previous, unknownStatus: facts.stripeStatus };
  }
}

/** Metadata of a subscription whose collection the end of dunning stopped: the invoice that was not paid. */
export const UNPAID_MARK = 'tenure_unpaid';

/**
 * The unpaid invoice for which we stopped collection: Stripe gives the status `unpaid` by its own settings alone. Null for
 * a pause that was asked for.
 */
export function stoppedForDebt(
  facts: Pick<SubscriptionFacts, 'pauseCollection' | 'metadata'>,
): string | null {
  return facts.pauseCollection === null ? null : facts.metadata[UNPAID_MARK] || null;
}

/** Whether an end is set. Flexible billing and the portal set `cancel_at` alone, so both are asked. */
export function endsByItself(facts: SubscriptionFacts): boolean {
  return facts.cancelAt !== null || facts.cancelAtPeriodEnd;
}

/** Whether it ends with the plan's present period. An end that is agreed for a later one changes nothing until then. */
export function endsWithPeriod(catalogue: Catalogue, facts: SubscriptionFacts): boolean {
  if (!endsByItself(facts)) return false;
  const period = planItem(catalogue, facts)?.periodEnd ?? facts.currentPeriodEnd;
  return facts.cancelAt === null || period === null || facts.cancelAt <= period + END_TOLERANCE_MS;
}

/** A day, chosen by hand in the Dashboard, is not the very second of a renewal. */
const END_TOLERANCE_MS = 24 * 60 * 60 * 1000;

/** Whether its end was set in an earlier period: it was agreed, and is not for the customer alone to take back. */
export function isAgreedEnd({
  cancelAt,
  canceledAt,
  currentPeriodStart,
}: SubscriptionFacts): boolean {
  if (cancelAt === null || canceledAt === null || currentPeriodStart === null) return false;
  return canceledAt < currentPeriodStart;
}

/** When it ends by itself; null when no end is set (or Stripe did not say when the period ends). */
export function endOf(facts: SubscriptionFacts): number | null {
  if (facts.cancelAt !== null) return facts.cancelAt;
  // Stripe ends it with the item that ends first, whichever carries the plan.
  return facts.cancelAtPeriodEnd ? (firstPeriodEnd(facts) ?? facts.currentPeriodEnd) : null;
}

/** Whether Stripe's status is one that this program knows the meaning of. */
export function isKnownStatus(name: string): boolean {
  return stripeStatus(name) !== null;
}

/** The status to store for a state. */
export function statusOf(state: LifecycleState): SubscriptionStatus {
  if (state === 'downgrading') return 'active';
  // Only a first sight with an unknown status is stored in `none`; `incomplete` gives no access either.
  return state === 'none' ? 'incomplete' : state;
}
