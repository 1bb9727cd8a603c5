/** Revenue by day, from the lines of a history: a line that is dated anew takes its share with it. */
import { mrrOf } from '../plan-change.ts';
import type { LifecycleState, SubscriptionFacts } from '../types.ts';

export interface RevenueLine {
  at: number;
  to: LifecycleState;
  /** Monthly recurring revenue after it; null where it is not known: then as before. */
  mrr: number | null;
}

/** What one line changed. */
export interface RevenueChange {
  at: number;
  mrr: number;
  paying: number;
  churned: number;
}

/** The lines of one subscription as they were and as they are, and what it earned before the first of them. */
export interface RevenueLines {
  base: number;
  before: readonly RevenueLine[];
  after: readonly RevenueLine[];
}

const EARNING: ReadonlySet<LifecycleState> = new Set(['active', 'downgrading', 'past_due']);

/** What a subscription earns in a state that it only passed on its way to `facts`; null where that is not known. */
export function mrrOnTheWay(state: LifecycleState, facts: SubscriptionFacts): number | null {
  if (state === 'cancel_pending') return null;
  if (!EARNING.has(state)) return 0;
  return mrrOf({ ...facts, stripeStatus: 'active', pauseCollection: null });
}

/** What each line changed. */
export function revenueChanges(lines: readonly RevenueLine[], base: number): RevenueChange[] {
  let level = base;
  return lines.map(({ at, to, mrr }) => {
    const before = level;
    level = mrr ?? before;
    return {
      at,
      mrr: level - before,
      paying: Number(level > 0) - Number(before > 0),
      churned: Number(before > 0 && to === 'canceled'),
    };
  });
}

/** What is to be added to the figures of the days: what the lines say now, less what they said before. */
export function revenueMoves({ base, before, after }: RevenueLines): RevenueChange[] {
  const taken = revenueChanges(before, base).map(({ at, mrr, paying, churned }): RevenueChange => ({
    at,
    mrr: -mrr,
    paying: -paying,
    churned: -churned,
  }));
  return [...taken, ...revenueChanges(after, base)];
}
