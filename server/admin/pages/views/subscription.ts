import type {
  Access,
  Action,
  LifecycleEventType,
  LifecycleState,
} from '../../../../state/types.ts';
import { stateChart } from '../chart.ts';
import { chartLayout } from '../chart-layout.ts';
import { ago, exact, relative, stateChip } from '../../../http/pages/format.ts';
import { html, query, safeUrl, type Html } from '../../../http/pages/html.ts';
import { accountPath } from '../act-forms/act-form.ts';
import { adminPage, hidden, mayAct, type Frame } from '../page.ts';
import { timeline, type NextStep, type ReturnedStep, type TimelineStep } from '../timeline.ts';
import type { MomentView } from '../queries/moment.ts';
import type { ExplainedInvoice } from '../../../../state/charges.ts';
import { explainedInvoice } from './charge.ts';
import { legend } from './lifecycle.ts';
import { momentPanel, momentWords, thenPanel, type ThenWords } from './moment.ts';
import { facts, rowTable, subscriptionLink, usagePanel, type UsageRow } from './parts.ts';
import { accessWords } from './subscriptions.ts';

/** An invoice as listed; `amount` is ready to be read. */
export interface InvoiceItem {
  id: string;
  number: string | null;
  status: string;
  amount: string;
  currency: string;
  explained: ExplainedInvoice;
  createdAt: number;
  pdfUrl: string | null;
  hostedUrl: string | null;
}

/** What comparing with Stripe found. */
export interface CheckResult {
  at: number;
  differences: { field: string; stored: string; stripe: string }[];
  /** Why it could not be compared, if so. */
  error: string | null;
}

export interface SubscriptionView {
  id: string;
  customerId: string;
  userId: string | null;
  email: string | null;
  state: LifecycleState;
  stripeStatus: string;
  plan: string | null;
  price: string;
  /** What was sold with the plan and is not any more. */
  kept: string[];
  access: Access;
  since: number;
  createdAt: number;
  periodEnd: number | null;
  trialEnd: number | null;
  pending: string[];
  mrr: string;
  failedAttempts: number;
  duplicate: boolean;
  metadata: Record<string, string>;
  stripeUrl: string | null;
  steps: TimelineStep[];
  /** True when older steps were left out. */
  cut: boolean;
  next: NextStep[];
  /** Money that came back, oldest first. */
  returns: ReturnedStep[];
  /** What that does to access now; null for nothing. */
  restriction: string | null;
  allowed: { event: LifecycleEventType; to: LifecycleState; description: string }[];
  actions: Action[];
  /** Null when Stripe was not asked yet: pages do not wait for it. */
  invoices: InvoiceItem[] | { error: string } | null;
  usage: UsageRow[];
  others: { id: string; state: LifecycleState }[];
  check: CheckResult | null;
  businessNow: number;
  moment: MomentView;
  /** At the moment that is looked at; null for now. */
  was: ThenWords | null;
  /** What was believed then, where that was something else. */
  believed: ThenWords | null;
}

/** One subscription: its path over the chart, details, history and what can happen next. */
export function subscriptionPage(frame: Frame, view: SubscriptionView): string {
  const { moment, was } = view;
  const isPast = (step: TimelineStep) => moment.at === null || step.at <= moment.at + 999;
  const here = was?.of.state ?? view.state;
  const chart = stateChart(chartLayout, {
    counts: {},
    traffic: [],
    window: '',
    windowKey: '30d',
    path: {
      steps: view.steps.filter(isPast),
      here,
      mark: view.moment.at === null ? view.restriction : null,
    },
  });
  return adminPage(frame, {
    title: view.id,
    section: 'subscriptions',
    content: html`<div class="head">
        <h1 class="mono">${view.id}</h1>
        ${stateChip(here)} ${was && html`<span class="muted">as of ${momentWords(moment)}</span>`}
        ${view.duplicate && html`<span class="flag">more than one live subscription</span>`}
        <span class="push inline">
          <a class="button" href="/admin/events${query({ q: view.id })}">Webhook events</a>
          ${safeUrl(view.stripeUrl) && html`<a class="button" rel="noreferrer" href="${safeUrl(view.stripeUrl)}">In Stripe</a>`}
        </span>
      </div>
      <div class="columns chart-columns" data-subscription="${view.id}">
        <div class="stack">
          <section class="panel" aria-labelledby="path-title">
            <div class="panel-head">
              <h2 id="path-title">Path</h2>
              ${legend()}
            </div>
            <div
              class="chart-scroll"
              tabindex="0"
              role="region"
              aria-label="State chart with the path of this subscription"
            >
              ${chart}
            </div>
          </section>
          ${!was && invoicesPanel(view)} ${!was && usagePanel(view.usage)}
        </div>
        <div class="stack">
          ${momentPanel(moment)}
          ${was ? thenPanel(view, was) : html`${factsPanel(view)} ${checkPanel(frame, view)}`}
          ${timelinePanel(view)} ${!was && nextPanel(view)}
        </div>
      </div>`,
  });
}

