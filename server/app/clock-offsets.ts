import { nowSql, type Database } from '../../db/database.ts';
import { rowsOf } from '../../db/columns.ts';
import { clockSkew, SKEW_WARNING_MS } from '../lib/clock-skew.ts';
import type { Logger } from '../lib/log.ts';
import type { ClockOffsets } from '../lib/services.ts';

/** What Stripe's clock said longer ago says nothing of now; catch-up asks Stripe every minute. */
const VALID_MS = 10 * 60_000;
const WARN_EVERY_MS = 10 * 60_000;
/** Stripe's `Date` header has whole seconds. */
const STRIPE_RESOLUTION_MS = 1_000;

/** Compares this machine's clock with Stripe's at each call and with the database's when asked. */
export function createClockOffsets(database: Database, log: Logger): ClockOffsets {
  let seen: { skew: number; at: number } | null = null;
  let warnedAt = -Infinity;
  return {
    noteStripe({ date, seconds }) {
      if (date === null) return;
      const answered = Date.now();
      const here = { asked: answered - seconds * 1000, answered };
      const skew = clockSkew(here, date, STRIPE_RESOLUTION_MS);
      seen = { skew, at: performance.now() };
      if (Math.abs(skew) < SKEW_WARNING_MS || seen.at - warnedAt < WARN_EVERY_MS) return;
      warnedAt = seen.at;
      log.warn({ aheadMs: Math.round(skew) }, 'the clock of this machine differs from Stripe’s');
    },
    stripe: () => (seen !== null && performance.now() - seen.at < VALID_MS ? seen.skew : null),
    async database() {
      const asked = Date.now();
      const [row] = rowsOf<{ now: number }>(
        await database.knex.raw(`SELECT ${nowSql(database.knex)} AS now`),
      );
      return clockSkew({ asked, answered: Date.now() }, row?.now ?? asked, 1);
    },
  };
}
