import type pg from 'pg';
import type { Db } from './database.ts';
import { binaryTextArray } from './text-array.ts';

/** A type of PostgreSQL. */
export type ColumnType = 'text' | 'bigint' | 'integer' | 'boolean';

/** What a column may hold. */
export type Value = string | number | boolean | null;

/** A statement for PostgreSQL. The name is its own: the first text of a connection by this name is kept prepared. */
interface PreparedStatement {
  name: string;
  text: string;
  values: unknown[];
}

/** Rows of a statement that every connection parses and plans once. Works in a transaction as well as outside of one. */
export async function runPrepared<Row extends pg.QueryResultRow>(
  db: Db,
  statement: PreparedStatement,
): Promise<Row[]> {
  const connection: pg.Client = await db.client.acquireConnection();
  try {
    return (await connection.query<Row>(statement)).rows;
  } finally {
    await db.client.releaseConnection(connection);
  }
}

/** One column of many rows as a parameter: a statement that takes columns has one text for any number of rows. */
export function columnOf(type: ColumnType, values: readonly Value[]): unknown {
  return type === 'text'
    ? binaryTextArray(values.map((value) => (value === null ? null : String(value))))
    : values;
}

/** `unnest` of the columns, whose parameters begin at `$first`, as a table of rows. */
export function unnest(columns: Record<string, ColumnType>, name: string, first = 1): string {
  const arrays = Object.values(columns).map((type, i) => `$${first + i}::${type}[]`);
  return `unnest(${arrays.join(', ')}) AS ${name} (${Object.keys(columns).join(', ')})`;
}

/** The parameters for `unnest`. */
export function columnsOf<Name extends string>(
  columns: Record<Name, ColumnType>,
  rows: readonly Record<Name, Value>[],
): unknown[] {
  const entries = Object.entries<ColumnType>(columns) as [Name, ColumnType][];
  return entries.map(([name, type]) =>
    columnOf(
      type,
      rows.map((row) => row[name]),
    ),
  );
}