function factsPanel(view: SubscriptionView): Html {
  return html`<section class="panel" aria-labelledby="facts-title">
    <div class="panel-head"><h2 id="facts-title">Details</h2></div>
    <div class="panel-body">
      ${facts([
        [
          'Customer',
          html`${view.email}${view.email && html`<br />`}<a
              class="mono"
              href="/admin/subscriptions${query({ q: view.customerId })}"
              >${view.customerId}</a
            >`,
        ],
        [
          'Account',
          view.userId !== null &&
            html`<a href="${accountPath(view.userId, '?money=1')}">${view.userId}</a>`,
        ],
        [
          'Plan',
          html`${view.plan ?? 'not in the catalogue'} <span class="muted">${view.price}</span>`,
        ],
        ['Keeps from its terms', view.kept.length > 0 && view.kept.join(', ')],
        [
          'Access',
          html`${accessWords(view.access)}${view.access.until !== null && html` until ${exact(view.access.until)}`}`,
        ],
        ['In this state', ago(view.since, view.businessNow)],
        ['Stripe status', html`<span class="mono">${view.stripeStatus}</span>`],
        [
          'Period ends',
          view.periodEnd !== null &&
            html`${exact(view.periodEnd)}
              <span class="muted">${relative(view.periodEnd, view.businessNow)}</span>`,
        ],
        ['Trial ends', view.trialEnd !== null && exact(view.trialEnd)],
        [
          'Pending',
          view.pending.length > 0 && view.pending.map((words) => html`<div>${words}</div>`),
        ],
        ['Failed attempts', view.failedAttempts > 0 && view.failedAttempts],
        ['MRR', view.mrr],
        ['Started', exact(view.createdAt)],
        ...Object.entries(view.metadata).map(
          ([name, value]) => [`metadata ${name}`, value] as const,
        ),
        [
          'Other subscriptions',
          view.others.length > 0 &&
            view.others.map(
              (other) => html`<div>${subscriptionLink(other.id)} ${stateChip(other.state)}</div>`,
            ),
        ],
      ])}
    </div>
  </section>`;
}

function checkPanel(frame: Frame, view: SubscriptionView): Html {
  return html`<section class="panel" id="check" aria-labelledby="check-title">
    <div class="panel-head">
      <h2 id="check-title">In sync with Stripe?</h2>
      <form class="push" action="#check">
        <input type="hidden" name="check" value="1" /><button class="small" type="submit">
          Check now
        </button>
      </form>
    </div>
    <div class="panel-body" role="status">${checkResult(frame, view)}</div>
  </section>`;
}

function checkResult(frame: Frame, view: SubscriptionView): Html {
  const { check } = view;
  if (!check)
    return html`<span class="muted"
      >Reads the subscription from Stripe and compares each field.</span
    >`;
  if (check.error !== null) return html`<p class="error-text">${check.error}</p>`;
  if (check.differences.length === 0) {
    return html`<p class="good">In sync: every field matches · ${ago(check.at, frame.now)}</p>`;
  }
  return html`<div class="stack">
    <div class="scroll">
      ${rowTable(
        'Differences',
        [
          { title: 'Field', cell: (row) => row.field },
          { title: 'Database', cell: (row) => row.stored },
          { title: 'Stripe', cell: (row) => row.stripe },
        ],
        check.differences,
      )}
    </div>
    ${
      mayAct(frame) &&
      html`<form method="post" action="/admin/subscriptions/${encodeURIComponent(view.id)}/repair">
        ${hidden(frame)}<button class="primary" type="submit">Repair from Stripe</button>
      </form>`
    }
  </div>`;
}

