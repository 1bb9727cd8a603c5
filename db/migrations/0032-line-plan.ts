import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** The plan after a line of the history: what revenue was for which plan moves with the line. */
export const linePlan: Migration = {
  name: '0032-line-plan',
  async up(trx: Knex.Transaction) {
    await trx.raw('ALTER TABLE transitions ADD COLUMN plan text');
  },
};
