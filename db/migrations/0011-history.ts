import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

/**
 * Lines of the history get a number of their own, so that one that is found later stands in its place, and say who did
 * it; lines of older releases have none and stay before all others. What an outgoing webhook tells of is named beside it.
 */
export const history: Migration = {
  name: '0011-history',
  async up(trx: Knex.Transaction) {
    await trx.raw(`CREATE TABLE commands (
      id text PRIMARY KEY,
      actor text NOT NULL,
      account_id text,
      request_id text NOT NULL,
      created_at bigint NOT NULL
    )`);
    await trx.schema.alterTable('outbox', (table) => {
      table.text('line_of');
      table.bigInteger('line_number');
    });
    await trx.schema.alterTable('transitions', (table) => {
      table.bigInteger('number');
      table.text('evidence');
      table.text('account_id');
      table.text('request_id');
    });
  },
  indexes: [
    {
      name: 'outbox_lines',
      on: "outbox (line_of, line_number) WHERE status = 'waiting' AND line_of IS NOT NULL",
    },
  ],
};
