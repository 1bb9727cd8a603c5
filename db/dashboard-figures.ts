import { machineArrows, type Arrow } from '../state/machine.ts';
import { dayOf, figureNames, type DailyFigure, type Figure } from '../state/metrics.ts';
import {
  additionsTo,
  addToCounters,
  DAILY_FIGURES,
  shardOf,
  type Additions,
  type ArrowTraffic,
} from './counters.ts';
import { insertRows, type Value } from './columns.ts';
import type { Db } from './database.ts';
import { revenueMoves, type RevenueLines } from '../state/metrics.ts';
import type { MrrChange } from '../state/mrr-movements.ts';
import type {
  LifecycleEventType,
  LifecycleState,
  StoredSubscription,
  Transition,
} from '../state/types.ts';

/** Beside the figures, the traffic of each arrow by day: weeks of hourly counts are too many to sum. */
type ArrowFigure = `arrow:${LifecycleState}>${LifecycleState}>${LifecycleEventType}`;

const arrowFigure = ({ from, to, event }: Pick<Arrow, 'from' | 'to' | 'event'>): ArrowFigure =>
  `arrow:${from}>${to}>${event}`;

export interface FigureChange {
  /** Business time; the UTC day counts. */
  at: number;
  figure: Figure | ArrowFigure;
  /** Lower case; empty for figures that are not money. */
  currency: string;
  /** Spreads concurrent commits over rows: the first one's of a commit. */
  subscriptionId: string;
  value: number;
}

/** What saved changes and the new lines of the history add to the figures. */
export function figuresOf(
  changes: readonly {
    before: StoredSubscription | null;
    next: StoredSubscription;
    lines: readonly { cause: { at: number } }[];
    revenue?: RevenueLines;
    at?: number;
  }[],
  lines: readonly (Transition & {
    subscriptionId: string;
    occurredAt: number;
    /** -1 takes back what a line had added. */
    count?: number;
  })[],
): FigureChange[] {
  return [
    ...changes.flatMap(revenueFigures),
    ...lines.flatMap((line): FigureChange[] => {
      const { subscriptionId, occurredAt, count: value = 1 } = line;
      const figure = figureOfLine(line);
      const arrow = arrowFigure(line);
      return [
        { at: occurredAt, figure: arrow, currency: '', subscriptionId, value },
        ...(figure ? [{ at: occurredAt, figure, currency: '', subscriptionId, value }] : []),
      ];
    }),
  ];
}

/** What the lines tell of revenue, on their days; and what no line tells of, when it was seen. */
function revenueFigures(change: Parameters<typeof figuresOf>[0][number]): FigureChange[] {
  const { before, next, lines, revenue } = change;
  const told = revenue ? revenueMoves(revenue) : [];
  const at = change.at ?? Math.max(...lines.map((line) => line.cause.at), next.since);
  const sumOf = (figure: 'mrr' | 'paying' | 'churned') =>
    told.reduce((sum, each) => sum + each[figure], 0);
  const [earned, earns] = [before?.mrr ?? 0, next.mrr];
  const hasLeft = Number(earned > 0 && next.state === 'canceled');
  const rest = {
    at,
    mrr: earns - earned - sumOf('mrr'),
    paying: Number(earns > 0) - Number(earned > 0) - sumOf('paying'),
    churned: Math.max(0, hasLeft - sumOf('churned')),
  };
  const { id: subscriptionId, facts } = next;
  return [...told, rest].flatMap((each): FigureChange[] => {
    const { mrr, paying, churned } = each;
    return [
      { at: each.at, figure: 'mrr', currency: facts.currency, subscriptionId, value: mrr },
      { at: each.at, figure: 'paying', currency: '', subscriptionId, value: paying },
      { at: each.at, figure: 'churned', currency: '', subscriptionId, value: churned },
    ];
  });
}

function figureOfLine({ from, to, event }: Transition): Figure | null {
  if (to === 'past_due' && from !== 'past_due') return 'payment_failed';
  if (event === 'payment_succeeded') return 'recovered';
  return null;
}

/** What changes add to the figures, all of it in one shard. */
export function addedFigures(changes: readonly FigureChange[], shard: number): Additions {
  return additionsTo(
    DAILY_FIGURES,
    changes.map(({ at, figure, currency, value }) => ({
      day_at: dayOf(at),
      figure,
      currency,
      shard,
      value,
    })),
  );
}

/** Adds to figures, in the transaction that causes them; one statement. */
export async function addFigures(db: Db, changes: readonly FigureChange[]): Promise<void> {
  const shard = shardOf(db, changes[0]?.subscriptionId ?? '');
  await addToCounters(db, [addedFigures(changes, shard)]);
}

/** Keeps them, in the transaction that makes them; append-only. */
export async function addMrrChanges(db: Db, changes: readonly MrrChange[]): Promise<void> {
  if (changes.length === 0) return;
  const rows = changes.map((each): Record<keyof typeof MRR_COLUMNS, Value> => ({
    account_id: each.accountId,
    subscription_id: each.subscriptionId,
    at: each.at,
    currency: each.currency,
    plan: each.plan,
    plan_before: each.planBefore,
    mrr_before: each.before,
    mrr_after: each.after,
  }));
  await insertRows(db, 'mrr_changes', { columns: MRR_COLUMNS, rows });
}

const MRR_COLUMNS = {
  account_id: 'text',
  subscription_id: 'text',
  at: 'bigint',
  currency: 'text',
  plan: 'text',
  plan_before: 'text',
  mrr_before: 'bigint',
  mrr_after: 'bigint',
} as const;

/** The figures of each day since a moment, and under day 0 the levels before it. */
export async function figuresSince(db: Db, since: number): Promise<DailyFigure[]> {
  const from = dayOf(since);
  const sums = (figures: readonly Figure[]) =>
    db('daily_figures').sum({ value: 'value' }).whereIn('figure', figures);
  const days: DailyFigure[] = await sums(figureNames())
    .select({ day: 'day_at', figure: 'figure', currency: 'currency' })
    .where('day_at', '>=', from)
    .groupBy('day_at', 'figure', 'currency');
  const before: Omit<DailyFigure, 'day'>[] = await sums(figureNames('level'))
    .select({ figure: 'figure', currency: 'currency' })
    .where('day_at', '<', from)
    .groupBy('figure', 'currency');
  return [...before.map((row) => ({ ...row, day: 0 })), ...days];
}

/** How many times each arrow of the machine was taken since a moment, in whole days. */
export async function arrowTrafficByDay(db: Db, since: number): Promise<ArrowTraffic[]> {
  const arrows = machineArrows();
  const rows: { figure: string; count: number }[] = await db('daily_figures')
    .sum({ count: 'value' })
    .select('figure')
    .whereIn('figure', arrows.map(arrowFigure))
    .where('day_at', '>=', dayOf(since))
    .groupBy('figure');
  const counts = new Map(rows.map((row) => [row.figure, row.count]));
  return arrows.flatMap((arrow) => {
    const count = counts.get(arrowFigure(arrow));
    const { from, to, event } = arrow;
    return count === undefined ? [] : [{ from, to, event, count }];
  });
}
