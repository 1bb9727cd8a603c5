import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** Money that came back, and what it does to the access of a subscription. */
export const returns: Migration = {
  name: '0013-returns',
  async up(trx: Knex.Transaction) {
    await trx.raw(`CREATE TABLE payment_returns (
      id text PRIMARY KEY,
      kind text NOT NULL,
      charge_id text,
      invoice_id text,
      subscription_id text,
      customer_id text,
      amount bigint NOT NULL,
      currency text NOT NULL,
      status text NOT NULL,
      reason text,
      created_at bigint NOT NULL,
      paid_amount bigint NOT NULL,
      period_start bigint,
      period_end bigint
    )`);
    await trx.raw('ALTER TABLE subscriptions ADD COLUMN restriction text');
  },
  indexes: [
    { name: 'payment_returns_by_subscription', on: 'payment_returns (subscription_id)' },
    { name: 'payment_returns_by_customer', on: 'payment_returns (customer_id, created_at)' },
  ],
};
