import type { Services } from '../../../lib/services.ts';
import type { List, ListWish } from './list.ts';

export type ExportFormat = 'csv' | 'ndjson';

/** Rows that are in memory at a time. */
const PAGE = 500;

/** Every row of a list, page by page: memory does not grow with the list. */
export function exportStream<Row>(
  services: Services,
  list: List<Row>,
  wish: Pick<ListWish, 'filters' | 'sort'> & { format: ExportFormat },
): ReadableStream<Uint8Array> {
  const parts = texts(services, list, wish);
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await parts.return(undefined);
    },
  });
}

async function* texts<Row>(
  services: Services,
  list: List<Row>,
  { format, ...wish }: Pick<ListWish, 'filters' | 'sort'> & { format: ExportFormat },
): AsyncGenerator<string, undefined> {
  const { columns } = list;
  if (format === 'csv') yield csvLine(columns.map(({ name }) => name));
  let after: string | null = null;
  do {
    const page = await list.page(services, { ...wish, after, limit: PAGE });
    yield page.rows
      .map((row) => {
        const values = columns.map((column): [string, Cell] => [column.name, column.value(row)]);
        return format === 'csv'
          ? csvLine(values.map(([, value]) => value))
          : `${JSON.stringify(Object.fromEntries(values))}\n`;
      })
      .join('');
    after = page.next;
  } while (after !== null);
  return undefined;
}

type Cell = string | number | null;

const csvLine = (values: readonly Cell[]): string =>
  `${values.map((value) => csvCell(value)).join(',')}\r\n`;

/** Quoted where RFC 4180 asks for it. A text that a spreadsheet would take for a formula gets an apostrophe before it. */
function csvCell(value: Cell): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
