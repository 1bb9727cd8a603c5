import { isPostgres, type Db } from '../../db/database.ts';
import type { Migration } from '../../db/migrations/index.ts';

/** What a next release may do: add, with defaults where a value is needed, and replace indexes. */
export const nextRelease: Migration = {
  name: '9999-of-the-next-release',
  up: async (trx) => {
    await trx.schema.createTable('next_things', (table) => table.text('id').primary());
    for (const name of await tablesOf(trx)) {
      await trx.schema.alterTable(name, (table) => {
        table.text('next_note').nullable();
        table.integer('next_count').notNullable().defaultTo(0);
      });
    }
  },
  indexes: [{ name: 'next_index', on: 'outbox (kind, created_at)' }],
  replaces: ['webhook_events_by_subject', 'outbox_due_by_receiver'],
};

/** The tables of this release. */
async function tablesOf(db: Db): Promise<string[]> {
  const rows: { name: string }[] = await (isPostgres(db)
    ? db('pg_tables').where({ schemaname: 'public' }).select({ name: 'tablename' })
    : db('sqlite_master')
        .where({ type: 'table' })
        .whereNot('name', 'like', 'sqlite_%')
        .select('name'));
  return rows.map(({ name }) => name).filter((name) => name !== 'next_things');
}
