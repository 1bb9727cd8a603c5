import { z } from 'zod';
import { MOVEMENTS, netOf } from '../../../state/mrr-movements.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import { AppError } from '../../http/errors.ts';
import { mrrMovements, retention } from '../pages/queries/figures.ts';

const day = z.iso.date().describe('Midnight UTC');

const movements = defineRoute({
  method: 'GET',
  path: '/admin/api/figures/mrr-movements',
  auth: 'admin',
  role: 'viewer',
  summary:
    'Why the MRR is another one than before: new, expansion, contraction, churn, reactivation',
  description:
    'From the beginning of `from` to the beginning of `to`, in minor units, by plan, and over all plans (`plan: null`). ' +
    'Every row adds up: `start` and its movements are `end`. `moved` is what changed from one plan to another; over all plans it is 0.',
  query: z.strictObject({ from: day, to: day }),
  response: z.object({
    from: day,
    to: day,
    rows: z.array(
      z.object({
        currency: z.string(),
        plan: z.string().nullable(),
        start: z.int(),
        ...Object.fromEntries(MOVEMENTS.map((kind) => [kind, z.int()])),
        net: z.int(),
        end: z.int(),
      }),
    ),
  }),
  handler: async (_request, { services, query }) => {
    const [from, to] = [Date.parse(query.from), Date.parse(query.to)];
    if (to <= from) throw new AppError('invalid_request', 'to: must be later than from.');
    const rows = await mrrMovements(services, { from, to });
    return json({
      ...query,
      rows: rows.map(({ currency, plan, start, movements: sums, end }) => ({
        currency,
        plan,
        start,
        ...sums,
        net: netOf(sums),
        end,
      })),
    });
  },
});

const cohorts = defineRoute({
  method: 'GET',
  path: '/admin/api/figures/retention',
  auth: 'admin',
  role: 'viewer',
  summary: 'How many accounts still pay, by the month (UTC) in which they began to',
  query: z.strictObject({ months: z.coerce.number().int().min(1).max(60).default(12) }),
  response: z.object({
    cohorts: z.array(
      z.object({
        month: z.string(),
        size: z.int(),
        /** At the end of the month itself, of the next one, and so on; the last is as of now. */
        kept: z.array(z.int()),
      }),
    ),
  }),
  handler: async (_request, { services, query }) =>
    json({ cohorts: await retention(services, query.months) }),
});

export const FIGURES = [movements, cohorts];
