import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { randomFrom } from '../../support/random.ts';
import { sizeOf } from '../../support/sizes.ts';
import { mrrAtStripe } from './mrr-at-stripe.ts';
import { MrrLife } from './mrr-lives.ts';
import { sellMrrPlans, type MrrPlans } from './mrr-plans.ts';

const DAY = 86_400_000;
const ACCOUNTS = Number(process.env['TENURE_MRR_ACCOUNTS'] ?? sizeOf({ sample: 5, full: 1_000 }));
/** Days from one step to the next: a year, or its beginning. */
const STEPS = [31, 4, 60, 28, 15, 31, 45, 9, 31, 40, 26, 45].slice(
  0,
  sizeOf({ sample: 4, full: 12 }),
);
const SEED = Number(process.env['TENURE_SEED'] ?? Math.floor(Math.random() * 1e9));
/** As many at a time as their own machines would send. */
const AT_ONCE = 8;
/** Of a thousand renewals in one leap. */
const SETTLE_MS = 60_000 + ACCOUNTS * 600;

/** Noon of a day some months ago: what happens in a step happens on that day. */
const START = Date.UTC(2026, 0, 5, 12) / 1000;

let server: TestServer;
let plans: MrrPlans;
beforeAll(async () => {
  server = await startTestServer({
    database: 'sqlite',
    startAt: START,
    prepare: async (stripe) => {
      const { file, ...sold } = await sellMrrPlans(stripe);
      plans = sold;
      return { PLANS_FILE: file };
    },
  });
});
afterAll(() => server.close());

interface Row {
  currency: string;
  plan: string | null;
  start: number;
  net: number;
  moved: number;
  end: number;
}

const isoDay = (at: number) => new Date(at).toISOString().slice(0, 10);

/** Each lives, some at a time; answers what they did. */
async function actAll(lives: readonly MrrLife[]): Promise<string[]> {
  const waiting = [...lives];
  const done: string[] = [];
  const worker = async () => {
    for (let life = waiting.pop(); life; life = waiting.pop()) done.push(await life.act());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return done;
}

describe('MRR movements', () => {
  it(
    `of a random year of ${ACCOUNTS} accounts are the differences of the MRR of Stripe’s objects, by plan and currency (seed ${SEED})`,
    async () => {
      const random = randomFrom(SEED);
      const lives = Array.from(
        { length: ACCOUNTS },
        // Each its own numbers: what they do does not depend on who is faster.
        () => new MrrLife(server, plans, randomFrom(random.below(1e9))),
      );
      const snapshots: { day: number; sums: Map<string, number> }[] = [];
      const acts = new Map<string, number>();
      let now = START * 1000;
      for (const days of STEPS) {
        for (const act of await actAll(lives)) acts.set(act, (acts.get(act) ?? 0) + 1);
        await server.settled(SETTLE_MS);
        await server.advance(0.49, SETTLE_MS);
        const sums = await mrrAtStripe(server.stripe, plans, server.env['STRIPE_TEST_CLOCK'] ?? '');
        snapshots.push({ day: Math.floor(now / DAY) * DAY + DAY, sums });
        await server.advance(days - 1 + 0.51, SETTLE_MS);
        now += days * DAY;
      }
      const db = server.database.knex;
      const daily: { day_at: number; value: number }[] = await db('daily_figures')
        .where({ figure: 'mrr' })
        .select('day_at', 'value');
      const moved: { at: number; mrr_before: number; mrr_after: number }[] = await db(
        'mrr_changes',
      ).select('at', 'mrr_before', 'mrr_after');
      for (let day = START * 1000; day < now; day += DAY) {
        const until = Math.floor(day / DAY) * DAY;
        const shown = daily.reduce((sum, row) => sum + (row.day_at < until ? row.value : 0), 0);
        const told = moved.reduce(
          (sum, row) => sum + (row.at < until ? row.mrr_after - row.mrr_before : 0),
          0,
        );
        expect(told, `the chart of revenue, ${isoDay(until)}, seed ${SEED}`).toBe(shown);
      }
      const seen = new Set<string>();
      for (let from = 0; from < snapshots.length; from += 1) {
        for (let to = from + 1; to < snapshots.length; to += 1) {
          const [start, end] = [snapshots[from]!, snapshots[to]!];
          const path = `/admin/api/figures/mrr-movements?from=${isoDay(start.day)}&to=${isoDay(end.day)}`;
          const { json } = await server.call('GET', path, { admin: true });
          const rows = json['rows'] as (Row & Record<string, number>)[];
          const told = new Map(
            rows.map(({ currency, plan, ...row }) => [
              plan === null ? currency : `${currency} ${plan}`,
              row,
            ]),
          );
          for (const key of new Set([...start.sums.keys(), ...end.sums.keys(), ...told.keys()])) {
            const row = told.get(key);
            const [before, after] = [start.sums.get(key) ?? 0, end.sums.get(key) ?? 0];
            expect(
              { start: row?.start ?? 0, net: row?.net ?? 0, end: row?.end ?? 0 },
              `${key}, ${isoDay(start.day)} to ${isoDay(end.day)}, seed ${SEED}`,
            ).toEqual({ start: before, net: after - before, end: after });
            if (!key.includes(' ')) expect(row?.moved ?? 0, key).toBe(0);
          }
          for (const row of rows) {
            for (const [name, value] of Object.entries(row)) if (value !== 0) seen.add(name);
          }
        }
      }
      // What was tried: without movements the sums would be true of nothing.
      expect([...acts.keys()]).toContain('subscribe');
      const kinds = ['new', 'expansion', 'contraction', 'churn', 'reactivation', 'moved'];
      expect([...seen]).toEqual(expect.arrayContaining(ACCOUNTS < 100 ? ['new', 'net'] : kinds));
      const { json } = await server.call('GET', '/admin/api/figures/retention', { admin: true });
      const cohorts = json['cohorts'] as { size: number; kept: number[] }[];
      const paying = (
        await server.database.knex('subscriptions').where('mrr', '>', 0).distinct('user_id')
      ).length;
      expect(cohorts.reduce((sum, { kept }) => sum + (kept.at(-1) ?? 0), 0)).toBe(paying);
    },
    60_000 + ACCOUNTS * 5_000,
  );
});
