import type { Knex } from 'knex';
import type { Dialect } from '../database.ts';

/**
 * One step of the schema. It only adds (and replaces indexes), and it is written for a table of millions of rows that is in use:
 * what takes long belongs into `indexes`; `up` creates tables and alters, each table once and the big ones last, and
 * reads or writes no rows but a few.
 */
export interface Migration {
  name: string;
  /** Runs in a short transaction of its own, and again from the start when it could not get its locks. */
  up?(trx: Knex.Transaction, dialect: Dialect): Promise<void>;
  /** Indexes on tables that may hold rows: PostgreSQL builds them beside the writers, after `up`. */
  indexes?: readonly Index[];
  /** Why servers of older releases cannot run on it; without it they can, and this is held by a test. Then they refuse to start. */
  breaks?: string;
  /** Names of indexes that those take the place of, dropped last: older servers find their rows without, more slowly. */
  replaces?: readonly string[];
}

export interface Index {
  name: string;
  /** What follows `ON`: the table, the columns in brackets, and `WHERE` if it is partial. */
  on: string;
  unique?: boolean;
}

/** The statement that builds it. */
export function createIndex({ name, on, unique }: Index, how: 'CONCURRENTLY' | '' = ''): string {
  return `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${how} ${name} ON ${on}`;
}
