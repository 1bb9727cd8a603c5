import type { LifecycleState } from '../../../../state/types.ts';
import { LIFECYCLE_STATES } from '../../../../state/types.ts';
import { stateChart, type ChartData } from '../chart.ts';
import { chartLayout } from '../chart-layout.ts';
import type { Tone } from '../../../../state/states.ts';
import { ago, count, percent, shortCount, stateChip, TONES } from '../../../http/pages/format.ts';
import { html, query, type Html } from '../../../http/pages/html.ts';
import { adminPage, type Frame } from '../page.ts';
import { sparkbars, sparkline } from '../plots.ts';
import type { MoveItem } from './others.ts';
import { subscriptionLink, tabs } from './parts.ts';

/** The windows over which traffic is counted. */
export const WINDOWS = {
  '24h': { words: '24 hours', milliseconds: 86_400_000 },
  '7d': { words: '7 days', milliseconds: 7 * 86_400_000 },
  '30d': { words: '30 days', milliseconds: 30 * 86_400_000 },
} as const;
export type WindowKey = keyof typeof WINDOWS;

/** One figure of the first page. */
export interface Card {
  label: string;
  value: string;
  /** What is said beside the value, and whether it is good news. */
  change: { words: string; tone: 'good' | 'danger' | 'muted' } | null;
  series: number[];
  kind: 'line' | 'bars';
  href: string;
}

export interface LifecycleView {
  window: WindowKey;
  counts: ChartData['counts'];
  traffic: ChartData['traffic'];
  restricted: ChartData['restricted'];
  cards: Card[];
  /** The newest lines of the history. */
  latest: MoveItem[];
  /** What is "now" for the customers. */
  businessNow: number;
}

/** The first page: the whole lifecycle with live counts and traffic. */
export function lifecyclePage(frame: Frame, view: LifecycleView): string {
  const window = WINDOWS[view.window];
  const chart = stateChart(chartLayout, {
    counts: view.counts,
    traffic: view.traffic,
    restricted: view.restricted,
    window: window.words,
    windowKey: view.window,
  });
  return adminPage(frame, {
    title: 'Lifecycle',
    section: 'lifecycle',
    content: html`<h1 class="hidden-visually">Lifecycle</h1>
      <div class="columns chart-columns">
        <section class="panel" aria-labelledby="lifecycle-title">
          <div class="panel-head">
            <h2 id="lifecycle-title">Lifecycle</h2>
            ${legend()}
            <div class="push">
              ${tabs(
                'Period',
                Object.entries(WINDOWS).map(([key, { words }]) => ({
                  text: words,
                  href: `/admin${query({ window: key })}`,
                  current: key === view.window,
                })),
              )}
            </div>
          </div>
          <div class="chart-scroll" tabindex="0" role="region" aria-label="State chart">
            ${chart}
          </div>
          <details>
            <summary>View as table</summary>
            <div class="scroll" tabindex="0" role="region" aria-label="The chart as a table">
              ${asTable(view)}
            </div>
          </details>
        </section>
        <div class="stack" data-follow="side">
          ${isEmpty(view) && firstSteps(frame)}
          <div class="cards">${view.cards.map((card) => figureCard(card))}</div>
          ${!isEmpty(view) && latestPanel(view)}
        </div>
      </div>`,
  });
}

const isEmpty = ({ counts }: LifecycleView): boolean =>
  LIFECYCLE_STATES.every((state) => (counts[state] ?? 0) === 0);

function latestPanel({ latest, businessNow }: LifecycleView): Html {
  return html`<section class="panel" aria-labelledby="latest-title">
    <div class="panel-head">
      <h2 id="latest-title">Latest transitions</h2>
      <a class="push" href="/admin/transitions">All</a>
    </div>
    <ul class="latest">
      ${latest.map(
        (move) =>
          html`<li>
            <span>${stateChip(move.from)} → ${stateChip(move.to)}</span>
            <span class="muted">${ago(move.at, businessNow)}</span>
            <span class="wrap">${subscriptionLink(move.subscriptionId)}</span>
            <code class="muted">${move.event}</code>
          </li>`,
      )}
    </ul>
  </section>`;
}

/** What a new dashboard is waiting for. */
function firstSteps({ mode }: Frame): Html {
  return html`<section class="panel" aria-labelledby="first-title">
    <div class="panel-head"><h2 id="first-title">No subscriptions yet</h2></div>
    ${
      mode === 'emulator'
        ? html`<ol class="panel-body steps">
            <li>
              Open the <a href="/">shop</a> and pay with 4242 4242 4242 4242: the subscription
              appears here.
            </li>
            <li>Move the <a href="/admin/time">clock</a> a month on: the renewal is paid.</li>
            <li>
              Save 4000 0000 0000 0341 as payment method, and move it again: the payment fails, and
              is tried again.
            </li>
            <li>Upgrade, cancel and come back; each step is on the chart and in the timeline.</li>
          </ol>`
        : html`<p class="panel-body">
            The first one appears here when Stripe reports it.
            <code>npm run doctor</code> checks the way there; <code>npm run import</code> takes over
            customers who are there already.
          </p>`
    }
  </section>`;
}

export function legend(): Html {
  return html`<ul class="legend" aria-label="Colours">
    ${Object.entries(TONES).map(
      ([tone, words]: [string, string]) => html`<li class="tone-${tone as Tone}">${words}</li>`,
    )}
  </ul>`;
}

function figureCard(card: Card): Html {
  return html`<a class="panel card" href="${card.href}">
    <span>
      <span class="label">${card.label}</span><br />
      <span class="value">${card.value}</span>
      ${card.change && html`<span class="change ${card.change.tone}">${card.change.words}</span>`}
    </span>
    ${card.kind === 'line' ? sparkline(card.series) : sparkbars(card.series)}
  </a>`;
}

function asTable(view: LifecycleView): Html {
  const states = LIFECYCLE_STATES.filter((state) => state !== 'none');
  const total = states.reduce((sum, state) => sum + (view.counts[state] ?? 0), 0);
  return html`<table>
    <thead>
      <tr>
        <th scope="col">State</th>
        <th scope="col" class="right">Subscriptions</th>
        <th scope="col" class="right">Share</th>
        <th scope="col">Transitions out, last ${WINDOWS[view.window].words}</th>
      </tr>
    </thead>
    <tbody>
      ${states.map((state) => {
        const number = view.counts[state] ?? 0;
        return html`<tr>
          <td><a href="/admin/subscriptions${query({ state })}">${stateChip(state)}</a></td>
          <td class="right" data-count-exact="${state}">${count(number)}</td>
          <td class="right">${percent(total === 0 ? null : number / total)}</td>
          <td>${waysOut(state, view)}</td>
        </tr>`;
      })}
    </tbody>
  </table>`;
}

function waysOut(state: LifecycleState, view: LifecycleView): string {
  return view.traffic
    .filter((arrow) => arrow.from === state && arrow.count > 0)
    .sort((a, b) => b.count - a.count)
    .map((arrow) => `${arrow.event} → ${arrow.to}: ${shortCount(arrow.count)}`)
    .join(', ');
}
