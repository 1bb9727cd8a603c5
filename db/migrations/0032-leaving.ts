import type { Knex } from 'knex';
import { LEAVES_AT } from '../leaves-at.ts';
import type { Migration } from './migration.ts';

/**
 * The plan after a line of the history, so that what revenue was for which plan moves with the line; and when a subscription
 * whose cancellation is scheduled ends, for the board of those who leave. What came back is counted by day and by state.
 */
export const leaving: Migration = {
  name: '0032-leaving',
  async up(trx: Knex.Transaction) {
    await trx.raw('ALTER TABLE transitions ADD COLUMN plan text');
    await trx.raw('ALTER TABLE subscriptions ADD COLUMN leaves_at bigint');
  },
  indexes: [
    {
      name: 'subscriptions_leaving',
      on: `subscriptions ((${LEAVES_AT}), id) WHERE state IN ('cancel_pending', 'canceled')`,
    },
    { name: 'subscriptions_restricted', on: 'subscriptions (state) WHERE restriction IS NOT NULL' },
    { name: 'payment_returns_by_time', on: 'payment_returns (created_at)' },
  ],
};
