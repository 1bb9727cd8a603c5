/**
 * What other rules would have done to a recorded history: grace, attempts, what follows the last one, disputes. Payments are
 * as they were; what no payment was tried for is not guessed.
 */
import { GRACE_MAX_DAYS, type Grace } from './access.ts';
import type { HistoryLine } from './history/lines.ts';
import { isAdverse, type MoneyReturn, type OnDispute } from './returns.ts';
import type { ItemFacts, LifecycleState, SubscriptionFacts } from './types.ts';

export interface Policy {
  grace: Grace;
  /** Failed attempts after which the final action follows. */
  maxAttempts: number;
  finalAction: 'cancel' | 'unpaid' | 'none';
  onDispute: OnDispute;
}

/** What is recorded of one subscription. */
export interface PastSubscription {
  lines: readonly HistoryLine[];
  disputes: readonly Pick<MoneyReturn, 'kind' | 'status' | 'createdAt'>[];
  /** The end of the period that runs at a time; null when it is not known. */
  periodEndAt: (time: number) => number | null;
}

export interface Outcome {
  /** How long it would have had no access for a debt or a dispute, in ms. */
  lockedMs: number;
  /** True when a dispute would have held access back until it was won; when that was is not kept. */
  lockedUnknown: boolean;
  /** Whether it would have ended for that debt or dispute, and what it earned a month before. */
  lost: boolean;
  /** It was given up after fewer attempts than these rules make: whether one more would have been paid is not known. */
  unknown: boolean;
  /** Monthly revenue at stake, in minor units. */
  mrr: number;
}

/** One run of failed payments, until it was paid or over. */
interface Debt {
  since: number;
  /** When each attempt failed. */
  failures: number[];
  /** Null while it goes on. */
  endedAt: number | null;
  paid: boolean;
  /** The final action followed, after fewer attempts than other rules may make. */
  exhausted: boolean;
  mrr: number;
}

const DAY = 86_400_000;
const FAILING: ReadonlySet<LifecycleState> = new Set(['past_due', 'unpaid']);

/** What these rules would have made of it by `now`. */
export function outcomeUnder(past: PastSubscription, policy: Policy, now: number): Outcome {
  const outcome = { lockedMs: 0, lockedUnknown: false, lost: false, unknown: false, mrr: 0 };
  for (const debt of debtsOf(past.lines)) {
    const { lockedFrom, lost, unknown } = ofDebt(debt, policy, past);
    const end = debt.endedAt ?? now;
    if (lockedFrom < end) outcome.lockedMs += end - lockedFrom;
    if (unknown) outcome.unknown = true;
    if (lost || unknown) outcome.mrr = debt.mrr;
    if (lost) return { ...outcome, lost };
  }
  return withDisputes(outcome, past, { policy, now });
}

function ofDebt(debt: Debt, policy: Policy, { periodEndAt }: PastSubscription) {
  const { since, failures, paid, exhausted } = debt;
  const { finalAction } = policy;
  const last = finalAction === 'none' ? undefined : failures[policy.maxAttempts - 1];
  const grace = graceEnd(since, policy.grace, periodEndAt(since));
  if (last !== undefined) {
    const lost = finalAction === 'cancel' || !paid;
    return { lockedFrom: Math.min(grace, last), lost, unknown: false };
  }
  return { lockedFrom: grace, lost: false, unknown: exhausted && !paid };
}

function graceEnd(since: number, grace: Grace, periodEnd: number | null): number {
  if (grace !== 'period_end' && 'days' in grace) return since + grace.days * DAY;
  const most = grace === 'period_end' ? GRACE_MAX_DAYS : grace.maxDays;
  return Math.min(since + most * DAY, periodEnd ?? Infinity);
}