function timelinePanel(view: SubscriptionView): Html {
  return html`<section class="panel" aria-labelledby="timeline-title">
    <div class="panel-head">
      <h2 id="timeline-title">Timeline</h2>
      <span class="muted"
        >${view.steps.length} ${view.steps.length === 1 ? 'transition' : 'transitions'} · newest
        last</span
      >
    </div>
    <div class="panel-body">
      ${view.cut && html`<p class="muted">Older transitions are not shown.</p>`}
      ${
        view.steps.length === 0
          ? html`<p class="muted">No transitions yet.</p>`
          : timeline(view.steps, {
              now: view.businessNow,
              next: view.next,
              returned: view.returns,
              moment: view.moment,
            })
      }
    </div>
  </section>`;
}

function nextPanel(view: SubscriptionView): Html {
  return html`<section class="panel" aria-labelledby="next-title">
    <div class="panel-head"><h2 id="next-title">What can happen next</h2></div>
    <div class="panel-body stack">
      <ul>
        ${view.allowed.map(
          (arrow) =>
            html`<li>
              <code>${arrow.event}</code> → ${stateChip(arrow.to)}
              <span class="muted">${arrow.description}</span>
            </li>`,
        )}
      </ul>
      <p class="muted">
        Allowed actions:
        ${view.actions.length === 0 ? 'none' : view.actions.join(', ').replaceAll('_', ' ')}.
      </p>
    </div>
  </section>`;
}

function invoicesPanel(view: SubscriptionView): Html {
  const { invoices } = view;
  return html`<section class="panel" id="invoices" aria-labelledby="invoices-title">
    <div class="panel-head"><h2 id="invoices-title">Invoices</h2></div>
    ${invoices === null ? askForInvoices(view) : 'error' in invoices ? html`<div class="panel-body"><p class="error-text">${invoices.error}</p></div>` : invoiceTable(invoices)}
  </section>`;
}

/** The client follows this link by itself; without it, the reader does. */
function askForInvoices(view: SubscriptionView): Html {
  const href = `/admin/subscriptions/${encodeURIComponent(view.id)}?invoices=1#invoices`;
  return html`<p class="empty">
    <a href="${href}" data-load="invoices">Load invoices from Stripe</a>
  </p>`;
}

function invoiceTable(invoices: InvoiceItem[]): Html {
  if (invoices.length === 0) return html`<p class="empty">No invoices yet.</p>`;
  const table = rowTable(
    'Invoices',
    [
      { title: 'Number', cell: (row) => html`<span class="mono">${row.number ?? row.id}</span>` },
      {
        title: 'Status',
        cell: (row) =>
          html`<span class="status ${row.status === 'paid' ? 'done' : 'waiting'}"
            >${row.status}</span
          >`,
      },
      { title: 'Date', cell: (row) => exact(row.createdAt) },
      { title: 'Amount', cell: (row) => row.amount, right: true },
      { title: 'Documents', cell: (row) => documents(row), right: true },
    ],
    invoices,
  );
  return html`${table}${invoices.map(({ number, id, explained, currency }) =>
    explainedInvoice(number ?? id, explained, currency),
  )}`;
}

function documents(invoice: InvoiceItem): Html {
  const name = invoice.number ?? invoice.id;
  const [pdf, page] = [safeUrl(invoice.pdfUrl), safeUrl(invoice.hostedUrl)];
  return html`${pdf && html`<a rel="noreferrer" href="${pdf}" aria-label="PDF of ${name}">PDF</a>`}
  ${page && html`<a rel="noreferrer" href="${page}" aria-label="Page of ${name}">Page</a>`}`;
}
