import type { Knex } from 'knex';

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
