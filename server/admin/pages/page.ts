import { mayOperate, type Operator } from '../../../state/roles.ts';
import { htmlDocument } from '../../http/pages/document.ts';
import { ago, dateTime, shortDuration } from '../../http/pages/format.ts';
import { html, query, type Html } from '../../http/pages/html.ts';

/** The clock of test mode, when the customers live on one. Times in ms. */
export interface TestClock {
  id: string;
  now: number;
  advancing: boolean;
}

/** What every page shows around its content. */
export interface Frame {
  /** Path and query of this page: where forms come back to. */
  here: string;
  csrf: string;
  operator: Operator;
  theme: 'light' | 'dark' | null;
  /** Real time of rendering. */
  now: number;
  /** The newest line of the history that the page can know: its live view begins behind it. */
  seen: number;
  mode: 'emulator' | 'test' | 'live';
  inbox: { waiting: number; failing: number; dead: number; oldestDueAt: number | null };
  /** Customers with more than one live subscription. */
  duplicates: number;
  /** Claims that contradict the account of a customer, newest first; a few of them. */
  conflicts: { customerId: string; accountId: string; source: string }[];
  clock: TestClock | null;
  /** Words about what has just been done. */
  notice: string | null;
  assets: { css: string; js: string };
}

export type Section =
  | 'lifecycle'
  | 'accounts'
  | 'boards'
  | 'mails'
  | 'subscriptions'
  | 'events'
  | 'metrics'
  | 'time'
  | 'audit';

/** Above this an event that is due and not processed means that the inbox lags. */
const LAG = 60_000;

const MODES = { emulator: 'Local emulator', test: 'Test mode', live: 'Live' } as const;

const LOGO = html`<svg
  viewBox="0 0 22 22"
  aria-hidden="true"
  fill="none"
  stroke="currentColor"
  stroke-width="2"
>
  <circle cx="5" cy="5" r="2.4" fill="currentColor" />
  <circle cx="17" cy="11" r="2.4" />
  <circle cx="5" cy="17" r="2.4" fill="currentColor" />
  <path d="M7.5 5H12a3 3 0 0 1 3 3M7.5 17H12a3 3 0 0 0 3-3" />
</svg>`;

/** A page of the dashboard. */
export function adminPage(
  frame: Frame,
  page: { title: string; section: Section | null; search?: string; content: Html },
): string {
  return htmlDocument({
    title: page.title,
    theme: frame.theme,
    assets: frame.assets,
    body: html`${header(frame, page)}${clockBar(frame)}${alarms(frame)}
      <main id="content" tabindex="-1" data-now="${frame.now}" data-seen="${frame.seen}">
        ${frame.notice && html`<p class="notice" role="status">${frame.notice}</p>`} ${page.content}
      </main>
      ${footer(frame)}`,
  });
}

function header(frame: Frame, page: { section: Section | null; search?: string }): Html {
  const bad = frame.inbox.dead + frame.inbox.failing;
  const link = (section: Section, href: string, text: Html): Html =>
    html`<a href="${href}" ${page.section === section && html` aria-current="page"`}>${text}</a>`;
  return html`<header class="top">
    <a class="brand" href="/admin">${LOGO}<span>Tenure</span></a>
    <nav class="nav" aria-label="Main">
      ${link('lifecycle', '/admin', html`Lifecycle`)}
      ${link('accounts', '/admin/accounts', html`Accounts`)}
      ${link('subscriptions', '/admin/subscriptions', html`Subscriptions`)}
      ${link('boards', '/admin/boards/failing-payments', html`Boards`)}
      ${link('mails', '/admin/mails', html`Mails`)}
      ${link('events', '/admin/events', html`Events <span class="badge bad" data-inbox-bad${bad === 0 && html` hidden`}>${bad}</span>`)}
      ${link('metrics', '/admin/metrics', html`Metrics`)}
      ${frame.mode !== 'live' && link('time', '/admin/time', html`Time`)}
      ${link('audit', '/admin/audit', html`Audit`)}
    </nav>
    <div class="top-right">
      <form class="search" role="search" action="/admin/search">
        <label class="hidden-visually" for="search"
          >Find an account by name, address, domain, invoice number, last four digits; a
          subscription or event by its id</label
        >
        <input
          id="search"
          name="q"
          type="search"
          value="${page.search ?? ''}"
          placeholder="Find name, address, invoice, card"
          autocomplete="off"
          aria-keyshortcuts="/"
        />
        <kbd aria-hidden="true">/</kbd>
      </form>
      <span class="chip env-name ${frame.mode === 'live' ? 'tone-healthy' : 'tone-risk'}"
        >${MODES[frame.mode]}</span
      >
      <span class="live" data-live data-state="wait" role="status"><span>Static</span></span>
      <form class="inline" method="post" action="/admin/theme">
        ${hidden(frame, frame.here)}
        <button type="submit" class="small" aria-label="Switch between light and dark">
          <span aria-hidden="true">◐</span>
        </button>
      </form>
    </div>
  </header>`;
}

