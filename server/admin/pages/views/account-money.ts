import { exact } from '../../../http/pages/format.ts';
import { html, query, safeUrl, type Html } from '../../../http/pages/html.ts';
import { accountPath } from '../act-forms/act-form.ts';
import { mayAct, type Frame } from '../page.ts';
import { rowTable } from './parts.ts';

export interface ShownInvoice {
  id: string;
  number: string | null;
  status: string;
  what: string;
  amount: string;
  /** What is not paid of it. */
  open: string | null;
  isSent: boolean;
  /** Money was paid for it, not credit or nothing. */
  isPaid: boolean;
  nextAttemptAt: number | null;
  createdAt: number;
  pdfUrl: string | null;
  hostedUrl: string | null;
}

export interface ShownPayment {
  id: string;
  status: string;
  method: string;
  what: string;
  currency: string;
  amount: string;
  refunded: string | null;
  canRefund: boolean;
  /** Why it failed. */
  why: string | null;
  createdAt: number;
}

export interface MoneyView {
  invoices: ShownInvoice[];
  payments: ShownPayment[];
  credit: string | null;
}

export interface ShownReturn {
  id: string;
  kind: string;
  payment: string | null;
  amount: string;
  status: string;
  reason: string | null;
  at: number;
}

interface Shown {
  id: string;
  money: MoneyView | { error: string } | null;
  returns: readonly ShownReturn[];
}

const GOOD = new Set(['paid', 'succeeded', 'won', 'issued']);
const BAD = new Set(['failed', 'disputed', 'uncollectible', 'lost', 'needs_response']);

export function statusWord(status: string): Html {
  const tone = GOOD.has(status) ? 'done' : BAD.has(status) ? 'failed' : 'waiting';
  return html`<span class="status ${tone}">${status.replaceAll('_', ' ')}</span>`;
}

/** A link to the form of an act, filled in. */
export function actLink(
  accountId: string,
  act: { name: string; words: string; fields?: Record<string, string>; about?: string },
): Html {
  const href = accountPath(accountId, `/acts/${act.name}${query(act.fields ?? {})}`);
  return html`<a
    class="button small"
    href="${href}"
    ${act.about !== undefined && html` aria-label="${act.words} ${act.about}"`}
    >${act.words}</a
  >`;
}

/** Invoices and payments, from Stripe once the page is there. */
export function moneyPanel(frame: Frame, shown: Shown): Html {
  const { money } = shown;
  return html`<section class="panel" id="money" aria-labelledby="money-title">
    <div class="panel-head">
      <h2 id="money-title">Invoices and payments</h2>
      ${money !== null && 'credit' in money && money.credit !== null && html`<span class="muted">Credit ${money.credit}</span>`}
    </div>
    ${
      money === null
        ? html`<p class="empty">
            <a href="${accountPath(shown.id, '?money=1#money')}" data-load="money"
              >Load invoices and payments from Stripe</a
            >
          </p>`
        : 'error' in money
          ? html`<div class="panel-body"><p class="error-text">${money.error}</p></div>`
          : html`${invoiceTable(frame, shown.id, money.invoices)}
            ${paymentTable(frame, shown.id, money.payments)}`
    }
  </section>`;
}

function invoiceTable(frame: Frame, id: string, invoices: readonly ShownInvoice[]): Html {
  if (invoices.length === 0) return html`<p class="empty">No invoices yet.</p>`;
  return rowTable(
    'Invoices',
    [
      {
        title: 'Invoice',
        cell: (row) =>
          html`<span class="mono">${row.number ?? row.id}</span>
            <div class="muted">${row.what}</div>`,
      },
      { title: 'Status', cell: (row) => statusWord(row.status) },
      { title: 'Date', cell: (row) => exact(row.createdAt) },
      {
        title: 'Amount',
        right: true,
        cell: (row) =>
          html`${row.amount}${
            row.open !== null &&
            row.open !== row.amount &&
            html` <span class="muted">open ${row.open}</span>`
          }`,
      },
      {
        title: 'Next attempt',
        cell: (row) => row.nextAttemptAt !== null && exact(row.nextAttemptAt),
      },
      { title: '', right: true, cell: (row) => invoiceActs(frame, id, row) },
    ],
    invoices,
  );
}

function invoiceActs(frame: Frame, id: string, row: ShownInvoice): Html {
  const [pdf, hosted] = [safeUrl(row.pdfUrl), safeUrl(row.hostedUrl)];
  const about = row.number ?? row.id;
  const act = (name: string, words: string): Html =>
    actLink(id, { name, words, about, fields: { invoice: row.id } });
  const isOpen = row.status === 'open' || row.status === 'uncollectible';
  return html`<span class="inline end"
    >${pdf && html`<a rel="noreferrer" href="${pdf}" aria-label="PDF of ${about}">PDF</a>`}
    ${hosted && html`<a rel="noreferrer" href="${hosted}" aria-label="Page of ${about}">Page</a>`}
    ${
      mayAct(frame) &&
      html`${isOpen && html`${act('invoice-pay', 'Charge')}${act('invoice-void', 'Void')}`}
      ${row.status === 'open' && act('invoice-uncollectible', 'Write off')}
      ${isOpen && row.isSent && act('invoice-send', 'Mail')}
      ${row.isPaid && actLink(id, { name: 'refund', words: 'Refund', about, fields: { payment: row.id } })}`
    }</span
  >`;
}

function paymentTable(frame: Frame, id: string, payments: readonly ShownPayment[]): Html {
  if (payments.length === 0) return html`<p class="empty">No payments yet.</p>`;
  return rowTable(
    'Payments',
    [
      {
        title: 'Payment',
        cell: (row) =>
          html`${row.method}
            <div class="mono muted">${row.id}</div>`,
      },
      {
        title: 'Status',
        cell: (row) =>
          html`${statusWord(row.status)}${row.why && html`<div class="muted">${row.why}</div>`}`,
      },
      { title: 'Date', cell: (row) => exact(row.createdAt) },
      {
        title: 'Amount',
        right: true,
        cell: (row) =>
          html`${row.amount}${row.refunded !== null && html` <span class="muted">−${row.refunded}</span>`}`,
      },
      {
        title: '',
        right: true,
        cell: (row) =>
          mayAct(frame) &&
          row.canRefund &&
          actLink(id, {
            name: 'refund',
            words: 'Refund',
            about: row.id,
            fields: { payment: row.id, currency: row.currency },
          }),
      },
    ],
    payments,
  );
}

/** Refunds, disputes, fraud warnings and credit notes. */
export function returnsPanel({ returns }: Pick<Shown, 'returns'>): Html | null {
  if (returns.length === 0) return null;
  return html`<section class="panel" aria-labelledby="returns-title">
    <div class="panel-head"><h2 id="returns-title">Money that came back</h2></div>
    ${rowTable(
      'Money that came back',
      [
        {
          title: 'What',
          cell: (row) =>
            html`${row.kind.replaceAll('_', ' ')}
              <div class="mono muted">${row.payment}</div>`,
        },
        { title: 'Status', cell: (row) => statusWord(row.status) },
        { title: 'Reason', cell: (row) => row.reason?.replaceAll('_', ' ') ?? null },
        { title: 'Date', cell: (row) => exact(row.at) },
        { title: 'Amount', right: true, cell: (row) => row.amount },
      ],
      returns,
    )}
  </section>`;
}
