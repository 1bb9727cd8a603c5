import type { Migration } from './migration.ts';

/** What is ours: foreign subscriptions are marked, claims that contradict a link are kept, the Stripe account is remembered. */
export const ownership: Migration = {
  name: '0008-ownership',
  async up(trx) {
    await trx.raw(`CREATE TABLE owner_conflicts (
      stripe_customer_id text NOT NULL,
      account_id text NOT NULL,
      source text NOT NULL,
      learned_at bigint NOT NULL,
      PRIMARY KEY (stripe_customer_id, account_id)
    )`);
    await trx.raw('CREATE INDEX owner_conflicts_account ON owner_conflicts (account_id)');
    await trx.raw(`CREATE TABLE deployment (
      name text PRIMARY KEY,
      value text NOT NULL,
      updated_at bigint NOT NULL
    )`);
    await trx.raw('ALTER TABLE subscriptions ADD COLUMN is_foreign boolean NOT NULL DEFAULT false');
  },
  indexes: [
    {
      name: 'subscriptions_foreign',
      on: 'subscriptions (created_at, id) WHERE is_foreign',
    },
  ],
};
