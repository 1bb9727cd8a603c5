/**
 * The figures of a subscription business, from what each day added to them. Days are UTC, by business time; the sums
 * are kept beside the history (`daily_figures`), because a million subscriptions cannot be counted at each look.
 */
import type { Catalogue } from './catalogue.ts';
import { mrrOf } from './plan-change.ts';
import type { MrrChange } from './mrr-movements.ts';
import type { LifecycleState, StoredSubscription, SubscriptionFacts } from './types.ts';

/**
 * What is added up by day: the one list that figures are stored and read by. A `level` is kept as its changes, so their
 * sum over all days is the present value; trials are counted on the day on which they began, whatever the day of their
 * outcome.
 */
const FIGURES = {
  mrr: 'level',
  paying: 'level',
  churned: 'count',
  payment_failed: 'count',
  recovered: 'count',
  trial_started: 'count',
  trial_converted: 'count',
  trial_lost: 'count',
} as const;
export type Figure = keyof typeof FIGURES;

/** All figures, or those of a kind. */
export function figureNames(kind?: (typeof FIGURES)[Figure]): Figure[] {
  const names = Object.keys(FIGURES) as Figure[];
  return names.filter((name) => kind === undefined || FIGURES[name] === kind);
}

/** What one day added; day 0 holds what was before the days that were asked for. */
export interface DailyFigure {
  day: number;
  figure: Figure;
  /** Lower case; empty for figures that are not money. */
  currency: string;
  value: number;
}

export type Figures = readonly DailyFigure[];

const DAY = 86_400_000;

/** Midnight UTC of the day. */
export function dayOf(at: number): number {
  return Math.floor(at / DAY) * DAY;
}

/** Values by day, oldest first. `running` adds each to all before it: changes become a level. */
export function seriesOf(
  figures: Figures,
  wish: { figure: Figure; currency: string | null; now: number; days: number; running?: boolean },
): number[] {
  const first = dayOf(wish.now) - (wish.days - 1) * DAY;
  const own = figures.filter(
    (row) =>
      row.figure === wish.figure && (wish.currency === null || row.currency === wish.currency),
  );
  const values = new Map<number, number>();
  let level = 0;
  for (const { day, value } of own) {
    if (day < first) level += value;
    else values.set(day, (values.get(day) ?? 0) + value);
  }
  return Array.from({ length: wish.days }, (_, index) => {
    const value = values.get(first + index * DAY) ?? 0;
    if (!wish.running) return value;
    level += value;
    return level;
  });
}

/** A figure's sum since a moment. */
export function totalOf(figures: Figures, figure: Figure, since: number): number {
  return figures
    .filter((row) => row.figure === figure && row.day >= dayOf(since))
    .reduce((sum, row) => sum + row.value, 0);
}

