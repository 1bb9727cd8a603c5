import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** What operators note on accounts. */
export const accountNotes: Migration = {
  name: '0028-account-notes',
  async up(trx: Knex.Transaction) {
    await trx.raw(`CREATE TABLE account_notes (
      id text PRIMARY KEY,
      account_id text NOT NULL,
      author text NOT NULL,
      text text NOT NULL,
      created_at bigint NOT NULL
    )`);
    await trx.raw(
      'CREATE INDEX account_notes_by_account ON account_notes (account_id, created_at)',
    );
  },
};
