import type { Knex } from 'knex';
import type { Dialect } from '../database.ts';

/** One step of the schema; runs inside the transaction that records it. */
export interface Migration {
  name: string;
  up(trx: Knex.Transaction, dialect: Dialect): Promise<void>;
}
