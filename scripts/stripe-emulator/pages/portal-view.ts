import { html, safeHref, type Markup } from './html.ts';
import { page, type PageResponse } from './layout.ts';
import {
  cardFields,
  testCards,
  textField,
  type FormError,
  type PaymentEntry,
} from './test-cards-view.ts';

export interface SubscriptionView {
  id: string;
  name: string;
  price: string;
  status: string;
  good: boolean;
  detail: string;
  canCancel: boolean;
  canRenew: boolean;
  canUpdate: boolean;
}

export interface MethodView {
  id: string;
  label: string;
  expires: string;
  isDefault: boolean;
}

export interface InvoiceView {
  id: string;
  date: string;
  amount: string;
  status: string;
  good: boolean;
  pdf: string | null;
  canPay: boolean;
}

export interface PortalView {
  path: string;
  seller: string;
  headline: string | null;
  returnUrl: string | null;
  person: string;
  notice: string | null;
  error: string | null;
  subscriptions: SubscriptionView[];
  methods: MethodView[] | null;
  invoices: InvoiceView[] | null;
}

/** Forms of the portal may end at the address that the account's server named. */
const frame = (view: {
  returnUrl: string | null;
  title: string;
  status?: number;
  body: Markup;
}): PageResponse =>
  page({
    title: view.title,
    status: view.status ?? 200,
    formTargets: view.returnUrl === null ? [] : [view.returnUrl],
    body: view.body,
  });

const back = (view: { returnUrl: string | null; seller: string }): Markup | false =>
  view.returnUrl !== null &&
  html`<a class="back" href="${safeHref(view.returnUrl)}">← Return to ${view.seller}</a>`;

const tag = (text: string, good: boolean): Markup =>
  html`<span class="tag ${good ? 'good' : 'bad'}">${text}</span>`;

function subscription(path: string, each: SubscriptionView): Markup {
  const base = `${path}/subscriptions/${each.id}`;
  return html`<li class="row">
    <div>
      <p><strong>${each.name}</strong> ${tag(each.status, each.good)}</p>
      <p>${each.price}</p>
      <p class="muted small">${each.detail}</p>
      <div class="actions">
        ${each.canUpdate && html`<a class="button" href="${base}/update">Change plan</a>`}
        ${each.canCancel && html`<a class="button" href="${base}/cancel">Cancel subscription</a>`}
        ${
          each.canRenew &&
          html`<form method="post" action="${base}/renew" data-busy="One moment…">
            <button type="submit">Don’t cancel subscription</button>
          </form>`
        }
      </div>
    </div>
  </li>`;
}

function methods(view: PortalView): Markup | false {
  if (view.methods === null) return false;
  const row = (each: MethodView): Markup =>
    html`<li class="row">
      <div>
        <p>${each.label} ${each.isDefault && tag('Default', true)}</p>
        <p class="muted small">${each.expires}</p>
      </div>
      <div class="actions">
        ${
          !each.isDefault &&
          html`<form method="post" action="${view.path}/payment-methods/${each.id}/default">
              <button type="submit" aria-label="Make ${each.label} the default">
                Make default
              </button>
            </form>
            <form method="post" action="${view.path}/payment-methods/${each.id}/remove">
              <button class="danger" type="submit" aria-label="Remove ${each.label}">Remove</button>
            </form>`
        }
      </div>
    </li>`;
  return html`<section class="card" aria-labelledby="methods">
    <h2 id="methods">Payment methods</h2>
    ${view.methods.length === 0 && html`<p class="muted">None saved yet.</p>`}
    <ul class="lines">
      ${view.methods.map(row)}
    </ul>
    <div class="actions">
      <a class="button" href="${view.path}/payment-methods/add">Add payment method</a>
    </div>
  </section>`;
}

function invoices(view: PortalView): Markup | false {
  if (view.invoices === null) return false;
  const row = (each: InvoiceView): Markup =>
    html`<li class="row">
      <div>
        <p>${each.date} ${tag(each.status, each.good)}</p>
        <p class="small">
          ${each.pdf !== null && html`<a href="${safeHref(each.pdf)}">Invoice of ${each.date} (PDF)</a>`}
        </p>
        ${
          each.canPay &&
          html`<form
            method="post"
            action="${view.path}/invoices/${each.id}/pay"
            data-busy="Paying…"
          >
            <div class="actions"><button type="submit">Pay ${each.amount}</button></div>
          </form>`
        }
      </div>
      <p>${each.amount}</p>
    </li>`;
  return html`<section class="card" aria-labelledby="invoices">
    <h2 id="invoices">Invoice history</h2>
    ${view.invoices.length === 0 && html`<p class="muted">No invoices yet.</p>`}
    <ul class="lines">
      ${view.invoices.map(row)}
    </ul>
  </section>`;
}

const messages = (view: { notice: string | null; error: string | null }): Markup =>
  html`${view.notice !== null && html`<p class="message good" role="status">${view.notice}</p>`}
  ${view.error !== null && html`<p class="message error" id="error" role="alert">${view.error}</p>`}`;

