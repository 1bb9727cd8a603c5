import type { LifecycleEventType, LifecycleState } from '../../../../state/types.ts';
import { ago, clockTime, date, dateTime, exact, stateChip } from '../../../http/pages/format.ts';
import { html, query, type Html, type Value } from '../../../http/pages/html.ts';
import { adminPage, hidden, mayAct, type Frame } from '../page.ts';
import { htmlDocument } from '../../../http/pages/document.ts';
import { plot, type Plot } from '../plots.ts';
import { causeOf, type TimelineStep } from '../timeline.ts';
import type { CohortRow } from '../../../../state/mrr-movements.ts';
import type { MovementRow } from '../queries/figures.ts';
import { movementsPanel, retentionPanel } from './figures.ts';
import { pager, rowTable, subscriptionLink, tabs } from './parts.ts';

/** A line of the history with the subscription that it is about. */
export type MoveItem = TimelineStep & { id: number; subscriptionId: string; recordedAt: number };

export interface TransitionsView {
  from: LifecycleState[];
  to: LifecycleState | null;
  event: LifecycleEventType | null;
  unexpected: boolean;
  window: string;
  rows: MoveItem[];
  next: string | null;
  firstPage: boolean;
}

/** The transitions along an arrow of the chart. */
export function transitionsPage(frame: Frame, view: TransitionsView): string {
  const href = (more: Record<string, string>): string =>
    `/admin/transitions${query({
      from: view.from.join(','),
      to: view.to,
      event: view.event,
      unexpected: view.unexpected ? 1 : null,
      window: view.window,
      ...more,
    })}`;
  return adminPage(frame, {
    title: 'Transitions',
    section: 'lifecycle',
    content: html`<section class="panel" aria-labelledby="list-title">
      <div class="panel-head">
        <h1 id="list-title">
          ${view.unexpected ? 'Unexpected transitions' : html`Transitions ${view.event && html`<code>${view.event}</code>`}`}
        </h1>
        ${view.from.map((state) => stateChip(state))}${view.to && html` → ${stateChip(view.to)}`}
        <a class="push button" href="/admin/transitions${query({ unexpected: 1 })}"
          >Unexpected only</a
        >
      </div>
      ${view.rows.length === 0 ? html`<p class="empty">No transitions in this period.</p>` : moveTable(view.rows, frame.now)}
      ${pager('Newest first', view.next === null ? null : href({ before: view.next }), view.firstPage ? null : href({}))}
    </section>`,
  });
}

export function moveTable(rows: readonly MoveItem[], now: number): Html {
  return rowTable(
    'Transitions',
    [
      { title: 'Subscription', cell: (row) => subscriptionLink(row.subscriptionId) },
      {
        title: 'Transition',
        cell: (row) =>
          html`${stateChip(row.from)} →
          ${stateChip(row.to)}${row.unexpected && html` <span class="flag">unexpected</span>`}`,
      },
      { title: 'Event', cell: (row) => html`<span class="mono">${row.event}</span>` },
      { title: 'Cause', cell: (row) => causeOf(row) },
      { title: 'Happened', cell: (row) => exact(row.at), right: true },
      { title: 'Recorded', cell: (row) => ago(row.recordedAt, now), right: true },
    ],
    rows,
  );
}

export interface MetricsView {
  span: string;
  spans: readonly { key: string; words: string }[];
  currency: string | null;
  currencies: readonly string[];
  plots: (Plot & { note: string })[];
  movements: MovementRow[];
  /** Null unless it was asked for: every account is counted for it. */
  cohorts: CohortRow[] | null;
}

/** MRR, trial conversion, churn and recovered payments over time. */
export function metricsPage(frame: Frame, view: MetricsView): string {
  const href = (more: Record<string, string>): string =>
    `/admin/metrics${query({ span: view.span, currency: view.currency, ...more })}`;
  return adminPage(frame, {
    title: 'Metrics',
    section: 'metrics',
    content: html`<div class="head">
        <h1>Metrics</h1>
        <div class="push inline">
          ${
            view.currencies.length > 1 &&
            tabs(
              'Currency',
              view.currencies.map((currency) => ({
                text: currency.toUpperCase(),
                href: href({ currency }),
                current: currency === view.currency,
              })),
            )
          }
          ${tabs(
            'Time',
            view.spans.map(({ key, words }) => ({
              text: words,
              href: href({ span: key }),
              current: key === view.span,
            })),
          )}
        </div>
      </div>
      <div class="halves">
        ${view.plots.map(
          (chart, index) =>
            html`<section class="panel" aria-labelledby="plot-${index}">
              <div class="panel-head">
                <h2 id="plot-${index}">${chart.title}</h2>
                <span class="muted">${chart.note}</span>
              </div>
              <div class="panel-body">${plot(chart)}</div>
            </section>`,
        )}
      </div>
      ${movementsPanel(view.movements, `in ${view.spans.find(({ key }) => key === view.span)?.words ?? ''}`)}
      ${retentionPanel(view.cohorts, href({ cohorts: '1' }))}`,
  });
}

export interface TimeView {
  /** When the next thing is due on this clock, and what. */
  nextEvent: { at: number; words: string } | null;
  nextPeriodEnd: number | null;
  /** What happened since the clock was moved from here. */
  since: { from: number; moves: MoveItem[] } | null;
}

