import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** What was bought once. */
export const purchases: Migration = {
  name: '0023-purchases',
  async up(trx: Knex.Transaction) {
    await trx.raw(`CREATE TABLE purchases (
      id text PRIMARY KEY,
      account_id text NOT NULL,
      product text NOT NULL,
      quantity integer NOT NULL,
      amount bigint NOT NULL,
      currency text NOT NULL,
      charge_id text,
      metadata text NOT NULL,
      paid_at bigint NOT NULL,
      status text NOT NULL
    )`);
    await trx.raw('CREATE INDEX purchases_by_account ON purchases (account_id, paid_at)');
    await trx.raw('CREATE INDEX purchases_by_charge ON purchases (charge_id)');
  },
  indexes: [{ name: 'payment_returns_by_charge', on: 'payment_returns (charge_id)' }],
};
