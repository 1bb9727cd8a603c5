/**
 * The figures of a subscription business, from what each day added to them. Days are UTC, by business time; the sums
 * are kept beside the history (`daily_figures`), because a million subscriptions cannot be counted at each look.
 */
import type { Catalogue } from './catalogue.ts';
import { mrrOf } from './plan-change.ts';
import type { LifecycleState, SubscriptionFacts } from './types.ts';

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

/** The trials that began in one month, and what has become of them. */
export interface TrialCohort {
  /** `2026-11` (UTC). */
  month: string;
  started: number;
  converted: number;
  lost: number;
  /** Still running. */
  open: number;
  /** Converted of those that ended; null while none has. */
  conversion: number | null;
}

/** Trials by the month they began in, oldest first; months without any are left out. */
export function trialCohorts(figures: Figures): TrialCohort[] {
  const months = new Map<string, { started: number; converted: number; lost: number }>();
  for (const { day, figure, value } of figures) {
    if (day === 0 || !isTrialFigure(figure)) continue;
    const month = new Date(day).toISOString().slice(0, 7);
    const cohort = months.get(month) ?? { started: 0, converted: 0, lost: 0 };
    cohort[TRIAL_FIELDS[figure]] += value;
    months.set(month, cohort);
  }
  return [...months]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([month, { started, converted, lost }]) => ({
      month,
      started,
      converted,
      lost,
      open: started - converted - lost,
      conversion: share(converted, converted + lost),
    }));
}

const TRIAL_FIELDS = {
  trial_started: 'started',
  trial_converted: 'converted',
  trial_lost: 'lost',
} as const;

function isTrialFigure(figure: Figure): figure is keyof typeof TRIAL_FIELDS {
  return figure in TRIAL_FIELDS;
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