function withDisputes(
  outcome: Outcome,
  { lines, disputes }: PastSubscription,
  { policy, now }: { policy: Policy; now: number },
): Outcome {
  if (policy.onDispute === 'keep') return outcome;
  const result = { ...outcome };
  for (const dispute of disputes) {
    const wasWon = dispute.status === 'won';
    if (!isAdverse(dispute) && !wasWon) continue;
    const before = lines.findLast(({ at }) => at <= dispute.createdAt);
    if (!before || before.to === 'canceled') continue;
    const over = lines.find(({ at, to }) => at > dispute.createdAt && to === 'canceled');
    if (policy.onDispute === 'cancel' || dispute.status === 'lost') {
      const mrr = earnedAt(lines, lines.indexOf(before));
      return { ...result, lost: true, mrr };
    }
    if (wasWon) result.lockedUnknown = true;
    else result.lockedMs += (over?.at ?? now) - dispute.createdAt;
  }
  return result;
}

/** The runs of failed payments of a history. */
function debtsOf(lines: readonly HistoryLine[]): Debt[] {
  const debts: Debt[] = [];
  let open: Debt | null = null;
  for (const [i, { from = 'none', to, event, at }] of lines.entries()) {
    if (open === null && FAILING.has(to)) {
      open = { since: at, failures: [at], endedAt: null, paid: false, exhausted: false, mrr: 0 };
      open.mrr = earnedAt(lines, i);
      debts.push(open);
    } else if (open !== null) {
      if (event === 'payment_failed' || event === 'retries_exhausted') open.failures.push(at);
      if (event === 'retries_exhausted') open.exhausted = true;
      if (FAILING.has(to)) continue;
      open.endedAt = at;
      open.paid = FAILING.has(from) && to !== 'canceled';
      open = null;
    }
  }
  return debts;
}

/** What it earned a month at a line or, where that is not known or nothing any more, before it. */
function earnedAt(lines: readonly HistoryLine[], index: number): number {
  const known = lines.slice(0, index + 1).findLast(({ mrr }) => (mrr ?? 0) > 0);
  return known?.mrr ?? 0;
}

export interface Totals {
  lockedOut: number;
  lockedMs: number;
  lockedUnknown: number;
  lost: number;
  unknown: number;
  /** By currency. */
  lostMrr: Record<string, number>;
  unknownMrr: Record<string, number>;
}

export const noTotals = (): Totals => ({
  lockedOut: 0,
  lockedMs: 0,
  lockedUnknown: 0,
  lost: 0,
  unknown: 0,
  lostMrr: {},
  unknownMrr: {},
});

/** Adds one subscription's outcome. */
export function addOutcome(totals: Totals, outcome: Outcome, currency: string): void {
  const { lockedMs, lockedUnknown, lost, unknown, mrr } = outcome;
  totals.lockedMs += lockedMs;
  if (lockedMs > 0) totals.lockedOut += 1;
  if (lockedUnknown) totals.lockedUnknown += 1;
  if (lost) {
    totals.lost += 1;
    totals.lostMrr[currency] = (totals.lostMrr[currency] ?? 0) + mrr;
  } else if (unknown) {
    totals.unknown += 1;
    totals.unknownMrr[currency] = (totals.unknownMrr[currency] ?? 0) + mrr;
  }
}

/**
 * The end of the period that ran at a time, counted back from that of the present one; null when it is not known. Where the
 * interval was changed since, it is an estimate.
 */
export function periodEndAt(facts: SubscriptionFacts, time: number): number | null {
  const { currentPeriodEnd: present, items, planItemId } = facts;
  const item = items.find(({ id }) => id === planItemId) ?? items[0];
  if (!item || present === null) return null;
  let end: number | null = null;
  for (let periods = 0; periods < MAX_PERIODS; periods += 1) {
    const before = back(present, item, periods);
    if (before <= time) return end;
    end = before;
  }
  return null;
}

/** Ten years of weeks. */
const MAX_PERIODS = 520;
const DAYS = { day: 1, week: 7 } as const;

function back(end: number, { interval, intervalCount }: ItemFacts, periods: number): number {
  const count = periods * intervalCount;
  if (interval === 'day' || interval === 'week') return end - count * DAYS[interval] * DAY;
  const date = new Date(end);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() - count * (interval === 'year' ? 12 : 1));
  const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, length));
  return date.getTime();
}
