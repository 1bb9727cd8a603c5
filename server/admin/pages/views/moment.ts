import type { KnownLine, SubscriptionThen } from '../../../../state/history/as-of.ts';
import { duration, exact, stateChip } from '../../../http/pages/format.ts';
import { html, type Html, type Value } from '../../../http/pages/html.ts';
import type { MomentView } from '../queries/moment.ts';
import { momentHref } from '../timeline.ts';
import { accessWords } from './subscriptions.ts';
import { facts, rowTable } from './parts.ts';

/** One moment in words; null where it is not kept. */
export interface ThenWords {
  of: SubscriptionThen;
  plan: string | null;
  mrr: string | null;
  pending: string[] | null;
  invoices: string[];
}

const seconds = (at: number): number => Math.floor(at / 1000);

/** `2026-03-12 09:41:07 UTC`. */
export function momentWords({ at, now }: Pick<MomentView, 'at' | 'now'>): string {
  return `${new Date(at ?? now).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** Where one goes to another moment: a slider with a script, links and a field without. */
export function momentPanel(moment: MomentView): Html {
  const { at, moments, first, now } = moment;
  const here = at ?? Infinity;
  const before = moments.findLast((each) => each < here);
  const after = moments.find((each) => each > here);
  const field = new Date(at ?? now).toISOString().slice(0, 19);
  return html`<section class="panel" aria-labelledby="moment-title">
    <div class="panel-head">
      <h2 id="moment-title">Moment</h2>
      <span class="mono small" data-moment-words>${momentWords(moment)}</span>
      ${at !== null && html`<a class="push" href="?">Back to now</a>`}
    </div>
    <div class="panel-body moment">
      <input
        id="moment"
        type="range"
        min="${seconds(first) - 1}"
        max="${seconds(now)}"
        value="${seconds(at ?? now)}"
        aria-label="Moment"
        aria-valuetext="${momentWords(moment)}"
        aria-describedby="moment-keys"
        data-moments="${moments.map(seconds).join(' ')}"
      />
      <p class="hidden-visually" id="moment-keys">
        Arrow keys go from transition to transition, Page Up and Page Down by a day.
      </p>
      <form class="inline" action="#moment-title">
        ${before === undefined ? html`<span class="button off" aria-hidden="true">←</span>` : html`<a class="button" rel="prev" href="${momentHref(before)}" aria-label="The transition before">←</a>`}
        <label class="hidden-visually" for="moment-at">Moment in UTC</label>
        <input id="moment-at" name="at" type="datetime-local" step="1" value="${field}" required />
        <button type="submit">Show</button>
        ${after === undefined ? html`<span class="button off" aria-hidden="true">→</span>` : html`<a class="button" rel="next" href="${momentHref(after)}" aria-label="The next transition">→</a>`}
      </form>
    </div>
  </section>`;
}

interface Row {
  name: string;
  was: Value;
  believed: Value;
  differs: boolean;
}

const UNKNOWN = html`<span class="muted">not kept</span>`;

/** What it was, and what it was believed to be where that was something else. */
export function thenPanel(
  view: { moment: MomentView; believed: ThenWords | null },
  was: ThenWords,
): Html {
  const { believed, moment } = view;
  const rows = rowsOf(was, believed ?? was);
  const isSplit = rows.some(({ differs }) => differs);
  return html`<section class="panel" aria-labelledby="then-title">
    <div class="panel-head"><h2 id="then-title">As of then</h2></div>
    ${isSplit && splitTable(rows)}
    <div class="panel-body stack tight">
      ${!isSplit && facts(rows.map(({ name, was: words }) => [name, words]))}
      ${!isSplit && html`<p class="muted">The same was known here at that moment.</p>`}
      ${moment.late.length > 0 && lateLines(moment.late)}
      ${
        was.of.facts === null &&
        html`<p class="muted">
          No event of this time is stored any more: what follows from it is not known.
        </p>`
      }
      ${
        was.of.disputeUnclear &&
        html`<p class="muted">
          A dispute was won since; when is not kept, so access may have been held back here.
        </p>`
      }
      <p class="muted">
        Told from stored transitions and events by their time at Stripe. Access is by the rules of
        today.
      </p>
    </div>
  </section>`;
}

function splitTable(rows: readonly Row[]): Html {
  return rowTable(
    'The subscription at this moment',
    [
      { title: 'What', cell: ({ name }) => name },
      { title: 'As it was', cell: ({ was }) => was },
      {
        title: 'As it was believed',
        cell: ({ believed, differs }) => (differs ? html`<mark>${believed}</mark>` : believed),
      },
    ],
    rows,
  );
}

function lateLines(lines: readonly KnownLine[]): Html {
  return html`<p>Had happened, and became known later:</p>
    <ul>
      ${lines.map(
        (line) =>
          html`<li>
            <code>${line.event}</code> → ${stateChip(line.to)} ${exact(line.at)}
            <span class="muted">recorded ${lag(line)}</span>
          </li>`,
      )}
    </ul>`;
}

const lag = ({ knownAt, at }: KnownLine): string =>
  knownAt >= at ? `${duration(knownAt - at)} later` : 'in an order of its own';

function rowsOf(was: ThenWords, believed: ThenWords): Row[] {
  const row = (name: string, words: (of: ThenWords) => Value): Row => {
    const [left, right] = [words(was), words(believed)];
    return { name, was: left, believed: right, differs: textOf(left) !== textOf(right) };
  };
  return [
    row('State', ({ of }) => stateChip(of.state)),
    row('Since', ({ of }) => (of.since === null ? '–' : exact(of.since))),
    row('Plan', ({ plan }) => plan ?? UNKNOWN),
    row('Access', ({ of: { access } }) =>
      access === null
        ? UNKNOWN
        : html`${accessWords(access)}${access.until !== null && html` until ${exact(access.until)}`}`,
    ),
    row('Allowed acts', ({ of: { actions } }) =>
      actions === null ? UNKNOWN : actions.join(', ').replaceAll('_', ' ') || 'none',
    ),
    row('Period ends', ({ of: { facts } }) =>
      facts === null ? UNKNOWN : exact(facts.currentPeriodEnd),
    ),
    row('Pending', ({ pending }) => (pending === null ? UNKNOWN : pending.join('; ') || 'nothing')),
    row('Failed attempts', ({ of }) => of.failedAttempts),
    row('MRR', ({ mrr }) => mrr ?? UNKNOWN),
    row('Open invoices', ({ invoices }) =>
      invoices.length === 0 ? 'none told' : invoices.map((words) => html`<div>${words}</div>`),
    ),
  ];
}

const textOf = (value: Value): string => html`${value}`.markup;
