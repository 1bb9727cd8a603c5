/** SQLite takes at most 500 rows in one INSERT of many, as a compound SELECT; PostgreSQL 65,535 values. */
const MAX_ROWS = 400;

/** Rows in portions that either database takes in one INSERT. */
export function inChunks<Row>(rows: readonly Row[]): Row[][] {
  const chunks: Row[][] = [];
  for (let i = 0; i < rows.length; i += MAX_ROWS) chunks.push(rows.slice(i, i + MAX_ROWS));
  return chunks;
}