/** The home of the customer portal. */
export function portalPage(view: PortalView): PageResponse {
  return frame({
    title: 'Billing portal',
    returnUrl: view.returnUrl,
    status: view.error === null ? 200 : 402,
    body: html`<main class="portal">
      <header>
        ${back(view)}
        <h1>${view.headline ?? `${view.seller}: manage your billing`}</h1>
        <p class="muted">${view.person}</p>
        ${messages(view)}
      </header>
      <section class="card" aria-labelledby="subscriptions">
        <h2 id="subscriptions">Subscriptions</h2>
        ${view.subscriptions.length === 0 && html`<p class="muted">No current subscriptions.</p>`}
        <ul class="lines">
          ${view.subscriptions.map((each) => subscription(view.path, each))}
        </ul>
      </section>
      ${methods(view)} ${invoices(view)}
    </main>`,
  });
}

export interface CancelView {
  path: string;
  action: string;
  seller: string;
  returnUrl: string | null;
  name: string;
  consequence: string;
  reasons: readonly { value: string; label: string }[];
}

/** Asks before a subscription is canceled. */
export const cancelPage = (view: CancelView): PageResponse =>
  frame({
    title: 'Cancel subscription',
    returnUrl: view.returnUrl,
    body: html`<main class="single card">
      <a class="back" href="${view.path}">← Go back</a>
      <h1>Cancel ${view.name}?</h1>
      <p>${view.consequence}</p>
      <form method="post" action="${view.action}" data-busy="Canceling…">
        ${
          view.reasons.length > 0 &&
          html`<fieldset>
              <legend>Why are you leaving? <span class="hint">(optional)</span></legend>
              ${view.reasons.map(
                ({ value, label }) =>
                  html`<label class="choice" for="reason-${value}"
                    ><input type="radio" id="reason-${value}" name="feedback" value="${value}" />
                    ${label}</label
                  >`,
              )}
            </fieldset>
            <div class="field">
              <label for="comment">Anything else? <span class="hint">(optional)</span></label>
              <textarea id="comment" name="comment" rows="3" maxlength="500"></textarea>
            </div>`
        }
        <div class="actions">
          <button class="danger" type="submit">Cancel subscription</button>
          <a class="button" href="${view.path}">Keep it</a>
        </div>
      </form>
    </main>`,
  });

export interface PlanChoice {
  price: string;
  label: string;
  detail: string;
  current: boolean;
}

export interface UpdateView {
  path: string;
  action: string;
  seller: string;
  returnUrl: string | null;
  name: string;
  choices: PlanChoice[];
  /** Null where the quantity is not to be changed. */
  quantity: number | null;
  consequence: string;
  submit: string;
  error: string | null;
}

/** Lets a customer choose another plan, or confirms one that was chosen already. */
export const updatePage = (view: UpdateView): PageResponse =>
  frame({
    title: 'Change plan',
    returnUrl: view.returnUrl,
    status: view.error === null ? 200 : 402,
    body: html`<main class="single card">
      <a class="back" href="${view.path}">← Go back</a>
      <h1>Change ${view.name}</h1>
      ${messages({ notice: null, error: view.error })}
      <form method="post" action="${view.action}" data-busy="Changing…">
        <fieldset>
          <legend>Plan</legend>
          ${view.choices.map(
            (each) =>
              html`<label class="choice" for="price-${each.price}"
                ><input
                  type="radio"
                  id="price-${each.price}"
                  name="price"
                  value="${each.price}"
                  ${each.current && html`checked`}
                />
                <span>${each.label} <span class="hint">${each.detail}</span></span></label
              >`,
          )}
        </fieldset>
        ${
          view.quantity !== null &&
          html`<div class="field">
            <label for="quantity">Quantity</label>
            <input
              id="quantity"
              name="quantity"
              type="number"
              min="1"
              value="${view.quantity}"
              required
            />
          </div>`
        }
        <p class="muted">${view.consequence}</p>
        <div class="actions">
          <button class="primary" type="submit">${view.submit}</button>
          <a class="button" href="${view.path}">Go back</a>
        </div>
      </form>
    </main>`,
  });

/** Takes a new card for the customer's later invoices. */
export const newMethodPage = (view: {
  path: string;
  action: string;
  returnUrl: string | null;
  entry: PaymentEntry;
  error: FormError | null;
}): PageResponse =>
  frame({
    title: 'Add payment method',
    returnUrl: view.returnUrl,
    status: view.error === null ? 200 : 402,
    body: html`<main class="single card">
      <a class="back" href="${view.path}">← Go back</a>
      <h1>Add a payment method</h1>
      <p class="muted">It becomes the default for your subscriptions and invoices.</p>
      ${messages({ notice: null, error: view.error?.message ?? null })}
      <form method="post" action="${view.action}" data-pay data-busy="Saving…">
        ${cardFields(view.entry, view.error)}
        ${textField({ id: 'name', label: 'Name on the card', value: view.entry.name, autocomplete: 'cc-name' }, view.error)}
        <button class="primary" type="submit">Save card</button>
      </form>
      ${testCards(view.action)}
    </main>`,
  });

/** The end of a flow whose result is shown here. */
export const confirmationPage = (view: {
  title: string;
  text: string;
  returnUrl: string | null;
  seller: string;
}): PageResponse =>
  frame({
    title: view.title,
    returnUrl: view.returnUrl,
    body: html`<main class="single card">
      <h1>${view.title}</h1>
      <p>${view.text}</p>
      ${back(view)}
    </main>`,
  });
