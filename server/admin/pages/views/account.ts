import type { AccountNote } from '../../../../db/account-notes.ts';
import type { Action, LifecycleState } from '../../../../state/types.ts';
import { ago, exact, relative, stateChip } from '../../../http/pages/format.ts';
import { html, safeUrl, type Html } from '../../../http/pages/html.ts';
import { adminPage, mayAct, type Frame } from '../page.ts';
import { timeline, type NextStep, type TimelineStep } from '../timeline.ts';
import { mayOperate } from '../../../../state/roles.ts';
import {
  actLink,
  moneyPanel,
  returnsPanel,
  statusWord,
  type MoneyView,
  type ShownReturn,
} from './account-money.ts';
import { mailTable, type MailItem } from './mails.ts';
import { grantsPanel, notesPanel, type ShownGrant } from './account-notes.ts';
import type { AuditItem } from './others.ts';
import { facts, rowTable, subscriptionLink, usagePanel, type UsageRow } from './parts.ts';
import { accessWords } from './subscriptions.ts';

export interface ShownSubscription {
  id: string;
  state: LifecycleState;
  plan: string | null;
  price: string;
  mrr: string;
  since: number;
  periodEnd: number | null;
  trialEnd: number | null;
  pending: string[];
  duplicate: boolean;
  failedAttempts: number;
  /** Why access is restricted beside the state: disputed, refunded. */
  restriction: string | null;
}

export interface AccountView {
  id: string;
  customerId: string | null;
  email: string | null;
  name: string | null;
  createdAt: number;
  stripeUrl: string | null;
  access: { level: 'full' | 'grace' | 'none'; reason: string };
  /** What may be asked for in the state of the current subscription. */
  actions: readonly Action[];
  currentId: string | null;
  isTrialing: boolean;
  subscriptions: ShownSubscription[];
  /** The history of the current subscription. */
  steps: TimelineStep[];
  next: NextStep[];
  /** Null when Stripe was not asked yet: pages do not wait for it. */
  money: MoneyView | { error: string } | null;
  returns: ShownReturn[];
  purchases: {
    id: string;
    what: string;
    amount: string;
    status: string;
    payment: string | null;
    at: number;
  }[];
  mails: MailItem[];
  usage: UsageRow[];
  grants: ShownGrant[];
  notes: AccountNote[];
  acts: AuditItem[];
  businessNow: number;
}

/** One account: what it pays, has and was told, and what can be done for it. */
export function accountPage(frame: Frame, view: AccountView): string {
  const { stripeUrl } = view;
  return adminPage(frame, {
    title: view.name ?? view.email ?? view.id,
    section: 'accounts',
    content: html`<div class="head">
        <h1 class="wrap">${view.name ?? view.email ?? view.id}</h1>
        ${accessWords(view.access)}
        ${safeUrl(stripeUrl) && html`<a class="push button" rel="noreferrer" href="${safeUrl(stripeUrl)}">In Stripe</a>`}
      </div>
      <div class="columns">
        <div class="stack">
          ${subscriptionsPanel(view)} ${moneyPanel(frame, view)} ${returnsPanel(view)}
          ${purchasesPanel(frame, view)} ${mailsPanel(frame, view)} ${usagePanel(view.usage)}
          ${auditPanel(view)}
        </div>
        <div class="stack">
          ${factsPanel(view)} ${mayAct(frame) && actsPanel(frame, view)} ${notesPanel(frame, view)}
          ${grantsPanel(frame, view)} ${timelinePanel(view)}
        </div>
      </div>`,
  });
}

function factsPanel(view: AccountView): Html {
  return html`<section class="panel" aria-labelledby="facts-title">
    <div class="panel-head"><h2 id="facts-title">Details</h2></div>
    <div class="panel-body">
      ${facts([
        ['Account', html`<span class="mono">${view.id}</span>`],
        ['Name', view.name],
        ['E-mail', view.email],
        ['Customer', view.customerId && html`<span class="mono">${view.customerId}</span>`],
        ['Access', html`${view.access.level} (${view.access.reason.replaceAll('_', ' ')})`],
        ['Known since', exact(view.createdAt)],
      ])}
    </div>
  </section>`;
}

/** Where an act asks for a state, it is offered in that state only. */
const NEEDS: Partial<Record<string, Action>> = {
  change: 'change',
  cancel: 'cancel',
  pause: 'pause',
  resume: 'resume',
  reactivate: 'reactivate',
  code: 'change',
};

const OFFERED: readonly (readonly [name: string, words: string])[] = [
  ['change', 'Change plan or seats'],
  ['cancel', 'Cancel'],
  ['pause', 'Pause'],
  ['resume', 'Undo or resume'],
  ['reactivate', 'Start again'],
  ['trial', 'Trial'],
  ['code', 'Promotion code'],
  ['credit', 'Give credit'],
  ['invoice', 'One-off invoice'],
  ['grant', 'Grant'],
  ['portal', 'Portal link'],
  ['link', 'Link a customer'],
];

