import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** Which e-mail and name tokens named last: what differs from it is new, what Stripe has instead was changed there. */
export const customerDetails: Migration = {
  name: '0014-customer-details',
  async up(trx: Knex.Transaction) {
    await trx.raw('ALTER TABLE customers ADD COLUMN claimed_email text');
    await trx.raw('ALTER TABLE customers ADD COLUMN claimed_name text');
    await trx.raw('ALTER TABLE customers ADD COLUMN details_at bigint');
  },
};
