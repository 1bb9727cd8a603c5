import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** What a subscription earned after a line of its history, so that revenue by day moves with the line. */
export const lineRevenue: Migration = {
  name: '0017-line-revenue',
  async up(trx: Knex.Transaction) {
    await trx.schema.alterTable('transitions', (table) => {
      table.bigInteger('mrr');
    });
  },
};
