/** Moving a subscription from one price to another: what is to be done with it, and when. */
import { stripeStatus } from './states.ts';
import type { BillingInterval, ItemFacts, SubscriptionFacts } from './types.ts';

/** The price that everybody is moved to. */
export interface MigrationTarget {
  priceId: string;
  interval: BillingInterval;
  intervalCount: number;
  metered: boolean;
  /** What it is sold in. */
  currencies: string[];
}

export interface MigrationRule {
  from: string;
  /** Null: the price stays, only the billing mode changes. */
  to: MigrationTarget | null;
  at: 'now' | 'period_end';
  toFlexible: boolean;
}

export type MigrationStep =
  | { do: 'skip'; why: string }
  /** It is as it shall be. */
  | { do: 'nothing' }
  | { do: 'billing_mode' }
  /** A schedule that has nothing more in store only stands in the way. */
  | { do: 'release'; scheduleId: string }
  | {
      do: 'change' | 'schedule';
      item: ItemFacts;
      to: MigrationTarget;
      /** What was paid and not used comes back, what is new is charged for the rest of the period. */
      prorate: boolean;
      /** Licensed and metered are not the same item: the old one ends, a new one begins. */
      replaceItem: boolean;
      /** Another interval: a new period begins with the change. */
      restartPeriod: boolean;
    };

/** The next thing to do for one subscription, as it is now; `scheduleEndsIt`: its schedule cancels it at its end. */
export function migrationStep(
  facts: SubscriptionFacts,
  rule: MigrationRule,
  scheduleEndsIt: boolean,
): MigrationStep {
  const over = whyOver(facts);
  if (over) return { do: 'skip', why: over };
  const item = facts.items.find(({ priceId }) => priceId === rule.from);
  if (rule.toFlexible && facts.billingMode !== 'flexible') {
    if (!item) return { do: 'skip', why: 'it is not on the old price any more' };
    return inTheWay(facts, scheduleEndsIt) ?? { do: 'billing_mode' };
  }
  const { to } = rule;
  if (to === null) return { do: 'nothing' };
  if (!item) {
    const arrived = facts.items.some(({ priceId }) => priceId === to.priceId);
    return arrived ? { do: 'nothing' } : { do: 'skip', why: 'it is not on the old price any more' };
  }
  if (facts.nextPhase?.priceId === to.priceId) {
    // Planned by an earlier run; wanted sooner now.
    const { scheduleId } = facts;
    return rule.at === 'now' && scheduleId !== null
      ? { do: 'release', scheduleId }
      : { do: 'nothing' };
  }
  if (!to.currencies.includes(facts.currency)) {
    const currency = facts.currency.toUpperCase();
    return {
      do: 'skip',
      why: `it is billed in ${currency}, and the new price is not sold in that`,
    };
  }
  const obstacle = whyNotNow(facts);
  if (obstacle) return { do: 'skip', why: obstacle };
  // Who does not pay now has no period to wait for.
  const atOnce = rule.at === 'now' || isIdle(facts);
  const schedule = inTheWay(facts, scheduleEndsIt);
  // A change with the next period takes a schedule over that has nothing more in store.
  if (schedule && (schedule.do === 'skip' || atOnce)) return schedule;
  return {
    do: atOnce ? 'change' : 'schedule',
    item,
    to,
    prorate: isPaidFor(facts),
    replaceItem: item.metered !== to.metered,
    restartPeriod:
      facts.stripeStatus === 'active' &&
      (item.interval !== to.interval || item.intervalCount !== to.intervalCount),
  };
}

function whyOver(facts: SubscriptionFacts): string | null {
  if (stripeStatus(facts.stripeStatus)?.ended) return 'it has ended';
  return facts.stripeStatus === 'incomplete' ? 'its first payment is not through' : null;
}

function inTheWay(facts: SubscriptionFacts, scheduleEndsIt: boolean): MigrationStep | null {
  const { scheduleId, nextPhase } = facts;
  if (scheduleId === null) return null;
  if (nextPhase !== null || scheduleEndsIt) {
    return { do: 'skip', why: `its schedule ${scheduleId} has other plans for it` };
  }
  return { do: 'release', scheduleId };
}

function whyNotNow(facts: SubscriptionFacts): string | null {
  if (facts.pendingUpdate !== null) return 'a change of it waits for its payment';
  if (facts.cancelAt !== null || facts.cancelAtPeriodEnd) {
    const end = facts.cancelAt ?? facts.currentPeriodEnd;
    return `it ends on ${end === null ? 'its last day' : day(end)}`;
  }
  return null;
}

function isIdle(facts: SubscriptionFacts): boolean {
  return stripeStatus(facts.stripeStatus)?.idle === true;
}

/** Only what was paid can come back. An open invoice of this period would be credited without having been paid. */
function isPaidFor(facts: SubscriptionFacts): boolean {
  const open = facts.latestInvoice?.status === 'open';
  return facts.stripeStatus === 'active' && facts.pauseCollection === null && !open;
}

/**
 * The first end of a period that is not before `earliest`, in seconds. `anchor` is what Stripe counts periods
 * from: a month that has no such day ends on its last.
 */
export function periodEndFrom(
  period: {
    end: number;
    anchor: number;
    interval: BillingInterval;
    intervalCount: number;
  },
  earliest: number,
): number {
  const { end, anchor, interval, intervalCount } = period;
  if (earliest <= end) return end;
  if (interval === 'day' || interval === 'week') {
    const length = (interval === 'week' ? 7 : 1) * intervalCount * 86_400;
    return end + Math.ceil((earliest - end) / length) * length;
  }
  const months = (interval === 'year' ? 12 : 1) * intervalCount;
  for (let count = 0; ; count += months) {
    const at = addMonths(anchor, count);
    if (at > end && at >= earliest) return at;
  }
}

function addMonths(seconds: number, months: number): number {
  const from = new Date(seconds * 1000);
  const month = from.getUTCMonth() + months;
  const last = new Date(Date.UTC(from.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const whole = Date.UTC(from.getUTCFullYear(), month, Math.min(from.getUTCDate(), last));
  return whole / 1000 + (seconds % 86_400);
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
