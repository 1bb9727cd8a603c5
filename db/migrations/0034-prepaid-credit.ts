import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** Credit for usage that was bought, with its terms as they were sold. */
export const prepaidCredit: Migration = {
  name: '0034-prepaid-credit',
  async up(trx: Knex.Transaction) {
    await trx.raw('ALTER TABLE purchases ADD COLUMN credit text');
  },
};
