import {
  arrowTraffic,
  mrrByCurrency,
  stateCounts,
  type ArrowTraffic,
} from '../../../../db/counters.ts';
import { arrowTrafficByDay, figuresSince } from '../../../../db/dashboard-figures.ts';
import { restrictedCounts } from '../../../../db/return-figures.ts';
import { movesPerHour, transitionsOfArrow } from '../../../../db/dashboard-transitions.ts';
import {
  businessMetrics,
  seriesOf,
  share,
  totalOf,
  type DailyFigure,
} from '../../../../state/metrics.ts';
import { formatMoney } from '../../../../state/money.ts';
import type { Services } from '../../../lib/services.ts';
import { count, percent } from '../../../http/pages/format.ts';
import { moveItem } from './subscription.ts';
import { WINDOWS, type Card, type LifecycleView, type WindowKey } from '../views/lifecycle.ts';

const DAY = 86_400_000;
/** Transitions beside the chart. */
const LATEST = 5;

/** The window that a query names, else the shortest. */
export function windowOf(key: string | null): WindowKey {
  return key !== null && Object.hasOwn(WINDOWS, key) ? (key as WindowKey) : '24h';
}

/** The traffic of the arrows in a window: by the hour for a day, by the day for more. */
export function trafficOf(services: Services, window: WindowKey): Promise<ArrowTraffic[]> {
  const db = services.database.knex;
  const since = services.clock.now() - WINDOWS[window].milliseconds;
  return window === '24h' ? arrowTraffic(db, since) : arrowTrafficByDay(db, since + DAY);
}

/** What the first page shows. */
export async function lifecycleView(services: Services, window: WindowKey): Promise<LifecycleView> {
  const db = services.database.knex;
  const wish = { from: [], to: null, event: null, unexpected: false, since: null, beforeId: null };
  const [counts, traffic, restricted, latest] = await Promise.all([
    stateCounts(db),
    trafficOf(services, window),
    restrictedCounts(db, services.clock.now()),
    transitionsOfArrow(db, { ...wish, limit: LATEST }),
  ]);
  return {
    window,
    counts,
    traffic,
    restricted,
    cards: await cards(services),
    latest: latest.map((line) => moveItem(line)),
    businessNow: services.clock.now(),
  };
}

async function cards(services: Services): Promise<Card[]> {
  const db = services.database.knex;
  const now = services.clock.now();
  const [figures, mrr, hours] = await Promise.all([
    figuresSince(db, now - 30 * DAY),
    mrrByCurrency(db),
    movesPerHour(db, now, 24),
  ]);
  return [
    mrrCard(mrr, figures, now),
    trialCard(figures, now),
    churnCard(figures, now),
    {
      label: 'Transitions, 24 h',
      value: count(hours.reduce((sum, value) => sum + value, 0)),
      change: null,
      series: hours,
      kind: 'bars',
      href: '/admin/transitions?window=24h',
    },
  ];
}

/** Amounts of different currencies stand beside each other; growth and line are those of the largest. */
function mrrCard(mrr: Record<string, number>, figures: DailyFigure[], now: number): Card {
  const largest = Object.entries(mrr).sort(([, a], [, b]) => b - a);
  const [currency, value] = largest[0] ?? [null, 0];
  const series = seriesOf(figures, { figure: 'mrr', currency, now, days: 30, running: true });
  const before = series[0] ?? 0;
  const growth = before > 0 ? (value - before) / before : null;
  const words = `${percent(growth)}${largest.length > 1 ? ` ${String(currency).toUpperCase()}` : ''}`;
  return {
    label: 'MRR, 30 d',
    value:
      currency === null ? '–' : largest.map(([code, sum]) => formatMoney(sum, code)).join(' + '),
    change: growth === null ? null : changeOf(growth, words, false),
    series,
    kind: 'line',
    href: '/admin/metrics',
  };
}

function trialCard(figures: DailyFigure[], now: number): Card {
  const started = totalOf(figures, 'trial_started', now - 30 * DAY);
  const converted = totalOf(figures, 'trial_converted', now - 30 * DAY);
  const lost = totalOf(figures, 'trial_lost', now - 30 * DAY);
  return {
    label: 'Trial → paid, 30 d',
    value: percent(share(converted, converted + lost)),
    change: { words: `of ${count(started)} started`, tone: 'muted' },
    series: seriesOf(figures, { figure: 'trial_started', currency: '', now, days: 30 }),
    kind: 'bars',
    href: '/admin/metrics',
  };
}

function churnCard(figures: DailyFigure[], now: number): Card {
  const { churn, payments } = businessMetrics(figures, { now, days: 30 });
  return {
    label: 'Churn, 30 d',
    value: churn.rate === null ? count(churn.lost) : percent(churn.rate),
    change: {
      words: `${count(payments.recovered)} recovered`,
      tone: payments.recovered > 0 ? 'good' : 'muted',
    },
    series: seriesOf(figures, { figure: 'churned', currency: '', now, days: 30 }),
    kind: 'bars',
    href: '/admin/metrics',
  };
}

function changeOf(value: number, words: string, downIsGood: boolean): Card['change'] {
  if (value === 0) return { words, tone: 'muted' };
  return {
    words: value > 0 ? `+${words}` : words,
    tone: value > 0 === downIsGood ? 'danger' : 'good',
  };
}