/** Time travel: the test clock, its buttons, and what happened meanwhile. */
export function timePage(frame: Frame, view: TimeView): string {
  const { clock } = frame;
  const button = (by: string, text: string): Html =>
    html`<button name="by" value="${by}" ${clock?.advancing && html` disabled`}>${text}</button>`;
  return adminPage(frame, {
    title: 'Time travel',
    section: 'time',
    content: html`<section class="panel" aria-labelledby="time-title">
        <div class="panel-head"><h1 id="time-title">Time travel</h1></div>
        <div class="panel-body stack">
          ${
            clock
              ? html`<p class="total" data-clock>${dateTime(clock.now)} UTC</p>
                  <p class="muted">
                    ${clock.advancing ? 'The clock is advancing; Stripe is processing what is due.' : `Test clock ${clock.id}`}
                  </p>
                  ${
                    mayAct(frame) &&
                    html`<form class="inline" method="post" action="/admin/time">
                      ${hidden(frame, '/admin/time')} ${button('hour', '+1 hour')}
                      ${button('day', '+1 day')} ${button('month', '+1 month')}
                      ${view.nextEvent && button('next', `To the next event · ${dateTime(view.nextEvent.at)} UTC`)}
                      ${view.nextPeriodEnd !== null && button('period', `To the end of the period · ${date(view.nextPeriodEnd)}`)}
                    </form>`
                  }
                  ${view.nextEvent && html`<p class="muted">Next: ${view.nextEvent.words}</p>`}`
              : html`<p>
                  No test clock is set. Start with <code>STRIPE_TEST_CLOCK</code>, or with
                  <code>npm start</code> and no key, to move time here.
                </p>`
          }
        </div>
      </section>
      ${view.since && meanwhile(frame, view.since)}`,
  });
}

function meanwhile(frame: Frame, since: { from: number; moves: MoveItem[] }): Html {
  return html`<section class="panel" aria-labelledby="meanwhile-title" data-meanwhile>
    <div class="panel-head">
      <h2 id="meanwhile-title">Transitions since ${exact(since.from)}</h2>
    </div>
    ${since.moves.length === 0 ? html`<p class="empty">No transitions yet.</p>` : moveTable(since.moves, frame.now)}
  </section>`;
}

export interface AuditItem {
  id: number;
  at: number;
  actor: string;
  action: string;
  target: string | null;
  detail: string;
  requestId: string | null;
  address: string | null;
}

/** What operators and scripts did. */
export function auditPage(
  frame: Frame,
  view: { rows: AuditItem[]; next: string | null; firstPage: boolean },
): string {
  return adminPage(frame, {
    title: 'Audit log',
    section: 'audit',
    content: html`<section class="panel" aria-labelledby="list-title">
      <div class="panel-head"><h1 id="list-title">Audit log</h1></div>
      ${
        view.rows.length === 0
          ? html`<p class="empty">
              Nothing yet. What operators do and every sign-in are listed here.
            </p>`
          : rowTable(
              'Audit log',
              [
                { title: 'Time', cell: (row): Value => html`${date(row.at)} ${clockTime(row.at)}` },
                { title: 'Actor', cell: (row) => row.actor },
                { title: 'Action', cell: (row) => html`<span class="mono">${row.action}</span>` },
                {
                  title: 'Target',
                  cell: (row) => row.target && html`<span class="mono">${row.target}</span>`,
                },
                { title: 'Detail', cell: (row) => html`<span class="mono">${row.detail}</span>` },
                { title: 'From', cell: (row) => row.address },
                {
                  title: 'Request',
                  cell: (row) => row.requestId && html`<span class="mono">${row.requestId}</span>`,
                },
              ],
              view.rows,
            )
      }
      ${pager('Newest first', view.next === null ? null : `/admin/audit${query({ before: view.next })}`, view.firstPage ? null : '/admin/audit')}
    </section>`,
  });
}

/** Something the dashboard does not have, or could not do. */
export function messagePage(frame: Frame, view: { title: string; words: string }): string {
  return adminPage(frame, {
    title: view.title,
    section: null,
    content: html`<section class="panel narrow">
      <div class="panel-head"><h1>${view.title}</h1></div>
      <div class="panel-body stack">
        <p>${view.words}</p>
        <p><a href="/admin">Back to the dashboard</a></p>
      </div>
    </section>`,
  });
}

/** The sign-in form; `error` says what went wrong the last time. */
export function loginPage(view: {
  theme: Frame['theme'];
  assets: Frame['assets'];
  error: string | null;
  hasTokens: boolean;
  /** Host of the OpenID provider; null without one. */
  provider: string | null;
  back: string;
}): string {
  const isClosed = !view.hasTokens && view.provider === null;
  return htmlDocument({
    title: 'Sign in',
    theme: view.theme,
    assets: view.assets,
    body: html`<main id="content" tabindex="-1">
      <section class="panel narrow" aria-labelledby="login-title">
        <div class="panel-head"><h1 id="login-title">Sign in to Tenure</h1></div>
        <form class="panel-body stack" method="post" action="/admin/login">
          ${view.error !== null && html`<p class="error-text" role="alert">${view.error}</p>`}
          ${
            view.provider !== null &&
            html`<a
              class="button primary"
              href="/admin/login/oidc?back=${encodeURIComponent(view.back)}"
              >Sign in with ${view.provider}</a
            >`
          }
          ${
            view.hasTokens &&
            html`<label class="field"
                ><span>Your token</span
                ><input
                  name="token"
                  type="password"
                  autocomplete="current-password"
                  required
                  autofocus
              /></label>
              <input type="hidden" name="back" value="${view.back}" />
              <button class="${view.provider === null && 'primary'}" type="submit">Sign in</button>`
          }
          ${
            isClosed &&
            html`<p>
              The dashboard is closed: set <code>ADMIN_TOKEN</code>, <code>ADMIN_TOKENS</code> or
              <code>ADMIN_OIDC_ISSUER</code> to open it.
            </p>`
          }
        </form>
      </section>
    </main>`,
  });
}
