import type { Knex } from 'knex';
import { inChunks, isPostgres, type Db } from './database.ts';

/** A type of PostgreSQL that a column may have. */
export type ColumnType = 'text' | 'bigint' | 'integer' | 'boolean';

/** What a column may hold. */
export type Value = string | number | boolean | null;

/** `unnest` of the columns as a table of rows: one statement for any number of them. */
export function unnest(columns: Record<string, ColumnType>, name: string): string {
  const arrays = Object.values(columns).map((type) => `?::${type}[]`);
  return `unnest(${arrays.join(', ')}) AS ${name} (${Object.keys(columns).join(', ')})`;
}

/** The parameters for `unnest`. */
export function columnsOf<Name extends string>(
  columns: Record<Name, ColumnType>,
  rows: readonly Record<Name, Value>[],
): Knex.RawBinding[] {
  return (Object.keys(columns) as Name[]).map((name) => arrayOf(rows.map((row) => row[name])));
}

/** An array as one parameter; the types of Knex know no `null` in it. */
export const arrayOf = (values: readonly Value[]) => values as string[];

/** Inserts rows: on PostgreSQL in one statement with a parameter for each column, however many they are. */
export async function insertRows<Name extends string>(
  db: Db,
  table: string,
  { columns, rows }: { columns: Record<Name, ColumnType>; rows: Record<Name, Value>[] },
): Promise<void> {
  if (isPostgres(db)) {
    const names = Object.keys(columns).join(', ');
    const sql = `INSERT INTO ${table} (${names}) SELECT ${names} FROM ${unnest(columns, 'given')}`;
    await db.raw(sql, columnsOf(columns, rows));
    return;
  }
  for (const chunk of inChunks(rows)) await db(table).insert(chunk);
}
