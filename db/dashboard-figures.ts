import { machineArrows, type Arrow } from '../state/machine.ts';
import { dayOf, type DailyFigure, type Figure } from '../state/metrics.ts';
import { shardOf, type ArrowTraffic } from './counters.ts';
import type { Db } from './database.ts';
import type {
  LifecycleEventType,
  LifecycleState,
  StoredSubscription,
  Transition,
} from '../state/types.ts';

/** Beside the figures, the traffic of each arrow by day of recording: weeks of hourly counts are too many to sum. */
type ArrowFigure = `arrow:${LifecycleState}>${LifecycleState}>${LifecycleEventType}`;

const arrowFigure = ({ from, to, event }: Pick<Arrow, 'from' | 'to' | 'event'>): ArrowFigure =>
  `arrow:${from}>${to}>${event}`;

export interface FigureChange {
  /** Business time; the UTC day counts. */
  at: number;
  figure: Figure | ArrowFigure;
  /** Lower case; empty for figures that are not money. */
  currency: string;
  /** Spreads concurrent commits over rows. */
  subscriptionId: string;
  value: number;
}

/** What saved changes and the new lines of the history add to the figures. */
export function figuresOf(
  changes: readonly {
    before: StoredSubscription | null;
    next: StoredSubscription;
    lines: readonly { cause: { at: number } }[];
  }[],
  lines: readonly (Transition & {
    subscriptionId: string;
    occurredAt: number;
    recordedAt: number;
  })[],
): FigureChange[] {
  return [
    ...changes.flatMap(({ before, next, lines }) => {
      const at = Math.max(...lines.map((line) => line.cause.at), next.since);
      const shared = { at, currency: '', subscriptionId: next.id };
      const [earned, earns] = [before?.mrr ?? 0, next.mrr];
      return [
        ...moneyMoves(before, next, at),
        { figure: 'paying' as const, value: Number(earns > 0) - Number(earned > 0), ...shared },
        {
          figure: 'churned' as const,
          value: Number(earned > 0 && next.state === 'canceled'),
          ...shared,
        },
      ];
    }),
    ...lines.flatMap((line): FigureChange[] => {
      const { subscriptionId, occurredAt, recordedAt } = line;
      const shared = { currency: '', subscriptionId, value: 1 };
      const figure = figureOfLine(line);
      return [
        { at: recordedAt, figure: arrowFigure(line), ...shared },
        ...(figure ? [{ at: occurredAt, figure, ...shared }] : []),
      ];
    }),
  ];
}

function moneyMoves(
  before: StoredSubscription | null,
  next: StoredSubscription,
  at: number,
): FigureChange[] {
  const shared = { at, figure: 'mrr' as const, subscriptionId: next.id };
  return [
    { currency: next.facts.currency, value: next.mrr, ...shared },
    ...(before ? [{ currency: before.facts.currency, value: -before.mrr, ...shared }] : []),
  ];
}

function figureOfLine({ from, to, event }: Transition): Figure | null {
  if (to === 'past_due' && from !== 'past_due') return 'payment_failed';
  if (event === 'payment_succeeded') return 'recovered';
  return null;
}

/** Adds to figures, in the transaction that causes them; one statement. */
export async function addFigures(db: Db, changes: readonly FigureChange[]): Promise<void> {
  const rows = new Map<string, Record<string, string | number>>();
  for (const { at, figure, currency, subscriptionId, value } of changes) {
    if (value === 0) continue;
    const shard = shardOf(db, subscriptionId);
    const key = [dayOf(at), figure, currency, shard].join(' ');
    const sum = Number(rows.get(key)?.['value'] ?? 0) + value;
    rows.set(key, { day_at: dayOf(at), figure, currency, shard, value: sum });
  }
  if (rows.size === 0) return;
  // In one fixed order, so that two transactions cannot lock each other out.
  const ordered = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  await db('daily_figures')
    .insert(ordered)
    .onConflict(['day_at', 'figure', 'currency', 'shard'])
    .merge({ value: db.raw('daily_figures.value + excluded.value') });
}

const FIGURES: readonly Figure[] = [
  'mrr',
  'paying',
  'churned',
  'payment_failed',
  'recovered',
  'trial_started',
  'trial_converted',
  'trial_lost',
];

/** Those that are changes: their level needs what was before. */
const LEVELS: readonly Figure[] = ['mrr', 'paying'];

/** The figures of each day since a moment, and under day 0 the sums of `mrr` and `paying` before it. */
export async function figuresSince(db: Db, since: number): Promise<DailyFigure[]> {
  const from = dayOf(since);
  const sums = (figures: readonly Figure[]) =>
    db('daily_figures').sum({ value: 'value' }).whereIn('figure', figures);
  const days: DailyFigure[] = await sums(FIGURES)
    .select({ day: 'day_at', figure: 'figure', currency: 'currency' })
    .where('day_at', '>=', from)
    .groupBy('day_at', 'figure', 'currency');
  const before: Omit<DailyFigure, 'day'>[] = await sums(LEVELS)
    .select({ figure: 'figure', currency: 'currency' })
    .where('day_at', '<', from)
    .groupBy('figure', 'currency');
  return [...before.map((row) => ({ ...row, day: 0 })), ...days];
}

/** How many times each arrow of the machine was taken since a moment, in whole days of recording. */
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
