import { returnsByDay, type DailyReturns } from '../../../../db/return-figures.ts';
import { figuresSince } from '../../../../db/dashboard-figures.ts';
import {
  churnOf,
  dayOf,
  seriesOf,
  share,
  type Figure,
  type Figures,
} from '../../../../state/metrics.ts';
import { formatMoney } from '../../../../state/money.ts';
import type { Services } from '../../../lib/services.ts';
import { count, percent } from '../../../http/pages/format.ts';
import { mrrMovements, retention } from './figures.ts';
import type { Plot, Point } from '../plots.ts';
import type { MetricsView } from '../views/others.ts';

const DAY = 86_400_000;

/** How far back the page looks, and how long one step of its charts is. */
const SPANS = {
  '30d': { words: '30 days', days: 30, step: 1 },
  '90d': { words: '90 days', days: 91, step: 7 },
  '1y': { words: '1 year', days: 364, step: 28 },
} as const;

/** Steps of several days: labels are their first days. */
interface Steps {
  now: number;
  days: number;
  step: number;
}

function points(values: readonly number[], steps: Steps, join: 'sum' | 'last'): Point[] {
  const first = dayOf(steps.now) - (steps.days - 1) * DAY;
  const all: Point[] = [];
  for (let index = 0; index < values.length; index += steps.step) {
    const part = values.slice(index, index + steps.step);
    const label = new Date(first + index * DAY).toISOString().slice(steps.days > 100 ? 0 : 5, 10);
    const value = join === 'sum' ? part.reduce((sum, each) => sum + each, 0) : (part.at(-1) ?? 0);
    all.push({ label, value });
  }
  return all;
}

/** Step by step, a figure of two series. */
function combined(
  top: Point[],
  bottom: Point[],
  rate: (part: number, whole: number) => number | null,
): Point[] {
  return top.map(({ label, value }, index) => ({
    label,
    value: value === null ? null : rate(value, bottom[index]?.value ?? 0),
  }));
}

/** What the metrics page shows, from figures that were kept day by day. */
export async function metricsView(
  services: Services,
  wish: { span: string | null; currency: string | null; cohorts: boolean },
): Promise<MetricsView> {
  const key = (
    wish.span !== null && Object.hasOwn(SPANS, wish.span) ? wish.span : '30d'
  ) as keyof typeof SPANS;
  const span = SPANS[key];
  const now = services.clock.now();
  const first = dayOf(now) - (span.days - 1) * DAY;
  const [figures, returned, movements, cohorts] = await Promise.all([
    figuresSince(services.database.knex, first),
    returnsByDay(services.database.knex, first),
    mrrMovements(services, { from: first, to: dayOf(now) + DAY }),
    wish.cohorts ? retention(services, 12) : null,
  ]);
  const currencies = [
    ...new Set(figures.flatMap((row) => (row.figure === 'mrr' ? row.currency : []))),
  ];
  const currency = currencies.find((code) => code === wish.currency) ?? currencies[0] ?? null;
  const steps = { now, days: span.days, step: span.step };
  return {
    span: key,
    spans: Object.entries(SPANS).map(([name, { words }]) => ({ key: name, words })),
    currency,
    currencies,
    plots: [
      ...plotsOf(figures, steps, currency),
      ...returnPlots(returned, { figures, steps, currency }),
    ],
    movements,
    cohorts,
  };
}

function plotsOf(figures: Figures, steps: Steps, currency: string | null): MetricsView['plots'] {
  const series = (figure: Figure, running = false, code = ''): number[] =>
    seriesOf(figures, { figure, currency: code, now: steps.now, days: steps.days, running });
  const sums = (figure: Figure): Point[] => points(series(figure), steps, 'sum');
  const started = sums('trial_started');
  const paying = points(series('paying', true), steps, 'last');
  const failed = sums('payment_failed');
  const labelTitle = steps.step === 1 ? 'Day' : `${steps.step} days from`;
  const shared = { labelTitle };
  return [
    {
      ...shared,
      title: 'Monthly recurring revenue',
      note: 'of what was earning at the end of each step',
      kind: 'line',
      points: currency === null ? [] : points(series('mrr', true, currency), steps, 'last'),
      format: (value) => formatMoney(Math.round(value), currency ?? 'usd'),
    },
    {
      ...shared,
      title: 'Paying subscriptions',
      note: 'at the end of each step',
      kind: 'line',
      points: paying,
      format: whole,
    },
    {
      ...shared,
      title: 'Trials begun',
      note: 'by the day on which they began',
      kind: 'bars',
      points: started,
      format: whole,
    },
    {
      ...shared,
      title: 'Trial conversion by cohort',
      note: 'share of the trials begun in each step that are paid for by now',
      kind: 'bars',
      points: combined(sums('trial_converted'), started, share),
      format: percent,
    },
    {
      ...shared,
      title: 'Churn',
      note: 'paying subscriptions that ended, of those at the step’s end and these',
      kind: 'bars',
      points: combined(sums('churned'), paying, (lost, still) => churnOf({ lost, paying: still })),
      format: percent,
    },
    {
      ...shared,
      title: 'Payments that failed',
      note: 'subscriptions that became past due',
      kind: 'bars',
      points: failed,
      format: whole,
    },
    {
      ...shared,
      title: 'Recovered payments',
      note: 'past due or unpaid, then paid',
      kind: 'bars',
      points: sums('recovered'),
      format: whole,
    },
  ] satisfies (Plot & { note: string })[];
}

/** What came back, on the day on which it did. A dispute stays counted when it is won: it was opened. */
function returnPlots(
  returned: readonly DailyReturns[],
  known: { figures: Figures; steps: Steps; currency: string | null },
): MetricsView['plots'] {
  const { figures, steps, currency } = known;
  const { now, days } = steps;
  const first = dayOf(now) - (days - 1) * DAY;
  const sums = (of: (row: DailyReturns) => number): Point[] => {
    const values = Array.from({ length: days }, () => 0);
    for (const row of returned) {
      const index = (row.day - first) / DAY;
      values[index] = (values[index] ?? 0) + of(row);
    }
    return points(values, steps, 'sum');
  };
  const isRefund = ({ kind, status }: DailyReturns) =>
    kind === 'refund' && status !== 'failed' && status !== 'canceled';
  const isDispute = ({ kind, status }: DailyReturns) =>
    kind === 'dispute' && !status.startsWith('warning_');
  const amounts = (is: (row: DailyReturns) => boolean): Point[] =>
    sums((row) => (is(row) && row.currency === currency ? row.amount : 0));
  const level = { figure: 'paying', currency: '', now, days, running: true } as const;
  const paying = points(seriesOf(figures, level), steps, 'last');
  const money = (value: number): string => formatMoney(Math.round(value), currency ?? 'usd');
  const shared = {
    labelTitle: steps.step === 1 ? 'Day' : `${steps.step} days from`,
    kind: 'bars',
  } as const;
  return [
    {
      ...shared,
      title: 'Refunded',
      note: 'in each step',
      points: amounts(isRefund),
      format: money,
    },
    {
      ...shared,
      title: 'Disputed',
      note: 'by disputes that were opened, whatever became of them',
      points: amounts(isDispute),
      format: money,
    },
    {
      ...shared,
      title: 'Dispute rate',
      note: 'disputes of each step, of the subscriptions that paid at its end',
      points: combined(
        sums((row) => (isDispute(row) ? row.count : 0)),
        paying,
        share,
      ),
      format: percent,
    },
  ];
}

const whole = (value: number): string => count(Math.round(value));
