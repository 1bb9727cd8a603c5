import { ago, dateTime, shortCount } from '../../../http/pages/format.ts';
import { html, query, type Html } from '../../../http/pages/html.ts';
import { adminPage, hidden, mayAct, type Frame } from '../page.ts';
import { eventLink, pager, rowTable, subscriptionLink, tabs, type Column } from './parts.ts';

/** The word shown for an event: `failed` is waiting for another try after an error. */
export type ShownStatus = 'waiting' | 'failed' | 'dead' | 'done' | 'ignored';

export interface EventListItem {
  id: string;
  type: string;
  status: ShownStatus;
  subscriptionId: string | null;
  /** What it moved: `active → past_due`, one entry per line of the history. */
  moved: string[];
  attempts: number;
  lastError: string | null;
  flags: string[];
  receivedAt: number;
}

export interface EventFilter {
  status: string;
  type: string;
  q: string;
  since: string;
  until: string;
}

export interface EventsView {
  filter: EventFilter;
  rows: EventListItem[];
  /** Dead and failed ones, shown first while nothing is filtered. */
  attention: EventListItem[];
  next: string | null;
  firstPage: boolean;
  /** Set when the search stopped early: everything newer than this was searched. */
  searchedBackTo: number | null;
  counts: { waiting: number; failed: number; dead: number };
  types: readonly string[];
}

const STATUSES = ['', 'dead', 'failed', 'waiting', 'done', 'ignored'] as const;

/** The inbox: what arrived, what became of it, and what needs attention. */
export function eventsPage(frame: Frame, view: EventsView): string {
  const href = (more: Record<string, string | null>): string =>
    `/admin/events${query({ ...view.filter, ...more })}`;
  return adminPage(frame, {
    title: 'Webhook events',
    section: 'events',
    content: html`<div data-follow="attention">
        ${view.attention.length > 0 && attentionPanel(frame, view)}
      </div>
      <section class="panel" aria-labelledby="list-title" data-events>
        <div class="panel-head">
          <h1 id="list-title">Webhook events</h1>
          ${tabs('Status', statusTabs(view, href))}
          <span class="push inline">
            ${!view.firstPage && html`<a class="button small" href="${href({})}" data-fresh hidden>New events</a>`}
            ${
              mayAct(frame) &&
              view.counts.dead + view.counts.failed > 0 &&
              html`<a
                class="button"
                href="/admin/events/replay${query({ status: view.counts.dead > 0 ? 'dead' : 'failed' })}"
                >Replay all failed…</a
              >`
            }
          </span>
        </div>
        ${filterForm(view)}
        <div ${view.firstPage && html`data-follow="events"`}>
          ${view.rows.length === 0 ? html`<p class="empty">No events match.</p>` : list(frame, view)}
        </div>
        ${pager(
          view.searchedBackTo === null
            ? 'Newest first'
            : `Searched back to ${dateTime(view.searchedBackTo)} UTC; older ones follow`,
          view.next === null ? null : href({ after: view.next }),
          view.firstPage ? null : href({}),
        )}
      </section>`,
  });
}

function statusTabs(
  view: EventsView,
  href: (more: Record<string, string | null>) => string,
): Parameters<typeof tabs>[1] {
  const badge = (status: string): Html | undefined => {
    if (status !== 'dead' && status !== 'failed' && status !== 'waiting') return undefined;
    return html`<span data-inbox="${status}">${shortCount(view.counts[status])}</span>`;
  };
  return STATUSES.map((status) => ({
    text: status === '' ? 'all' : status,
    href: href({ status, after: null }),
    current: view.filter.status === status,
    badge: badge(status),
  }));
}

function filterForm(view: EventsView): Html {
  const { filter } = view;
  return html`<form class="filters" action="/admin/events" role="search" aria-label="Filter events">
    <input type="hidden" name="status" value="${filter.status}" />
    <label class="field"
      ><span>Event, subscription or customer</span
      ><input name="q" value="${filter.q}" placeholder="evt_ sub_ cus_"
    /></label>
    <label class="field"
      ><span>Type</span
      ><input
        name="type"
        value="${filter.type}"
        list="types"
        placeholder="invoice.paid or invoice.*"
    /></label>
    <datalist id="types">
      ${view.types.map((type) => html`<option value="${type}"></option>`)}
    </datalist>
    <label class="field"
      ><span>Received from (UTC)</span
      ><input name="since" type="datetime-local" value="${filter.since}"
    /></label>
    <label class="field"
      ><span>until (UTC)</span><input name="until" type="datetime-local" value="${filter.until}"
    /></label>
    <button type="submit">Filter</button>
    <a class="button" href="/admin/events">Clear</a>
  </form>`;
}

