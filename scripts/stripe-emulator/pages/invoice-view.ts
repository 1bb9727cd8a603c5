import { html, safeHref, type Markup } from './html.ts';
import { page, type PageResponse } from './layout.ts';
import {
  methodFields,
  testCards,
  textField,
  type FormError,
  type PaymentEntry,
} from './test-cards-view.ts';

/** Everything the hosted page of an invoice shows; amounts are already text. */
export interface HostedInvoiceView {
  /** Path and query of the page itself. */
  path: string;
  seller: string;
  number: string;
  customer: string;
  amount: string;
  status: string;
  good: boolean;
  /** `Due on 9 December 2026`, or what happened. */
  detail: string;
  lines: { label: string; note: string; amount: string }[];
  totals: { label: string; amount: string; strong: boolean }[];
  pdf: string | null;
  /** The form, where the invoice can be paid. */
  payment: { entry: PaymentEntry; error: FormError | null } | null;
}

const row = (label: Markup, amount: string, strong: boolean): Markup =>
  html`<li class="row ${strong && 'total'}">
    <div>${label}</div>
    <p>${amount}</p>
  </li>`;

function summary(view: HostedInvoiceView): Markup {
  const lines = view.lines.map((line) =>
    row(
      html`<p>${line.label}</p>
        ${line.note !== '' && html`<p class="muted small">${line.note}</p>`}`,
      line.amount,
      false,
    ),
  );
  return html`<section aria-labelledby="what">
    <h1 id="what">Invoice ${view.number} from ${view.seller}</h1>
    <p class="amount">${view.amount}</p>
    <p><span class="tag ${view.good ? 'good' : 'bad'}">${view.status}</span> ${view.detail}</p>
    ${view.customer !== '' && html`<p class="muted">For ${view.customer}</p>`}
    <ul class="lines">
      ${lines}
      ${view.totals.map((total) => row(html`<p>${total.label}</p>`, total.amount, total.strong))}
    </ul>
    ${view.pdf !== null && html`<p><a href="${safeHref(view.pdf)}">Download the invoice (PDF)</a></p>`}
  </section>`;
}

function paymentForm(view: HostedInvoiceView): Markup | false {
  if (view.payment === null) return false;
  const { entry, error } = view.payment;
  return html`<section class="card" aria-labelledby="how">
    <h2 id="how">Payment details</h2>
    ${error !== null && html`<p class="message error" id="error" role="alert">${error.message}</p>`}
    <form method="post" action="${view.path}" data-pay data-busy="Processing…">
      ${methodFields(['card'], entry, error)}
      ${textField({ id: 'name', label: 'Name on the card', value: entry.name, autocomplete: 'cc-name' }, error)}
      <button class="primary" type="submit">Pay ${view.amount}</button>
    </form>
    ${testCards(view.path)}
  </section>`;
}

/** The hosted page of an invoice, with a form while it is open. */
export function hostedInvoicePage(view: HostedInvoiceView): PageResponse {
  const body =
    view.payment === null
      ? html`<main class="single card">${summary(view)}</main>`
      : html`<main class="two">${summary(view)} ${paymentForm(view)}</main>`;
  return page({
    title: `Invoice ${view.number}`,
    status: view.payment !== null && view.payment.error !== null ? 402 : 200,
    body,
  });
}
