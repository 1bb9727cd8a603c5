import type { Migration } from './migration.ts';

/** Who holds an idempotency key: a holder that lost its lease must neither answer for the next one nor release its key. */
export const keyHolders: Migration = {
  name: '0010-key-holders',
  async up(trx) {
    await trx.raw('ALTER TABLE idempotency_keys ADD COLUMN locked_by text');
  },
};
