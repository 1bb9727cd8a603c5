import { html, safeHref, type Markup } from './html.ts';
import { page, type PageResponse } from './layout.ts';
import {
  methodFields,
  testCards,
  textField,
  type FormError,
  type PaymentEntry,
} from './test-cards-view.ts';

export interface SummaryLine {
  label: string;
  note: string;
  amount: string;
}

export interface Question {
  id: `custom_${string}`;
  label: string;
  value: string;
  required: boolean;
  /** What can be chosen; null where something is typed. */
  options: readonly { label: string; value: string }[] | null;
  digits: boolean;
}

/** Everything the checkout page shows; amounts are already text. */
export interface CheckoutView {
  path: string;
  seller: string;
  title: string;
  /** What the big figure is: `$19.00`, or `14 days free`. */
  headline: string;
  subline: string;
  lines: SummaryLine[];
  totals: { label: string; amount: string; strong: boolean }[];
  /** A code that is applied now, or an empty text; null where no codes are taken. */
  promotionCode: string | null;
  promotionError: string | null;
  typedCode: string;
  knownEmail: string | null;
  methodTypes: readonly string[];
  needsMethod: boolean;
  /** What the session asks besides. */
  questions: Question[];
  needsConsent: boolean;
  entry: PaymentEntry;
  error: FormError | null;
  cancelUrl: string | null;
  successUrl: string | null;
  submit: string;
}

const line = (each: SummaryLine): Markup =>
  html`<li class="row">
    <div>
      <p>${each.label}</p>
      ${each.note !== '' && html`<p class="muted small">${each.note}</p>`}
    </div>
    <p>${each.amount}</p>
  </li>`;

function promotion(view: CheckoutView): Markup | false {
  if (view.promotionCode === null) return false;
  if (view.promotionCode !== '') {
    return html`<form method="post" action="${view.path}/promotion" class="promotion row">
      <p><span class="tag good">${view.promotionCode}</span> applied</p>
      <button type="submit" name="code" value="">Remove code</button>
    </form>`;
  }
  const wrong = view.promotionError !== null;
  return html`<form method="post" action="${view.path}/promotion" class="promotion">
    <div class="inline">
      <div>
        <label for="code">Promotion code</label>
        <input
          id="code"
          name="code"
          value="${view.typedCode}"
          autocomplete="off"
          autocapitalize="characters"
          spellcheck="false"
          ${wrong && html`aria-invalid="true" aria-describedby="code-error"`}
        />
      </div>
      <button type="submit">Apply</button>
    </div>
    ${wrong && html`<p class="message error" id="code-error" role="alert">${view.promotionError}</p>`}
  </form>`;
}

function summary(view: CheckoutView): Markup {
  return html`<section aria-labelledby="what">
    ${
      view.cancelUrl !== null &&
      html`<a class="back" href="${safeHref(view.cancelUrl)}">← Back to ${view.seller}</a>`
    }
    <h1 id="what">${view.title}</h1>
    ${view.headline !== '' && html`<p class="amount">${view.headline}</p>`}
    ${view.subline !== '' && html`<p class="muted">${view.subline}</p>`}
    <ul class="lines">
      ${view.lines.map(line)}
      ${view.totals.map(
        (each) =>
          html`<li class="row ${each.strong && 'total'}">
            <p>${each.label}</p>
            <p>${each.amount}</p>
          </li>`,
      )}
    </ul>
    ${promotion(view)}
  </section>`;
}

function contact(view: CheckoutView): Markup {
  if (view.knownEmail !== null) {
    return html`<div class="field">
      <span class="label">Email</span>
      <span>${view.knownEmail}</span>
    </div>`;
  }
  return textField(
    {
      id: 'email',
      label: 'Email',
      value: view.entry.email,
      autocomplete: 'email',
      type: 'email',
      inputmode: 'email',
      required: true,
    },
    view.error,
  );
}

const methodPart = (view: CheckoutView): Markup =>
  html`${methodFields(view.methodTypes, view.entry, view.error)}
  ${textField({ id: 'name', label: 'Name on the card or account', value: view.entry.name, autocomplete: 'cc-name' }, view.error)}`;

function question(asked: Question, error: FormError | null): Markup {
  const { id, label, value, options } = asked;
  if (options === null) {
    const inputmode = asked.digits ? 'numeric' : 'text';
    const { required } = asked;
    return textField({ id, label, value, autocomplete: 'off', inputmode, required }, error);
  }
  return html`<div class="field">
    <label for="${id}">${label}</label>
    <select id="${id}" name="${id}" ${asked.required && html`required`}>
      <option value="">Please choose</option>
      ${options.map(
        (option) =>
          html`<option value="${option.value}" ${option.value === value && html`selected`}>
            ${option.label}
          </option>`,
      )}
    </select>
  </div>`;
}

const consent = (): Markup =>
  html`<p class="field">
    <label for="terms">
      <input id="terms" name="terms" type="checkbox" value="accepted" required /> I agree to the
      terms of service
    </label>
  </p>`;

/** The hosted checkout page. */
export function checkoutPage(view: CheckoutView): PageResponse {
  const body = html`<main class="two">
    ${summary(view)}
    <section class="card" aria-labelledby="how">
      <h2 id="how">${view.needsMethod ? 'Payment details' : 'Confirm'}</h2>
      ${
        view.error !== null &&
        html`<p class="message error" id="error" role="alert">${view.error.message}</p>`
      }
      <form method="post" action="${view.path}" data-pay data-busy="Processing…">
        ${contact(view)} ${view.questions.map((asked) => question(asked, view.error))}
        ${view.needsMethod && methodPart(view)} ${view.needsConsent && consent()}
        <button class="primary" type="submit">${view.submit}</button>
      </form>
      ${view.needsMethod && testCards(view.path)}
    </section>
  </main>`;
  return page({
    title: 'Checkout',
    status: view.error === null ? 200 : 402,
    formTargets: view.successUrl === null ? [] : [view.successUrl],
    body,
  });
}

/** The bank's page: the holder authenticates, or fails to. */
export function authenticationPage(view: {
  path: string;
  title: string;
  detail: string;
  card: string;
  /** Where the browser ends up after the form. */
  targets: readonly string[];
}): PageResponse {
  return page({
    title: 'Authentication',
    formTargets: view.targets,
    body: html`<main class="single card">
      <h1>${view.title}</h1>
      <p>${view.detail}</p>
      <p class="muted">
        ${view.card}. A real bank would ask for a code or a fingerprint here (3D Secure).
      </p>
      <form method="post" action="${view.path}" data-busy="One moment…">
        <div class="actions">
          <button class="primary" type="submit" name="outcome" value="succeed">
            Complete authentication
          </button>
          <button class="danger" type="submit" name="outcome" value="fail">
            Fail authentication
          </button>
        </div>
      </form>
    </main>`,
  });
}
