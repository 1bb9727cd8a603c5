import type { Access, LifecycleState } from '../../../../state/types.ts';
import { LIFECYCLE_STATES } from '../../../../state/types.ts';
import { ago, exact, shortCount, stateChip } from '../../../http/pages/format.ts';
import { html, query, type Html } from '../../../http/pages/html.ts';
import { adminPage, type Frame } from '../page.ts';
import { pager, rowTable, subscriptionLink, tabs } from './parts.ts';

/** A row of the list. Times in ms; `price` is ready to be read. */
export interface SubscriptionListItem {
  id: string;
  customerId: string;
  email: string | null;
  state: LifecycleState;
  plan: string | null;
  price: string;
  access: Access;
  since: number;
  periodEnd: number | null;
  duplicate: boolean;
}

export interface SubscriptionsView {
  state: LifecycleState | null;
  q: string;
  duplicate: boolean;
  foreign: boolean;
  plan: string | null;
  from: string | null;
  to: string | null;
  oldestFirst: boolean;
  counts: Partial<Record<LifecycleState, number>>;
  rows: SubscriptionListItem[];
  /** Cursor of the next page, if there is one. */
  next: string | null;
  firstPage: boolean;
  /** Business time, for what is relative to the subscription's own life. */
  businessNow: number;
}

/** The list of subscriptions: by state, by customer, by e-mail. */
export function subscriptionsPage(frame: Frame, view: SubscriptionsView): string {
  const href = (more: Record<string, string | null>): string =>
    `/admin/subscriptions${query({
      ...filtersOf(view),
      q: view.q,
      duplicate: view.duplicate ? 1 : null,
      foreign: view.foreign ? 1 : null,
      ...more,
    })}`;
  return adminPage(frame, {
    title: view.state ? `${view.state} subscriptions` : 'Subscriptions',
    section: 'subscriptions',
    search: view.q,
    content: html`<section class="panel" data-follow="list" aria-labelledby="list-title">
      <div class="panel-head">
        <h1 id="list-title">${title(view)}</h1>
        <div class="push">${stateTabs(view)}</div>
      </div>
      ${filterForm(view)}
      ${
        view.rows.length === 0
          ? html`<p class="empty">
              ${view.q === '' ? 'No subscriptions in this state.' : `No results for “${view.q}”. Search by subscription or customer id, or by the beginning of an e-mail address.`}
            </p>`
          : list(view)
      }
      ${pager(
        view.q !== '' ? 'By e-mail address' : view.oldestFirst ? 'Oldest first' : 'Newest first',
        view.next === null ? null : href({ after: view.next }),
        view.firstPage ? null : href({}),
      )}
    </section>`,
  });
}

function filtersOf({ state, plan, from, to, oldestFirst }: SubscriptionsView) {
  return { state, plan, from, to, sort: oldestFirst ? 'oldest' : null };
}

function filterForm(view: SubscriptionsView): Html | null {
  if (view.q !== '' || view.duplicate || view.foreign) return null;
  const { state, plan, from, to, oldestFirst } = view;
  const field = (name: string, label: string, control: Html): Html =>
    html`<div class="field"><label for="filter-${name}">${label}</label>${control}</div>`;
  const date = (name: string, value: string | null): Html =>
    html`<input id="filter-${name}" name="${name}" type="date" value="${value ?? ''}" />`;
  return html`<form class="filters" action="/admin/subscriptions">
    ${state && html`<input type="hidden" name="state" value="${state}" />`}
    ${field('plan', 'Plan', html`<input id="filter-plan" name="plan" value="${plan ?? ''}" />`)}
    ${field('from', 'Began from', date('from', from))} ${field('to', 'Until', date('to', to))}
    ${field(
      'sort',
      'Order',
      html`<select id="filter-sort" name="sort">
        <option value="newest">newest first</option>
        <option value="oldest" ${oldestFirst && html` selected`}>oldest first</option>
      </select>`,
    )}
    <button type="submit">Filter</button>
    <a
      class="button push"
      href="/admin/api/export/subscriptions${query({ format: 'csv', ...filtersOf(view) })}"
      >CSV</a
    >
  </form>`;
}

function title(view: SubscriptionsView): Html {
  if (view.foreign) return html`Not ours: other programs, or no account`;
  if (view.duplicate) return html`More than one live subscription`;
  if (view.q !== '') return html`Results for “${view.q}”`;
  return view.state ? html`Subscriptions ${stateChip(view.state)}` : html`Subscriptions`;
}

function stateTabs(view: SubscriptionsView): Html {
  const states = LIFECYCLE_STATES.filter((state) => state !== 'none');
  return tabs('States', [
    {
      text: 'all',
      href: '/admin/subscriptions',
      current: view.state === null && view.q === '' && !view.duplicate && !view.foreign,
    },
    ...states.map((state) => ({
      text: state,
      href: `/admin/subscriptions${query({ state })}`,
      current: view.state === state,
      badge: html`<span data-count="${state}">${shortCount(view.counts[state] ?? 0)}</span>`,
    })),
    { text: 'not ours', href: '/admin/subscriptions?foreign=1', current: view.foreign },
  ]);
}

function list(view: SubscriptionsView): Html {
  return rowTable(
    'Subscriptions',
    [
      { title: 'Subscription', cell: (row) => subscriptionLink(row.id) },
      {
        title: 'Customer',
        cell: (row) => html`${row.email ?? html`<span class="mono">${row.customerId}</span>`}`,
      },
      {
        title: 'State',
        cell: (row) =>
          html`${stateChip(row.state)}${row.duplicate && html` <span class="flag">duplicate</span>`}`,
      },
      {
        title: 'Plan',
        cell: (row) => html`${row.plan ?? '–'} <span class="muted">${row.price}</span>`,
      },
      { title: 'Access', cell: (row) => accessWords(row.access) },
      { title: 'In this state', cell: (row) => ago(row.since, view.businessNow), right: true },
      { title: 'Period ends', cell: (row) => exact(row.periodEnd), right: true },
    ],
    view.rows,
  );
}

/** `full`, `grace` or `none`, coloured by what it means. */
export function accessWords(access: { level: Access['level']; reason: string }): Html {
  const tone = { full: 'good', grace: '', none: 'danger' }[access.level];
  return html`<span class="${tone}">${access.level}</span>${
      access.level !== 'full' &&
      html` <span class="muted">${access.reason.replaceAll('_', ' ')}</span>`
    }`;
}