/** Whether who looks at the page may act for customers; forms that they may not send are not shown. */
export function mayAct({ operator }: Pick<Frame, 'operator'>): boolean {
  return mayOperate(operator, 'support');
}

/** The fields that every form of the dashboard carries. */
export function hidden(frame: Pick<Frame, 'csrf'>, back: string | null = null): Html {
  return html`<input type="hidden" name="csrf" value="${frame.csrf}" />${
      back !== null && html`<input type="hidden" name="back" value="${back}" />`
    }`;
}

function clockBar(frame: Frame): Html | null {
  const { clock } = frame;
  if (!clock) return null;
  const button = (by: string, text: string): Html =>
    html`<button class="small" name="by" value="${by}" ${clock.advancing && html` disabled`}>
      ${text}
    </button>`;
  return html`<section class="banner clock" aria-label="Test clock">
    <strong>Test clock</strong>
    <span class="mono nowrap" data-clock>${dateTime(clock.now)} UTC</span>
    ${
      mayAct(frame) &&
      html`<form method="post" action="/admin/time">
        ${hidden(frame, frame.here)} ${button('hour', '+1 hour')} ${button('day', '+1 day')}
        ${button('month', '+1 month')}
      </form>`
    }
    <a href="/admin/time">More</a>
    <span class="note">Simulated time. Stripe objects on this clock move with it.</span>
  </section>`;
}

function alarms(frame: Frame): Html {
  const { inbox } = frame;
  const lag = inbox.oldestDueAt === null ? 0 : frame.now - inbox.oldestDueAt;
  return html`${
    lag > LAG &&
    html`<div class="banner alarm" role="alert">
      The inbox is behind: ${inbox.waiting} events are waiting, the oldest for
      ${shortDuration(lag)}.
      <a href="/admin/events${query({ status: 'waiting' })}">View</a>
    </div>`
  }${
    frame.duplicates > 0 &&
    html`<div class="banner alarm" role="alert">
      ${frame.duplicates === 1 ? 'A customer has' : `${frame.duplicates} customers have`} more than
      one live subscription.
      <a href="/admin/subscriptions${query({ duplicate: 1 })}">View</a>
    </div>`
  }${
    frame.conflicts.length > 0 &&
    html`<div class="banner alarm" role="alert">
      Claimed for another account than the one that it is linked to; decide with
      <code>npm run link -- ACCOUNT CUSTOMER</code>:
      ${frame.conflicts
        .map(({ customerId, accountId, source }) => `${customerId} for ${accountId} (${source})`)
        .join(', ')}
    </div>`
  }`;
}

function footer(frame: Frame): Html {
  return html`<footer class="foot">
    <form class="inline" method="post" action="/admin/logout">
      <span>Rendered ${ago(frame.now, frame.now)} · <span data-zone>all times UTC</span></span>
      <span>Signed in as ${frame.operator.name} (${frame.operator.role})</span>
      ${frame.mode !== 'live' && html`<a href="/">Storefront</a>`} ${hidden(frame)}<button
        class="plain small"
        type="submit"
      >
        Sign out
      </button>
    </form>
  </footer>`;
}
