import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** What accounts have beside what they pay for. */
export const grants: Migration = {
  name: '0022-grants',
  async up(trx: Knex.Transaction) {
    await trx.raw(`CREATE TABLE grants (
      id text PRIMARY KEY,
      account_id text NOT NULL,
      plan text,
      features text NOT NULL,
      limits text NOT NULL,
      combine text NOT NULL,
      source text NOT NULL,
      reason text,
      granted_by text NOT NULL,
      created_at bigint NOT NULL,
      ends_at bigint,
      revoked_at bigint
    )`);
    await trx.raw('CREATE INDEX grants_by_account ON grants (account_id)');
  },
};
