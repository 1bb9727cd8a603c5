import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/** For the pages of operators: whose a mail is and what it said, and each change of what an account earns. */
export const operatorsPages: Migration = {
  name: '0019-operators-pages',
  async up(trx: Knex.Transaction, dialect) {
    const key =
      dialect === 'postgres'
        ? 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY'
        : 'integer PRIMARY KEY AUTOINCREMENT';
    await trx.raw(`CREATE TABLE mrr_changes (
      id ${key},
      account_id text NOT NULL,
      subscription_id text NOT NULL,
      at bigint NOT NULL,
      currency text NOT NULL,
      plan text,
      plan_before text,
      mrr_before bigint NOT NULL,
      mrr_after bigint NOT NULL
    )`);
    await trx.raw('CREATE INDEX mrr_changes_by_account ON mrr_changes (account_id, id)');
    await trx.raw('CREATE INDEX mrr_changes_by_time ON mrr_changes (at)');
    // Of mails alone; those that an older release stored have none.
    await trx.raw('ALTER TABLE outbox ADD COLUMN account_id text');
    // What a mail said when it was sent, and to whom.
    await trx.raw('ALTER TABLE outbox ADD COLUMN sent text');
  },
  indexes: [
    { name: 'outbox_by_account', on: 'outbox (account_id, id) WHERE account_id IS NOT NULL' },
    { name: 'outbox_mails', on: `outbox (id) WHERE substr(kind, 1, 5) = 'mail.'` },
  ],
};
