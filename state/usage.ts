/** Rules of usage: what may be recorded, which window it falls in, and when Stripe is told it happened. */
import { addsUp, type Aggregation } from './aggregation.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Stripe takes meter events of the last 35 days; one day is kept for delivery. */
export const OLDEST_USAGE_MS = 34 * DAY;
/** Stripe takes meter events up to five minutes ahead; clocks differ by less. */
export const NEWEST_USAGE_MS = 5 * MINUTE;
/** A renewal invoice is a draft for an hour; usage must be at Stripe before its end. */
export const DRAFT_MS = HOUR;
/** How long before the draft becomes final a closed period still takes usage: delivery needs some of the hour. */
const DELIVERY_MARGIN_MS = 10 * MINUTE;
/** One record's largest quantity: a window sums up to what a JSON number holds exactly. */
export const LARGEST_QUANTITY = 1_000_000_000;

export type UsageRefusal =
  | 'negative_quantity'
  | 'quantity_too_large'
  | 'not_a_whole_number'
  | 'counts_as_one'
  | 'too_old'
  | 'in_future'
  | 'before_subscription'
  | 'period_closed';

/** Where the billing periods of an account begin and end, in ms. */
export interface BillingPeriods {
  /** Starts and ends of the periods that are known, ascending. */
  boundaries: readonly number[];
  /** When the oldest living subscription began; null without one. */
  since: number | null;
  /** When they were trials: what was used then is free, however late it comes. In ms. */
  trials?: readonly { from: number; until: number }[];
}

/** Why usage of this quantity at this time cannot be taken; null when it can. */
export function refuseUsage(
  usage: { quantity: number; at: number; aggregation?: Aggregation },
  context: BillingPeriods & { now: number },
): UsageRefusal | null {
  const { quantity, at } = usage;
  if (!Number.isInteger(quantity)) return 'not_a_whole_number';
  if (quantity < 0) return 'negative_quantity';
  if (quantity > LARGEST_QUANTITY) return 'quantity_too_large';
  if (usage.aggregation === 'count' && quantity > 1) return 'counts_as_one';
  if (at > context.now + NEWEST_USAGE_MS) return 'in_future';
  if (at < context.now - OLDEST_USAGE_MS) return 'too_old';
  if (context.since !== null && at < context.since) return 'before_subscription';
  const closedAt = periodAfter(at, context.boundaries);
  if (closedAt !== null && context.now > closedAt + DRAFT_MS - DELIVERY_MARGIN_MS) {
    return 'period_closed';
  }
  return null;
}

/** What each refusal means, for the sender. */
export const USAGE_REFUSAL_WORDS: Readonly<Record<UsageRefusal, string>> = {
  negative_quantity: 'Usage is never negative; a correction takes some back.',
  quantity_too_large: `One record holds at most ${LARGEST_QUANTITY}; use a bigger unit, or several records.`,
  not_a_whole_number: 'Quantities are whole numbers; use a smaller unit.',
  counts_as_one: 'This meter counts records, each as one: leave the quantity out.',
  too_old: 'Usage is taken for 34 days; Stripe does not accept it any later.',
  in_future: 'The timestamp is more than five minutes ahead; check the clock of the sender.',
  before_subscription: 'The subscription began later; no invoice covers that time.',
  period_closed:
    'The invoice of that period is final. Report it with a timestamp of the present period to bill it with that.',
};

/**
 * The start of the window that usage belongs to: a UTC day, cut where a billing period begins. All usage of a
 * customer, meter and window becomes one meter event. `boundaries` are starts and ends of known periods, in ms. Where one
 * number stands for the period, the period is the window, and its events go one after another.
 */
export function windowOf(
  at: number,
  boundaries: readonly number[],
  aggregation: Aggregation = 'sum',
): number {
  const begun = boundaries.filter((boundary) => boundary <= at);
  if (!addsUp(aggregation) && begun.length > 0) return Math.max(...begun);
  return Math.max(Math.floor(at / DAY) * DAY, ...begun);
}

/** The end of the period that `at` lies in, if that is over or planned; null when no later boundary is known. */
function periodAfter(at: number, boundaries: readonly number[]): number | null {
  const later = boundaries.filter((boundary) => boundary > at);
  return later.length > 0 ? Math.min(...later) : null;
}

/**
 * The time that Stripe is told, in seconds. Normally that of the last usage in the window. Usage that was taken
 * in time but could not be delivered before its invoice became final moves to the start of the present period, so
 * that it is billed with the next invoice instead of never; usage of a trial stays there, where it is free. The latest or
 * highest number of a period says nothing of the next one: it stays where it was.
 */
export function meterTimestamp(
  window: { lastAt: number; aggregation?: Aggregation },
  context: BillingPeriods & { now: number },
): { seconds: number; carriedOver: boolean } {
  const own = Math.floor(window.lastAt / 1000);
  // What was used before this subscription is none of its business, however it came to be late.
  const foreign = context.since !== null && window.lastAt < context.since;
  const free = context.trials?.some(
    ({ from, until }) => from <= window.lastAt && window.lastAt < until,
  );
  const stays = foreign || free || !addsUp(window.aggregation ?? 'sum');
  const end = stays ? null : periodAfter(window.lastAt, context.boundaries);
  // Within the draft's last moments it is unknown which side the event falls on: it goes where it counts in any case.
  if (end === null || context.now < end + DRAFT_MS - MINUTE) {
    return { seconds: beforeNow(own, context), carriedOver: false };
  }
  const begun = context.boundaries.filter((boundary) => boundary <= context.now);
  return { seconds: Math.ceil(Math.max(...begun) / 1000), carriedOver: true };
}

/**
 * An invoice that is made this second covers what came before it: usage of this second is told one earlier, if that is in
 * the same window.
 */
function beforeNow(seconds: number, { now, boundaries, since }: BillingPeriods & { now: number }) {
  const earlier = Math.min(seconds, Math.floor(now / 1000) - 1);
  const start = Math.max(since ?? -Infinity, windowOf(seconds * 1000, boundaries));
  return earlier * 1000 >= start ? earlier : seconds;
}
