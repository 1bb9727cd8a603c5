/** SQLite takes at most 500 rows in one INSERT of many, as a compound SELECT; PostgreSQL 65,535 values. */
const MOST_ROWS = 400;

/** Rows in portions that either database takes in one INSERT. */
export function inChunks<Row>(rows: readonly Row[]): Row[][] {
  const chunks: Row[][] = [];
  for (let i = 0; i < rows.length; i += MOST_ROWS) chunks.push(rows.slice(i, i + MOST_ROWS));
  return chunks;
}
