/**
 * Who may use the product: a rule over the state, not the state itself. It holds when a webhook was lost:
 * what has an end stops at its end, whether or not Stripe's word about it arrived. A period gives access while
 * it is paid, or nothing is due yet, or a grace lasts that ends by time.
 */
import { endOf, isKnownStatus, stoppedForDebt } from './lifecycle.ts';
import { planPeriodIsPaid } from './plan-period.ts';
import { unreachable } from './unreachable.ts';
import type { Access, Restriction, StoredSubscription, SubscriptionFacts } from './types.ts';

/**
 * `period_end`: until the end of the period whose payment failed, and never longer than `GRACE_MAX_DAYS`.
 * `days`: that long after the first failure. `maxDays`: `period_end` with another bound.
 */
export type Grace = 'period_end' | { days: number } | { maxDays: number };

/** The bound of `period_end` in days: the end of a year would be a year for nothing. */
export const GRACE_MAX_DAYS = 14;

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
  if (back && holds(back, facts, options.now)) return none(back.reason);
  // Stripe keeps the status `active` while collection is paused; nothing is paid for meanwhile.
  if (facts.pauseCollection !== null && stoppedForDebt(facts) === null) {
    return none('collection_paused');
  }
  if (isNothingBought(facts)) return none('no_quantity');
  const end = endOf(facts);
  if (end !== null && end <= options.now) return none(state === 'paused' ? state : 'canceled');
  switch (state) {
    case 'trialing':
      return untilNews(facts.trialEnd ?? facts.currentPeriodEnd, state, options.now);
    case 'active':
    case 'downgrading':
      return (
        whileUnpaid(subscription, options) ?? untilNews(facts.currentPeriodEnd, state, options.now)
      );
    case 'cancel_pending':
      return whileUnpaid(subscription, options) ?? full(end, state);
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

/** Whether a restriction holds: not after the period that was refunded, nor in one that was bought since and ends later. */
export function holds(
  { until }: Restriction,
  { currentPeriodEnd }: SubscriptionFacts,
  now: number,
) {
  return until === null || (until > now && (currentPeriodEnd ?? 0) <= until);
}

/** Whether access is given at all, in full or by grace. */
export function isActive(access: Access): boolean {
  return access.level !== 'none';
}

/** Whether the plan's present period has an invoice that will not be paid any more: void, or given up. */
export function isPeriodLost(facts: SubscriptionFacts): boolean {
  const { planInvoice, currentPeriodEnd } = facts;
  if (!planInvoice || currentPeriodEnd === null || planInvoice.periodEnd < currentPeriodEnd) {
    return false;
  }
  return planInvoice.status === 'void' || planInvoice.status === 'uncollectible';
}

/** The moment from which nothing excuses an unpaid past-due subscription any more. */
export function graceEnd(subscription: StoredSubscription, grace: Grace): number | null {
  const since = subscription.pastDueSince ?? subscription.since;
  if (grace !== 'period_end' && 'days' in grace) return since + grace.days * DAY;
  const latest = since + maxDays(grace) * DAY;
  const { currentPeriodStart, currentPeriodEnd } = subscription.facts;
  // Stripe goes on to new periods while it is past due; the one whose payment failed is over.
  const isOver = currentPeriodStart !== null && since < currentPeriodStart;
  const end = isOver ? currentPeriodStart : currentPeriodEnd;
  return end === null ? latest : Math.min(end, latest);
}

/**
 * Stripe calls it active while the period's invoice is a draft, is open (a bank debit takes days, a sent invoice has a
 * date on which it is due), is void or was given up. Null when nothing is known against the period.
 */
function whileUnpaid(
  { facts, state }: StoredSubscription,
  { now, grace }: { now: number; grace: Grace },
): Access | null {
  const { planInvoice, currentPeriodEnd, currentPeriodStart } = facts;
  if (isPeriodLost(facts)) return none('period_unpaid');
  if (!planInvoice || currentPeriodEnd === null || planInvoice.periodEnd < currentPeriodEnd) {
    return null;
  }
  const { status, dueAt, createdAt } = planInvoice;
  if (status !== 'draft' && status !== 'open') return null;
  const from = dueAt ?? createdAt ?? currentPeriodStart;
  if (from === null) return null;
  const days = grace !== 'period_end' && 'days' in grace ? GRACE_MAX_DAYS : maxDays(grace);
  const end = Math.min(currentPeriodEnd, Math.max(dueAt ?? 0, from + days * DAY));
  return end > now ? full(end, state) : none('period_unpaid');
}

function graceOf(
  subscription: StoredSubscription,
  { now, grace }: { now: number; grace: Grace },
): Access {
  const { facts } = subscription;
  const { currentPeriodEnd } = facts;
  // An invoice beside the plan failed: usage, an add-on, seats. What was paid for stays.
  if (planPeriodIsPaid(facts) && currentPeriodEnd !== null && currentPeriodEnd > now) {
    return full(currentPeriodEnd, 'past_due');
  }
  const end = graceEnd(subscription, grace);
  if (end === null || end <= now || isPeriodLost(facts)) return none('past_due');
  return { level: 'grace', until: end, reason: 'past_due' };
}

function maxDays(grace: 'period_end' | { maxDays: number }): number {
  return grace === 'period_end' ? GRACE_MAX_DAYS : grace.maxDays;
}

/** A plan of zero seats was bought for nothing. */
function isNothingBought({ items, planItemId }: SubscriptionFacts): boolean {
  const licensed = items.filter(({ metered }) => !metered);
  const plan = licensed.filter(({ id }) => planItemId === undefined || id === planItemId);
  return plan.length > 0 && plan.every(({ quantity }) => quantity === 0);
}

function untilNews(end: number | null, reason: string, now: number): Access {
  if (end === null || end > now) return full(end, reason);
  const last = end + NEWS_TOLERANCE_MS;
  return last > now ? full(last, 'awaiting_renewal') : none('period_over');
}

function full(until: number | null, reason: string): Access {
  return { level: 'full', until, reason };
}

function none(reason: string): Access {
  return { level: 'none', until: null, reason };
}
