import { html, query, type Html } from '../../../http/pages/html.ts';
import { adminPage, type Frame, type Section } from '../page.ts';
import type { Filter, List, ListPage, ListWish } from '../lists/list.ts';
import { pager, rowTable, tabs } from './parts.ts';

export interface ListView<Row> {
  list: List<Row>;
  wish: Omit<ListWish, 'limit'>;
  page: ListPage<Row>;
  /** Lists beside this one. */
  siblings: readonly { title: string; path: string }[];
  section: Section;
  businessNow: number;
}

/** A list with its filters, which are in the address: a view is kept by keeping the address. */
export function listPage<Row>(frame: Frame, view: ListView<Row>): string {
  const { list, wish, page, siblings } = view;
  const [firstSort] = list.sorts;
  const sort = wish.sort === firstSort?.[0] ? null : wish.sort;
  const address = { ...wish.filters, sort };
  const href = (more: Record<string, string>): string =>
    `${list.path}${query({ ...address, ...more })}`;
  return adminPage(frame, {
    title: list.title,
    section: view.section,
    search: wish.filters['q'] ?? '',
    content: html`<section class="panel" data-follow="list" aria-labelledby="list-title">
      <div class="panel-head">
        <h1 id="list-title">${list.title}</h1>
        <span class="muted">${list.about}</span>
        <span class="push inline">
          ${
            siblings.length > 1 &&
            tabs(
              'Lists',
              siblings.map(({ title, path }) => ({
                text: title,
                href: path,
                current: path === list.path,
              })),
            )
          }
          <a class="button small" href="${exportPath(view)}">CSV</a>
        </span>
      </div>
      ${filterForm(view)}
      ${page.note && html`<div class="panel-body">${typeof page.note === 'string' ? html`<p class="error-text">${page.note}</p>` : page.note}</div>`}
      ${
        page.rows.length === 0
          ? html`<p class="empty">${list.empty}</p>`
          : rowTable(
              list.title,
              list.columns
                .filter((column) => 'cell' in column)
                .map((column) => ({
                  title: column.title,
                  right: column.right === true,
                  cell: (row: Row) => column.cell?.(row, { frame, ...view }),
                })),
              page.rows,
            )
      }
      ${pager(
        list.sorts.find(([key]) => key === wish.sort)?.[1] ?? '',
        page.next === null ? null : href({ after: page.next }),
        wish.after === null ? null : href({}),
      )}
    </section>`,
  });
}

function exportPath<Row>({ list, wish }: ListView<Row>): string {
  const { filters, sort } = wish;
  return `/admin/api/export/${list.name}${query({ format: 'csv', ...filters, sort })}`;
}

function filterForm<Row>({ list, wish }: ListView<Row>): Html | null {
  if (list.filters.length === 0 && list.sorts.length < 2) return null;
  return html`<form class="filters" action="${list.path}">
    ${list.filters.map((filter) => filterField(filter, wish.filters[filter.name] ?? ''))}
    ${
      list.sorts.length > 1 &&
      html`<div class="field">
        <label for="filter-sort">Order</label>
        <select id="filter-sort" name="sort">
          ${list.sorts.map(([key, words]) => html`<option value="${key}" ${key === wish.sort && html` selected`}>${words}</option>`)}
        </select>
      </div>`
    }
    <button type="submit">Filter</button>
    ${Object.keys(wish.filters).length > 0 && html`<a class="button" href="${list.path}">All</a>`}
  </form>`;
}

function filterField({ name, label, options, type }: Filter, value: string): Html {
  const id = `filter-${name}`;
  const control = options
    ? html`<select id="${id}" name="${name}">
        <option value="">any</option>
        ${options.map(([key, words]) => html`<option value="${key}" ${key === value && html` selected`}>${words}</option>`)}
      </select>`
    : html`<input id="${id}" type="${type ?? 'text'}" name="${name}" value="${value}" />`;
  return html`<div class="field ${type === 'search' && 'wide'}">
    <label for="${id}">${label}</label>${control}
  </div>`;
}
