import { html, type Html, type Value } from '../../../http/pages/html.ts';

export interface Column<Row> {
  title: string;
  right?: boolean;
  cell: (row: Row) => Value;
}

/** A table that turns into cards on narrow screens. */
export function rowTable<Row>(
  caption: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): Html {
  return html`<table class="rows">
    <caption class="hidden-visually">
      ${caption}
    </caption>
    <thead>
      <tr>
        ${columns.map(
          (column) =>
            html`<th scope="col" ${column.right && html` class="right"`}>
              ${column.title === '' ? html`<span class="hidden-visually">Actions</span>` : column.title}
            </th>`,
        )}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            ${columns.map((column) => html`<td data-label="${column.title}" ${column.right && html` class="right"`}>${column.cell(row)}</td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

/** Names and values, one under the other; empty values are left out. */
export function facts(pairs: readonly (readonly [name: string, value: Value])[]): Html {
  const full = pairs.filter(([, value]) => value !== null && value !== '' && value !== false);
  return html`<dl class="facts">
    ${full.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;
}

/** Links of which one is current. */
export function tabs(
  label: string,
  items: readonly { text: string; href: string; current: boolean; badge?: Value }[],
): Html {
  return html`<nav class="tabs" aria-label="${label}">
    ${items.map(
      (item) =>
        html`<a href="${item.href}" ${item.current && html` aria-current="true"`}
          >${item.text}${
            item.badge !== undefined &&
            item.badge !== null &&
            html` <span class="badge">${item.badge}</span>`
          }</a
        >`,
    )}
  </nav>`;
}

/** The foot of a keyset-paged list: no page numbers, since rows come and go while one reads. */
export function pager(words: string, olderHref: string | null, newestHref: string | null): Html {
  return html`<div class="panel-foot">
    <span>${words}</span>
    <span class="inline">
      ${newestHref !== null && html`<a class="button" href="${newestHref}">Newest</a>`}
      ${olderHref !== null && html`<a class="button" rel="next" href="${olderHref}">Older →</a>`}
    </span>
  </div>`;
}

export function subscriptionLink(id: string): Html {
  return html`<a class="mono" href="/admin/subscriptions/${encodeURIComponent(id)}">${id}</a>`;
}

export function eventLink(id: string): Html {
  return html`<a class="mono" href="/admin/events/${encodeURIComponent(id)}">${id}</a>`;
}

export interface UsageRow {
  meter: string;
  recorded: string;
  acknowledged: string;
}

/** What was used of each meter; nothing where none is billed. */
export function usagePanel(rows: readonly UsageRow[]): Html | null {
  if (rows.length === 0) return null;
  return html`<section class="panel" aria-labelledby="usage-title">
    <div class="panel-head"><h2 id="usage-title">Usage in this period</h2></div>
    ${rowTable(
      'Usage',
      [
        { title: 'Meter', cell: (row) => html`<span class="mono">${row.meter}</span>` },
        { title: 'Recorded', cell: (row) => row.recorded, right: true },
        { title: 'Acknowledged by Stripe', cell: (row) => row.acknowledged, right: true },
      ],
      rows,
    )}
  </section>`;
}
