import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** The language that a customer prefers at Stripe (`preferred_locales`), for mails. */
export const customerLocale: Migration = {
  name: '0031-customer-locale',
  async up(trx: Knex.Transaction) {
    await trx.raw('ALTER TABLE customers ADD COLUMN locale text');
  },
};