function actsPanel(frame: Frame, view: AccountView): Html {
  const isOffered = (name: string): boolean => {
    const action = NEEDS[name];
    if (name === 'trial') return view.isTrialing;
    if (name === 'link') return mayOperate(frame.operator, 'admin');
    if (action === undefined) return name === 'grant' || view.customerId !== null;
    return view.currentId !== null && view.actions.includes(action);
  };
  return html`<section class="panel" aria-labelledby="acts-title">
    <div class="panel-head"><h2 id="acts-title">Act for this account</h2></div>
    <div class="panel-body inline">
      ${OFFERED.filter(([name]) => isOffered(name)).map(([name, words]) => actLink(view.id, { name, words }))}
    </div>
  </section>`;
}

function subscriptionsPanel(view: AccountView): Html {
  return html`<section class="panel" aria-labelledby="subscriptions-title">
    <div class="panel-head"><h2 id="subscriptions-title">Subscriptions</h2></div>
    ${
      view.subscriptions.length === 0
        ? html`<p class="empty">No subscription yet.</p>`
        : rowTable(
            'Subscriptions',
            [
              {
                title: 'Subscription',
                cell: (row) =>
                  html`${subscriptionLink(row.id)}${row.id === view.currentId && html` <span class="muted">current</span>`}`,
              },
              { title: 'State', cell: (row) => stateOf(row) },
              {
                title: 'Plan',
                cell: (row) =>
                  html`${row.plan ?? 'not in the catalogue'}
                    <span class="muted">${row.price}</span>`,
              },
              { title: 'In this state', cell: (row) => ago(row.since, view.businessNow) },
              {
                title: 'Ends',
                right: true,
                cell: (row) => endOf(row, view.businessNow),
              },
            ],
            view.subscriptions,
          )
    }
  </section>`;
}

function stateOf(row: ShownSubscription): Html {
  return html`${stateChip(row.state)} ${row.duplicate && html`<span class="flag">duplicate</span>`}
  ${row.restriction !== null && html`<span class="flag">${row.restriction}</span>`}
  ${row.failedAttempts > 0 && html`<div class="muted">${row.failedAttempts} failed</div>`}
  ${row.pending.map((words) => html`<div class="muted">${words}</div>`)}`;
}

function endOf(row: ShownSubscription, now: number): Html | null {
  const at = row.trialEnd ?? row.periodEnd;
  if (at === null || row.state === 'canceled') return null;
  return html`${row.trialEnd === null ? 'period' : 'trial'} ${exact(at)}
    <div class="muted">${relative(at, now)}</div>`;
}

function purchasesPanel(frame: Frame, view: AccountView): Html | null {
  if (view.purchases.length === 0) return null;
  return html`<section class="panel" aria-labelledby="purchases-title">
    <div class="panel-head"><h2 id="purchases-title">Bought once</h2></div>
    ${rowTable(
      'Bought once',
      [
        { title: 'What', cell: (row) => row.what },
        { title: 'Status', cell: (row) => statusWord(row.status) },
        { title: 'Date', cell: (row) => exact(row.at) },
        { title: 'Amount', right: true, cell: (row) => row.amount },
        {
          title: '',
          right: true,
          cell: (row) =>
            mayAct(frame) &&
            row.payment !== null &&
            row.status === 'paid' &&
            actLink(view.id, {
              name: 'refund',
              words: 'Refund',
              about: row.what,
              fields: { payment: row.payment },
            }),
        },
      ],
      view.purchases,
    )}
  </section>`;
}

function mailsPanel(frame: Frame, view: AccountView): Html {
  return html`<section class="panel" aria-labelledby="mails-title">
    <div class="panel-head"><h2 id="mails-title">Mails</h2></div>
    ${view.mails.length === 0 ? html`<p class="empty">No mail yet.</p>` : mailTable(frame, view.mails, 'one')}
  </section>`;
}

function timelinePanel(view: AccountView): Html {
  return html`<section class="panel" aria-labelledby="timeline-title">
    <div class="panel-head"><h2 id="timeline-title">Timeline</h2></div>
    <div class="panel-body">
      ${
        view.steps.length === 0
          ? html`<p class="muted">No transitions yet.</p>`
          : timeline(view.steps, {
              now: view.businessNow,
              next: view.next,
              returned: view.returns,
            })
      }
    </div>
  </section>`;
}

function auditPanel(view: AccountView): Html | null {
  if (view.acts.length === 0) return null;
  return html`<section class="panel" aria-labelledby="audit-title">
    <div class="panel-head"><h2 id="audit-title">What operators did</h2></div>
    ${rowTable(
      'What operators did',
      [
        { title: 'Time', cell: (row) => exact(row.at) },
        { title: 'Operator', cell: (row) => row.actor },
        { title: 'Act', cell: (row) => html`<span class="mono">${row.action}</span>` },
        { title: 'Detail', cell: (row) => html`<span class="mono wrap">${row.detail}</span>` },
      ],
      view.acts,
    )}
  </section>`;
}
