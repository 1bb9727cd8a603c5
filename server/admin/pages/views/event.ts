import type { LifecycleEventType, LifecycleState } from '../../../../state/types.ts';
import { clockTime, date, exact, stateChip } from '../../../http/pages/format.ts';
import { html, query, type Html } from '../../../http/pages/html.ts';
import { adminPage, hidden, mayAct, type Frame } from '../page.ts';
import { facts, rowTable, subscriptionLink } from './parts.ts';
import type { ShownStatus } from './events.ts';

/** One event of the inbox, whole. Times in ms. */
export interface EventView {
  id: string;
  type: string;
  status: ShownStatus;
  customer: string;
  subscriptionId: string | null;
  objectId: string | null;
  apiVersion: string | null;
  livemode: boolean;
  account: string | null;
  flags: string[];
  source: string;
  createdAt: number;
  receivedAt: number;
  processedAt: number | null;
  nextAttemptAt: number | null;
  attempts: number;
  lastError: string | null;
  failures: { attempt: number; failedAt: number; error: string }[];
  moved: {
    from: LifecycleState;
    to: LifecycleState;
    event: LifecycleEventType;
    subscriptionId: string;
    unexpected: boolean;
  }[];
  effects: {
    kind: string;
    objectId: string;
    status: string;
    attempts: number;
    lastError: string | null;
    deliveredAt: number | null;
  }[];
  headers: Record<string, string>;
  /** Indented JSON, or the text as it came if it is none. */
  payload: string;
}

/** One event: details, attempts, transitions, effects, payload. */
export function eventPage(frame: Frame, view: EventView): string {
  return adminPage(frame, {
    title: view.id,
    section: 'events',
    content: html`<div class="head">
        <h1 class="mono">${view.type}</h1>
        <span class="status ${view.status}">${view.status}</span>
        ${view.flags.map((flag) => html`<span class="flag">${flag.replaceAll('_', ' ')}</span>`)}
        ${
          mayAct(frame) &&
          html`<form class="push" method="post" action="/admin/events/replay">
            ${hidden(frame, `/admin/events/${encodeURIComponent(view.id)}`)}
            <input type="hidden" name="id" value="${view.id}" />
            <button class="primary" type="submit">Replay</button>
          </form>`
        }
      </div>
      <div class="halves">
        <div class="stack">${about(view)} ${attempts(view)} ${moves(view)} ${effects(view)}</div>
        <section class="panel" aria-labelledby="payload-title">
          <div class="panel-head">
            <h2 id="payload-title">Payload</h2>
            <button class="plain" type="button" data-copy="payload" hidden>Copy</button>
          </div>
          <div class="panel-body stack">
            <pre
              class="payload"
              id="payload"
              tabindex="0"
              role="region"
              aria-label="The payload as JSON"
            >
${view.payload}</pre>
            ${
              Object.keys(view.headers).length > 0 &&
              html`<h3>Headers</h3>
                ${facts(Object.entries(view.headers).map(([name, value]) => [name, html`<span class="mono">${value}</span>`] as const))}`
            }
          </div>
        </section>
      </div>`,
  });
}

function about(view: EventView): Html {
  const customer = view.customer.startsWith('cus_')
    ? html`<a class="mono" href="/admin/subscriptions${query({ q: view.customer })}"
        >${view.customer}</a
      >`
    : html`<span class="mono">${view.customer}</span>`;
  return html`<section class="panel" aria-labelledby="about-title">
    <div class="panel-head"><h2 id="about-title">Details</h2></div>
    <div class="panel-body">
      ${facts([
        ['Event', html`<span class="mono">${view.id}</span>`],
        ['Subscription', view.subscriptionId && subscriptionLink(view.subscriptionId)],
        ['Customer', customer],
        ['Object', view.objectId && html`<span class="mono">${view.objectId}</span>`],
        ['Created', exact(view.createdAt)],
        [
          'Received',
          html`${date(view.receivedAt)} ${clockTime(view.receivedAt)} by
          ${view.source.replaceAll('_', ' ')}`,
        ],
        [
          'Processed',
          view.processedAt !== null &&
            html`${date(view.processedAt)} ${clockTime(view.processedAt)}`,
        ],
        [
          'Next attempt',
          view.nextAttemptAt !== null &&
            html`${date(view.nextAttemptAt)} ${clockTime(view.nextAttemptAt)}`,
        ],
        ['API version', view.apiVersion],
        ['Mode', view.livemode ? 'live' : 'test'],
        ['Account', view.account],
      ])}
    </div>
  </section>`;
}

function attempts(view: EventView): Html | null {
  if (view.failures.length === 0 && view.lastError === null) return null;
  return html`<section class="panel" aria-labelledby="attempts-title">
    <div class="panel-head"><h2 id="attempts-title">Attempts</h2></div>
    <div class="panel-body stack">
      ${view.lastError !== null && html`<p class="error-text">${view.lastError}</p>`}
      ${
        view.failures.length > 0 &&
        rowTable(
          'Attempts',
          [
            { title: 'Attempt', cell: (row) => `#${row.attempt}` },
            {
              title: 'Time',
              cell: (row) => html`${date(row.failedAt)} ${clockTime(row.failedAt)}`,
            },
            { title: 'Error', cell: (row) => html`<span class="danger">${row.error}</span>` },
          ],
          view.failures,
        )
      }
    </div>
  </section>`;
}

function moves(view: EventView): Html {
  return html`<section class="panel" aria-labelledby="moved-title">
    <div class="panel-head"><h2 id="moved-title">Transitions</h2></div>
    <div class="panel-body">
      ${
        view.moved.length === 0
          ? html`<span class="muted">No transitions.</span>`
          : view.moved.map(
              (line) =>
                html`<p>
                  ${stateChip(line.from)} → ${stateChip(line.to)}
                  <code>${line.event}</code> ${subscriptionLink(line.subscriptionId)}
                  ${line.unexpected && html`<span class="flag">unexpected</span>`}
                </p>`,
            )
      }
    </div>
  </section>`;
}

function effects(view: EventView): Html | null {
  if (view.effects.length === 0) return null;
  return html`<section class="panel" aria-labelledby="effects-title">
    <div class="panel-head"><h2 id="effects-title">Effects</h2></div>
    ${rowTable(
      'Effects',
      [
        { title: 'Effect', cell: (row) => html`<span class="mono">${row.kind}</span>` },
        { title: 'Object', cell: (row) => html`<span class="mono">${row.objectId}</span>` },
        {
          title: 'Status',
          cell: (row) =>
            html`<span class="status ${row.status === 'delivered' ? 'done' : row.status}"
              >${row.status}</span
            >`,
        },
        {
          title: 'Error',
          cell: (row) => row.lastError && html`<span class="danger">${row.lastError}</span>`,
        },
      ],
      view.effects,
    )}
  </section>`;
}
