import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** What each plan gave when, and which of it each subscription was sold. */
export const planTerms: Migration = {
  name: '0024-plan-terms',
  async up(trx: Knex.Transaction) {
    await trx.raw(`CREATE TABLE plan_terms (
      plan text NOT NULL,
      version integer NOT NULL,
      terms text NOT NULL,
      created_at bigint NOT NULL,
      PRIMARY KEY (plan, version)
    )`);
    // "plan@version"; null for what was bought before versions were kept: the first one.
    await trx.raw('ALTER TABLE subscriptions ADD COLUMN terms text');
  },
};
