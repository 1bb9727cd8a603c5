import type { Migration } from './migration.ts';

/** Where an act came from. Acts of before, and those of scripts, have none. */
export const auditSource: Migration = {
  name: '0020-audit-source',
  async up(trx) {
    await trx.raw('ALTER TABLE audit_log ADD COLUMN request_id text');
    await trx.raw('ALTER TABLE audit_log ADD COLUMN address text');
  },
};
