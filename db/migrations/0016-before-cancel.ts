import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** What was scheduled when a subscription was canceled, so that undoing the cancel brings it back. */
export const beforeCancel: Migration = {
  name: '0016-before-cancel',
  async up(trx: Knex.Transaction) {
    await trx.raw(`CREATE TABLE before_cancel (
      subscription_id text PRIMARY KEY,
      next_phase text,
      cancel_at bigint,
      saved_at bigint NOT NULL
    )`);
  },
};
