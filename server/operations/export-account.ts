import { accountRows, idsOfAccount } from '../../db/account-data.ts';
import type { Services } from '../lib/services.ts';

/** Columns that hold JSON as text. */
const JSON_COLUMNS = new Set([
  'facts',
  'payload',
  'detail',
  'flags',
  'features',
  'response',
  'before',
  'result',
]);

/** All that is stored of an account, as the text of one JSON document: `{account, exportedAt, <table>: [rows]}`. */
export async function* exportAccount(
  { database }: Pick<Services, 'database'>,
  accountId: string,
): AsyncGenerator<string> {
  const ids = await idsOfAccount(database.knex, accountId);
  const head = { account: accountId, exportedAt: new Date().toISOString() };
  yield JSON.stringify(head).slice(0, -1);
  let open: string | null = null;
  for await (const { table, rows } of accountRows(database.knex, ids)) {
    const lines = rows.map((row) => JSON.stringify(row, withObjects)).join(',\n');
    if (open === table) yield `,\n${lines}`;
    else yield `${open === null ? '' : ']'},\n${JSON.stringify(table)}:[\n${lines}`;
    open = table;
  }
  yield `${open === null ? '' : ']'}}\n`;
}

function withObjects(name: string, value: unknown): unknown {
  if (typeof value !== 'string' || !JSON_COLUMNS.has(name)) return value;
  try {
    return JSON.parse(value);
  } catch {
    // A payload that was no JSON is stored as it came.
    return value;
  }
}
