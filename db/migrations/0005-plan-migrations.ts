import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

const STATEMENTS = [
  `CREATE TABLE plan_migrations (
    id text PRIMARY KEY,
    request text NOT NULL,
    started_at bigint NOT NULL,
    planned_at bigint,
    finished_at bigint
  )`,
  `CREATE TABLE plan_migration_items (
    migration_id text NOT NULL,
    subscription_id text NOT NULL,
    customer_id text NOT NULL,
    status text NOT NULL,
    attempt integer NOT NULL,
    proration_at bigint,
    before text,
    result text,
    reason text,
    updated_at bigint NOT NULL,
    PRIMARY KEY (migration_id, subscription_id)
  )`,
];

/** The ledger of `migrate-plan`: which subscriptions a run has to change, and how far it came with each. */
export const planMigrations: Migration = {
  name: '0005-plan-migrations',
  async up(trx: Knex.Transaction) {
    for (const statement of STATEMENTS) await trx.raw(statement);
  },
};
