import { nowSql, rowsOf, type Database } from '../../db/database.ts';
import { clockSkew } from '../lib/clock-skew.ts';
import type { Metrics } from '../lib/metrics.ts';
import type { ClockOffsets } from '../lib/services.ts';

/** What Stripe's clock said longer ago says nothing of now; catch-up asks Stripe every minute. */
const VALID_MS = 10 * 60_000;
/** Stripe's `Date` header has whole seconds. */
const STRIPE_RESOLUTION_MS = 1_000;

/** Compares this machine's clock with Stripe's, as of the latest call, and with the database's. */
export function createClockOffsets(
  database: Database,
  metrics: Pick<Metrics, 'stripeClock'>,
): ClockOffsets {
  return {
    stripe() {
      const seen = metrics.stripeClock;
      if (seen === null || Date.now() - seen.answered > VALID_MS) return null;
      return clockSkew(seen, seen.date, STRIPE_RESOLUTION_MS);
    },
    async database() {
      const asked = Date.now();
      const [row] = rowsOf<{ now: number }>(
        await database.knex.raw(`SELECT ${nowSql(database.knex)} AS now`),
      );
      return clockSkew({ asked, answered: Date.now() }, row?.now ?? asked, 1);
    },
  };
}
