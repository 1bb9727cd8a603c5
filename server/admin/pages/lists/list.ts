import { LIFECYCLE_STATES } from '../../../../state/types.ts';
import type { Services } from '../../../lib/services.ts';
import type { Html, Value } from '../../../http/pages/html.ts';
import type { Frame } from '../page.ts';

/** What a list is narrowed by: fields of its address. */
export interface Filter {
  name: string;
  label: string;
  /** A choice; without, a day or a text. */
  options?: readonly (readonly [value: string, words: string])[];
  type?: 'date' | 'search';
}

/** What lists of accounts and of subscriptions are narrowed by. */
export const STATE_AND_TIME: readonly Filter[] = [
  {
    name: 'state',
    label: 'State',
    options: LIFECYCLE_STATES.filter((state) => state !== 'none').map((state) => [state, state]),
  },
  { name: 'plan', label: 'Plan' },
  { name: 'from', label: 'Since', type: 'date' },
  { name: 'to', label: 'Until', type: 'date' },
];

export interface Column<Row> {
  /** In exports. */
  name: string;
  title: string;
  right?: boolean;
  /** For programs: no markup, amounts in minor units, times as ISO 8601. */
  value(row: Row): string | number | null;
  /** For people; absent where only exports have it. */
  cell?(row: Row, context: { frame: Frame; businessNow: number }): Value;
}

/** What is asked of a list. */
export interface ListWish {
  filters: Readonly<Record<string, string>>;
  sort: string;
  /** The cursor of the page. */
  after: string | null;
  limit: number;
}

export interface ListPage<Row> {
  rows: Row[];
  /** The cursor of the next page, if there is one. */
  next: string | null;
  /** Words above the list: why it is not whole, or what it comes to. */
  note?: string | Html | null;
}

/** One list: as a page, and as a stream of rows for exports. Both go by the same filters, order and columns. */
export interface List<Row> {
  name: string;
  /** Where its page is. */
  path: string;
  title: string;
  /** What it shows, in a sentence. */
  about: string;
  empty: string;
  filters: readonly Filter[];
  /** The first one is taken unless another is asked for. */
  sorts: readonly (readonly [key: string, words: string])[];
  columns: readonly Column<Row>[];
  page: (services: Services, wish: ListWish) => Promise<ListPage<Row>>;
}

/** The filters and the order that an address names, as far as the list knows them. */
export function wishOf<Row>(
  list: Pick<List<Row>, 'filters' | 'sorts'>,
  query: URLSearchParams,
): Pick<ListWish, 'filters' | 'sort'> {
  const given = list.filters.flatMap(({ name, options, type }): [string, string][] => {
    const value = query.get(name)?.trim() ?? '';
    if (value === '' || (options && !options.some(([key]) => key === value))) return [];
    if (type === 'date' && !/^\d{4}-\d\d-\d\d$/.test(value)) return [];
    return [[name, value.slice(0, 200)]];
  });
  const [first] = list.sorts;
  const sort = list.sorts.find(([key]) => key === query.get('sort')) ?? first;
  return { filters: Object.fromEntries(given), sort: sort?.[0] ?? '' };
}

/** Midnight UTC of a day; undefined for none. */
export function dayOf(text: string | undefined): number | undefined {
  const at = Date.parse(`${text ?? ''}T00:00:00Z`);
  return Number.isNaN(at) ? undefined : at;
}

/** The end of a day. */
export function dayEnd(text: string | undefined): number | undefined {
  const at = dayOf(text);
  return at === undefined ? undefined : at + 86_400_000 - 1;
}

export const iso = (at: number | null): string | null =>
  at === null ? null : new Date(at).toISOString();

/** One row more than a page is read, to know whether there is another. */
export function cutPage<Row>(
  rows: readonly Row[],
  limit: number,
  cursorOf: (row: Row) => string,
): ListPage<Row> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > limit && last ? cursorOf(last) : null };
}
