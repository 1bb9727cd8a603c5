import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** Prices that were told to somebody: a change is charged as quoted, once, or not at all. */
export const quotes: Migration = {
  name: '0003-quotes',
  async up(trx: Knex.Transaction) {
    await trx.raw(`CREATE TABLE quotes (
      subscription_id text NOT NULL,
      proration_at bigint NOT NULL,
      target text NOT NULL,
      basis text NOT NULL,
      amount_due bigint NOT NULL,
      used_at bigint,
      PRIMARY KEY (subscription_id, proration_at, target)
    )`);
  },
};
