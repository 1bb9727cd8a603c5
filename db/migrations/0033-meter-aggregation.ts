import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** Meters of which the latest or the highest quantity counts. What was recorded before adds up. */
export const meterAggregation: Migration = {
  name: '0033-meter-aggregation',
  async up(trx: Knex.Transaction) {
    await trx.raw("ALTER TABLE usage_windows ADD COLUMN aggregation text NOT NULL DEFAULT 'sum'");
    // When the number was, as Stripe was told; null for what adds up.
    await trx.raw('ALTER TABLE usage_totals ADD COLUMN last_at bigint');
  },
};