const select: Column<EventListItem> = {
  title: 'Select',
  cell: (row) =>
    html`<input type="checkbox" name="id" value="${row.id}" aria-label="Select ${row.id}" />`,
};

const selects = (frame: Frame): Column<EventListItem>[] => (mayAct(frame) ? [select] : []);

const what: Column<EventListItem>[] = [
  {
    title: 'Status',
    cell: (row) =>
      html`<span class="status ${row.status}">${row.status}</span
        >${row.flags.map((flag) => html` <span class="flag soft">${flag.replaceAll('_', ' ')}</span>`)}`,
  },
  { title: 'Event', cell: (row) => html`<span class="mono">${row.type}</span>` },
  { title: 'Id', cell: (row) => eventLink(row.id) },
];

const when = (now: number): Column<EventListItem>[] => [
  { title: 'Attempts', cell: (row) => row.attempts, right: true },
  { title: 'Received', cell: (row) => ago(row.receivedAt, now), right: true },
];

/** A form around a table of events, by which those that are ticked are replayed. */
function replayForm(frame: Frame, back: string, table: Html): Html {
  if (!mayAct(frame)) return table;
  return html`<form method="post" action="/admin/events/replay">
    ${hidden(frame, back)} ${table}
    <div class="panel-foot">
      <label class="inline" data-select-all hidden
        ><input type="checkbox" name="" value="" /> Select all of these</label
      >
      <button type="submit">Replay selected</button>
    </div>
  </form>`;
}

/** Dead and failed events come first. */
function attentionPanel(frame: Frame, view: EventsView): Html {
  const error: Column<EventListItem> = {
    title: 'Error',
    cell: (row) => html`<span class="danger">${row.lastError}</span>`,
  };
  const columns = [...selects(frame), ...what, error, ...when(frame.now)];
  return html`<section class="panel" aria-labelledby="attention-title">
    <div class="panel-head"><h2 id="attention-title">Needs attention</h2></div>
    ${replayForm(frame, '/admin/events', rowTable('Events that need attention', columns, view.attention))}
    ${moreLine(view)}
  </section>`;
}

/** Only the newest are shown; the others are counted and linked. */
function moreLine({ attention, counts }: EventsView): Html | null {
  const hidden = counts.dead + counts.failed - attention.length;
  if (hidden <= 0) return null;
  const link = (status: 'dead' | 'failed') =>
    counts[status] > 0 &&
    html`<a href="/admin/events${query({ status })}"
      >All ${shortCount(counts[status])} ${status}</a
    >`;
  return html`<p class="panel-foot">
    <span>${shortCount(hidden)} more</span
    ><span class="inline">${link('dead')} ${link('failed')}</span>
  </p>`;
}

function list(frame: Frame, view: EventsView): Html {
  const columns: Column<EventListItem>[] = [
    ...selects(frame),
    ...what,
    {
      title: 'Subscription',
      cell: (row) => row.subscriptionId && subscriptionLink(row.subscriptionId),
    },
    {
      title: 'Transition',
      cell: (row) =>
        row.moved.length === 0
          ? '–'
          : row.moved.map((words) => html`<div class="nowrap">${words}</div>`),
    },
    ...when(frame.now),
  ];
  const back = `/admin/events${query({ ...view.filter })}`;
  return replayForm(frame, back, rowTable('Webhook events', columns, view.rows));
}

/** Asks before many events are replayed. */
export function replayPage(
  frame: Frame,
  view: { status: 'dead' | 'failed'; total: number },
): string {
  return adminPage(frame, {
    title: 'Replay events',
    section: 'events',
    content: html`<section class="panel narrow">
      <div class="panel-head"><h1>Replay ${shortCount(view.total)} ${view.status} events?</h1></div>
      <form class="panel-body stack" method="post" action="/admin/events/replay">
        ${hidden(frame, `/admin/events${query({ status: view.status })}`)}
        <input type="hidden" name="status" value="${view.status}" />
        <p>
          They are processed like new events, oldest first. Effects that an event already had are
          not repeated.
        </p>
        <div class="inline">
          <button class="primary" type="submit">Replay</button
          ><a class="button" href="/admin/events">Back</a>
        </div>
      </form>
    </section>`,
  });
}
