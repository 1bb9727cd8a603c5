import { z } from 'zod';
import { mrrByCurrency } from '../../../db/counters.ts';
import { figuresSince } from '../../../db/dashboard-figures.ts';
import { businessMetrics } from '../../../state/metrics.ts';
import { trialCohorts } from '../../../state/trial-cohorts.ts';
import { liveStats } from '../pages/stats.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import { state, time } from './schemas.ts';

const DAY = 86_400_000;
/** Months of trials that are told, the present one included. */
const MONTHS = 12;

/** How the business and the server are doing, in numbers: the same ones that the dashboard's charts show. */
export const statsRoute = defineRoute({
  method: 'GET',
  path: '/admin/api/stats',
  auth: 'admin',
  role: 'viewer',
  summary:
    'Counts of the states, MRR, trials, churn, payments, health of the inbox, the test clock',
  description:
    'Rates are fractions of 1, and null of nothing. `churn.rate` is the share of paying subscriptions that ended in `days`, ' +
    'of those and the ones that still pay. `trials` are by the month (UTC) in which they began, the last twelve. ' +
    '`usage` is what is on its way to Stripe.',
  query: z.strictObject({ days: z.coerce.number().int().min(1).max(366).default(30) }),
  response: z.object({
    counts: z.partialRecord(state, z.int()),
    mrr: z.record(z.string(), z.int()),
    trialing: z.int(),
    days: z.int(),
    paying: z.int(),
    churn: z.object({ lost: z.int(), rate: z.number().nullable() }),
    payments: z.object({ failed: z.int(), recovered: z.int() }),
    trials: z.array(
      z.object({
        month: z.string(),
        started: z.int(),
        converted: z.int(),
        lost: z.int(),
        open: z.int(),
        conversion: z.number().nullable(),
      }),
    ),
    usage: z.object({ waiting: z.int(), failing: z.int(), refused: z.int() }),
    inbox: z.object({ waiting: z.int(), failing: z.int(), dead: z.int() }),
    clock: z.object({ now: time, advancing: z.boolean() }).nullable(),
  }),
  handler: async (_request, { services, query }) => {
    const db = services.database.knex;
    const now = services.clock.now();
    const { days } = query;
    const firstMonth = firstOfMonth(now, MONTHS - 1);
    const [live, mrr, figures, usage] = await Promise.all([
      liveStats(services),
      mrrByCurrency(db),
      figuresSince(db, Math.min(firstMonth, now - days * DAY)),
      services.usage.health(),
    ]);
    const { clock } = live;
    const earliest = new Date(firstMonth).toISOString().slice(0, 7);
    return json({
      ...live,
      clock: clock && { ...clock, now: new Date(clock.now).toISOString() },
      mrr,
      trialing: live.counts.trialing ?? 0,
      ...businessMetrics(figures, { now, days }),
      trials: trialCohorts(figures).filter(({ month }) => month >= earliest),
      usage,
    });
  },
});

/** Midnight UTC of the first day of a month, `back` months ago. */
function firstOfMonth(now: number, back: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - back, 1);
}
