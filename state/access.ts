/**
 * Who may use the product: a rule over the state, not the state itself. It holds when a webhook was lost:
 * what has an end stops at its end, whether or not Stripe's word about it arrived.
 */
import { endOf, isKnownStatus } from './lifecycle.ts';
import { unreachable } from './unreachable.ts';
import type { Access, StoredSubscription } from './types.ts';

/** `period_end`: until the end of the period whose payment failed. `days`: that long after the first failure. */
export type Grace = 'period_end' | { days: number };

const DAY = 24 * 60 * 60 * 1000;

/**
 * How long a trial or a paid period outlives its end when no news came. Stripe tells of the renewal within
 * moments and repeats a webhook for three days; after that the subscription counts as unknown.
 */
export const NEWS_TOLERANCE_MS = 3 * DAY;

/** What the subscription entitles to at `now`. `until` is when that ends unless news come; null for none. */
export function accessOf(
  subscription: StoredSubscription | null,
  options: { now: number; grace: Grace },
): Access {
  if (!subscription) return none('no_subscription');
  const { facts, state } = subscription;
  if (!isKnownStatus(facts.stripeStatus)) return none('unknown_status');
  if (state === 'canceled') return none('canceled');
  const back = subscription.restriction;
  if (back && (back.until === null || back.until > options.now)) return none(back.reason);
  // Stripe keeps the status `active` while collection is paused; nothing is paid for meanwhile.
  if (facts.pauseCollection !== null) return none('collection_paused');
  switch (state) {
    case 'trialing':
      return untilNews(facts.trialEnd ?? facts.currentPeriodEnd, state, options.now);
    case 'active':
    case 'downgrading':
      return untilNews(facts.currentPeriodEnd, state, options.now);
    case 'cancel_pending': {
      const end = endOf(facts);
      return end !== null && end <= options.now ? none('canceled') : full(end, state);
    }
    case 'past_due':
      return graceOf(subscription, options);
    case 'none':
      return none('no_subscription');
    case 'incomplete':
    case 'unpaid':
    case 'paused':
      return none(state);
  }
  return unreachable(state);
}

/** Whether access is given at all, in full or by grace. */
export function isActive(access: Access): boolean {
  return access.level !== 'none';
}

function untilNews(end: number | null, reason: string, now: number): Access {
  if (end === null || end > now) return full(end, reason);
  const last = end + NEWS_TOLERANCE_MS;
  return last > now ? full(last, 'awaiting_renewal') : none('period_over');
}

function graceOf(
  subscription: StoredSubscription,
  { now, grace }: { now: number; grace: Grace },
): Access {
  const since = subscription.pastDueSince ?? subscription.since;
  const { currentPeriodStart, currentPeriodEnd } = subscription.facts;
  let end: number | null;
  if (grace !== 'period_end') {
    end = since + grace.days * DAY;
  } else if (currentPeriodStart !== null && since < currentPeriodStart) {
    // Stripe goes on to new periods while it is past due; the one whose payment failed is over.
    end = currentPeriodStart;
  } else {
    end = currentPeriodEnd;
  }
  if (end === null || end <= now) return none('past_due');
  return { level: 'grace', until: end, reason: 'past_due' };
}

function full(until: number | null, reason: string): Access {
  return { level: 'full', until, reason };
}

function none(reason: string): Access {
  return { level: 'none', until: null, reason };
}