/** A share as a fraction of 1; null of nothing. */
export function share(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

/** Paying subscriptions that ended, of those that were paying in the time: those that still do, and these. */
export function churnOf({ lost, paying }: { lost: number; paying: number }): number | null {
  return share(lost, paying + lost);
}

/** How the business did in the last days. */
export interface BusinessMetrics {
  days: number;
  /** Subscriptions that earn, at the end. */
  paying: number;
  churn: { lost: number; rate: number | null };
  /** Subscriptions that became past due, and those of any time that were paid after all. */
  payments: { failed: number; recovered: number };
}

/** The metrics of the last `days` days, today included. */
export function businessMetrics(
  figures: Figures,
  { now, days }: { now: number; days: number },
): BusinessMetrics {
  const since = dayOf(now) - (days - 1) * DAY;
  const level = { figure: 'paying', currency: null, now, days, running: true } as const;
  const paying = seriesOf(figures, level).at(-1) ?? 0;
  const lost = totalOf(figures, 'churned', since);
  return {
    days,
    paying,
    churn: { lost, rate: churnOf({ lost, paying }) },
    payments: {
      failed: totalOf(figures, 'payment_failed', since),
      recovered: totalOf(figures, 'recovered', since),
    },
  };
}

/* Revenue by day, from the lines of a history: a line that is dated anew takes its share with it. */

export interface RevenueLine {
  at: number;
  to: LifecycleState;
  /** Monthly recurring revenue after it; null where it is not known: then as before. */
  mrr: number | null;
  /** What that is for; null where it is not known: then as before. */
  plan: string | null;
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
export function mrrOnTheWay(
  catalogue: Catalogue,
  state: LifecycleState,
  facts: SubscriptionFacts,
): number | null {
  if (state === 'cancel_pending') return null;
  if (!EARNING.has(state)) return 0;
  if (facts.stripeStatus === 'active') return mrrOf(catalogue, facts);
  return mrrOf(catalogue, { ...facts, stripeStatus: 'active', pauseCollection: null });
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

/*
 * What a change does to what a subscription earns, dated as the history dates it. A line that is known better takes its
 * share with it: what it had said is undone by its inverse at the same moment, and said anew.
 */

interface Earning {
  mrr: number;
  plan: string | null;
}

interface Step {
  at: number;
  from: Earning;
  to: Earning;
}

export interface ChangedSubscription {
  before: StoredSubscription | null;
  next: StoredSubscription;
  lines: readonly { cause: { at: number } }[];
  revenue?: RevenueLines;
  /** When what no line tells of was seen. */
  at?: number;
}

/** The rows of `mrr_changes` that a change adds; none for most. */
export function mrrChangesOf({ before, next, ...change }: ChangedSubscription): MrrChange[] {
  const [was, is] = [earningOf(before), earningOf(next)];
  const at = change.at ?? Math.max(...change.lines.map(({ cause }) => cause.at), next.since);
  const own = {
    accountId: next.userId ?? before?.userId ?? next.customerId,
    subscriptionId: next.id,
  };
  const rowOf = (step: Step, currency: string): MrrChange => ({
    ...own,
    at: step.at,
    currency,
    plan: step.to.plan,
    planBefore: step.from.plan,
    before: step.from.mrr,
    after: step.to.mrr,
  });
  const currency = next.facts.currency;
  const former = before?.facts.currency ?? currency;
  if (former !== currency && was.mrr > 0 && is.mrr > 0) {
    const nothing = { mrr: 0, plan: is.plan };
    return [
      rowOf({ at, from: was, to: nothing }, former),
      rowOf({ at, from: { mrr: 0, plan: was.plan }, to: is }, currency),
    ];
  }
  const steps = stepsOf(change.revenue, { was, is, at });
  return steps.map((step) => rowOf(step, is.mrr > 0 || was.mrr === 0 ? currency : former));
}

function earningOf(stored: StoredSubscription | null): Earning {
  return stored === null || stored.foreign
    ? { mrr: 0, plan: null }
    : { mrr: stored.mrr, plan: stored.plan };
}

/** What the lines say now, less what they said before; and what no line tells of, when it was seen. */
function stepsOf(
  revenue: RevenueLines | undefined,
  { was, is, at }: { was: Earning; is: Earning; at: number },
): Step[] {
  if (revenue === undefined) return isChange(was, is) ? [{ at, from: was, to: is }] : [];
  const base = { mrr: revenue.base, plan: was.plan ?? is.plan };
  const told = stepsAlong(revenue.before, base);
  const tell = stepsAlong(revenue.after, base);
  const stays = common(told.steps, tell.steps);
  const undone = without(told.steps, stays).toReversed();
  const rest = isChange(tell.end, is) ? [{ at, from: tell.end, to: is }] : [];
  return [
    ...undone.map(({ from, to, ...step }) => ({ ...step, from: to, to: from })),
    ...without(tell.steps, stays),
    ...rest,
  ];
}

function stepsAlong(lines: readonly RevenueLine[], base: Earning): { steps: Step[]; end: Earning } {
  let end = base;
  const steps: Step[] = [];
  for (const { at, mrr, plan } of lines) {
    const from = end;
    end = mrr === null ? from : { mrr, plan: plan ?? from.plan };
    if (isChange(from, end)) steps.push({ at, from, to: end });
  }
  return { steps, end };
}

const isChange = (from: Earning, to: Earning): boolean =>
  from.mrr !== to.mrr || (to.mrr > 0 && from.plan !== to.plan);

const keyOf = ({ at, from, to }: Step): string =>
  JSON.stringify([at, from.mrr, from.plan, to.mrr, to.plan]);

/** How often each step is in both. */
function common(some: readonly Step[], others: readonly Step[]): Map<string, number> {
  const counted = countsOf(others);
  const both = new Map<string, number>();
  for (const [key, count] of countsOf(some)) {
    const shared = Math.min(count, counted.get(key) ?? 0);
    if (shared > 0) both.set(key, shared);
  }
  return both;
}

function countsOf(steps: readonly Step[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const step of steps) counts.set(keyOf(step), (counts.get(keyOf(step)) ?? 0) + 1);
  return counts;
}

function without(steps: readonly Step[], counts: ReadonlyMap<string, number>): Step[] {
  const left = new Map(counts);
  return steps.filter((step) => {
    const count = left.get(keyOf(step)) ?? 0;
    left.set(keyOf(step), count - 1);
    return count <= 0;
  });
}
