import type pg from 'pg';
import type { Db } from './database.ts';
import { binaryArray, type ColumnType, type Value } from './binary-array.ts';

/** A statement for PostgreSQL. The name is its own: the first text of a connection by this name is kept prepared. */
interface PreparedStatement {
  name: string;
  text: string;
  values: unknown[];
}

/**
 * Rows of a statement that every connection parses and plans once. Works in a transaction as well as outside of one. The
 * columns that it answers must be named: once a newer release adds one to a table, PostgreSQL refuses a prepared `*`.
 */
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

/** `unnest` of the columns (one text of a statement for any number of rows), whose parameters begin at `$first`, as a table of rows. */
export function unnest(columns: Record<string, ColumnType>, name: string, first = 1): string {
  const arrays = Object.values(columns).map((type, i) => `$${first + i}::${type}[]`);
  return `unnest(${arrays.join(', ')}) AS ${name} (${Object.keys(columns).join(', ')})`;
}

/** The parameters for `unnest`. */
export function columnsOf<Name extends string>(
  columns: Record<Name, ColumnType>,
  rows: readonly Record<Name, Value>[],
): Buffer[] {
  const entries = Object.entries<ColumnType>(columns) as [Name, ColumnType][];
  return entries.map(([name, type]) =>
    binaryArray(
      type,
      rows.map((row) => row[name]),
    ),
  );
}
