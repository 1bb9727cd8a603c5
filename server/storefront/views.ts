import { formatMoney } from '../../state/money.ts';
import { LIFECYCLE_STATES } from '../../state/types.ts';
import { stateChip } from '../http/pages/format.ts';
import { html, type Html } from '../http/pages/html.ts';
import { htmlDocument } from '../http/pages/document.ts';
import type { ShopInvoice, ShopPlan, ShopPreview, ShopSubscription } from './public-api.ts';

/** What every page of the shop shows around its content. */
export interface ShopFrame {
  assets: { css: string; js: string };
  signedIn: boolean;
  emulator: boolean;
  /** Words about what went wrong or was done. */
  notice: { words: string; bad: boolean } | null;
}

export function shopPage(
  frame: ShopFrame,
  shown: { title: string; content: Html; head?: Html },
): string {
  const { content, head, title } = shown;
  return htmlDocument({
    title,
    theme: null,
    assets: frame.assets,
    head,
    body: html`<header class="top">
        <a class="brand" href="/"><span>Example Shop</span></a>
        <nav class="nav" aria-label="Main">
          <a href="/">Pricing</a><a href="/billing">Account</a>
        </nav>
        <div class="top-right">
          <span class="chip tone-risk">${frame.emulator ? 'Local emulator' : 'Test mode'}</span>
          <a href="/admin">Dashboard</a>
          ${
            frame.signedIn &&
            html`<form method="post" action="/shop/logout">
              <button class="small" type="submit">Sign out</button>
            </form>`
          }
        </div>
      </header>
      <main id="content" class="shop" tabindex="-1">
        ${
          frame.notice &&
          html`<p
            class="notice${frame.notice.bad && ' error'}"
            role="${frame.notice.bad ? 'alert' : 'status'}"
          >
            ${frame.notice.words}
          </p>`
        }
        ${content}
      </main>`,
  });
}

const INTERVALS = { monthly: 'month', yearly: 'year' } as const;
type Interval = keyof typeof INTERVALS;

function priceOf(plan: ShopPlan, interval: Interval): string {
  const price = plan.prices[interval];
  if (!price) return '';
  return price.amount === null ? 'by usage' : formatMoney(price.amount, price.currency);
}

const words = (name: string): string => name.replaceAll('_', ' ');

/** The plans with their buttons. */
export function pricingContent(plans: ShopPlan[], subscribed: boolean): Html {
  const offers = plans.flatMap((plan) =>
    (Object.keys(INTERVALS) as Interval[]).flatMap((interval) =>
      plan.prices[interval] ? [{ plan, interval }] : [],
    ),
  );
  return html`<h1>Plans</h1>
    <p class="muted">
      Everything here is simulated: pay with 4242 4242 4242 4242, any date to come and any CVC.
    </p>
    <div class="plans">
      ${offers.map(
        ({ plan, interval }) =>
          html`<section class="panel plan">
            <h2>${plan.name}, ${interval}</h2>
            <p class="price">${priceOf(plan, interval)} <small>/ ${INTERVALS[interval]}</small></p>
            ${plan.description && html`<p class="muted">${plan.description}</p>`}
            <ul>
              ${plan.features.map((feature) => html`<li>${words(feature)}</li>`)}
            </ul>
            ${
              subscribed
                ? html`<a class="button" href="/billing">Change on the account page</a>`
                : html`<form method="post" action="/shop/checkout">
                    <input type="hidden" name="plan" value="${plan.id}" /><input
                      type="hidden"
                      name="interval"
                      value="${interval}"
                    />
                    <button
                      class="primary"
                      type="submit"
                      aria-label="Choose ${plan.name}, ${interval}"
                    >
                      Choose
                    </button>
                  </form>`
            }
          </section>`,
      )}
    </div>`;
}

const KINDS: Record<string, string> = {
  upgrade: 'Upgrade',
  downgrade: 'Downgrade',
  switch: 'Switch',
};

/** A plan as chosen on the pricing page; empty when nothing was chosen. */
export type Choice = { plan: string; interval: string };

/** The demo's login: any address will do. */
export function loginContent(email: string, choice: Choice): Html {
  return html`<section class="panel narrow" aria-labelledby="login-title">
    <div class="panel-head"><h1 id="login-title">Who are you?</h1></div>
    <form class="panel-body stack" method="post" action="/shop/login">
      <p class="muted">
        In your product this is your own login. Here any address makes a customer.
      </p>
      <label class="field"
        ><span>E-mail</span
        ><input name="email" type="email" required autocomplete="email" value="${email}"
      /></label>
      <input type="hidden" name="plan" value="${choice.plan}" />
      <input type="hidden" name="interval" value="${choice.interval}" />
      <button class="primary" type="submit">Continue</button>
    </form>
  </section>`;
}

export interface AccountView {
  subscription: ShopSubscription | null;
  plans: ShopPlan[];
  /** Null when the server does not list them. */
  invoices: ShopInvoice[] | null;
}

/** The customer's account: state, access, and what they may do. */
export function accountContent(view: AccountView): Html {
  const { subscription } = view;
  if (!subscription) {
    return html`<h1>Your account</h1>
      <section class="panel">
        <p class="empty">You have no subscription. <a href="/">Choose a plan</a></p>
      </section>`;
  }
  return html`<h1>Your account</h1>
    <div class="halves">
      ${statePanel(subscription, view.plans)} ${actionPanel(subscription)} ${changePanel(view)}
      ${invoicePanel(view.invoices)}
    </div>`;
}

function day(time: string | null): string {
  return time === null ? '–' : time.slice(0, 10);
}

function statePanel(subscription: ShopSubscription, plans: ShopPlan[]): Html {
  const state = LIFECYCLE_STATES.find((name) => name === subscription.state) ?? 'none';
  const name = plans.find((plan) => plan.id === subscription.plan)?.name ?? subscription.plan;
  const { access, pendingChange } = subscription;
  return html`<section class="panel" aria-labelledby="state-title">
    <div class="panel-head">
      <h2 id="state-title">Subscription</h2>
      ${stateChip(state)}
    </div>
    <div class="panel-body">
      <dl class="facts">
        <dt>Plan</dt>
        <dd>${name}, ${subscription.interval}</dd>
        <dt>Access</dt>
        <dd>${access.level} <span class="muted">${words(access.reason)}</span></dd>
        ${
          subscription.state === 'trialing' &&
          html`<dt>Trial ends</dt>
            <dd>${day(subscription.trialEnd)}</dd>`
        }
        <dt>Period ends</dt>
        <dd>${day(subscription.currentPeriodEnd)}</dd>
        ${
          subscription.cancelAt !== null &&
          html`<dt>Will end</dt>
            <dd>${day(subscription.cancelAt)}</dd>`
        }
        ${
          pendingChange &&
          html`<dt>Will change</dt>
            <dd>to ${pendingChange.plan} on ${day(pendingChange.at)}</dd>`
        }
      </dl>
    </div>
    <div class="panel-foot">
      <a href="/admin/subscriptions/${encodeURIComponent(subscription.id)}"
        >See its life in the dashboard</a
      >
    </div>
  </section>`;
}

function action(path: string, text: string, fields: Record<string, string> = {}): Html {
  return html`<form method="post" action="/shop/${path}">
    ${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
    <button type="submit">${text}</button>
  </form>`;
}

/** What "resume" does in each state where it is allowed. */
const RESUME: Record<string, string> = {
  cancel_pending: 'Keep my subscription',
  downgrading: 'Keep my plan',
};

function actionPanel({ actions, plan, interval, state }: ShopSubscription): Html {
  const may = (name: string): boolean => actions.includes(name);
  return html`<section class="panel" aria-labelledby="actions-title">
    <div class="panel-head"><h2 id="actions-title">What you can do</h2></div>
    <div class="panel-body inline">
      ${may('cancel') && action('cancel', 'Cancel at the period’s end', { when: 'period_end' })}
      ${may('cancel') && action('cancel', 'Cancel now', { when: 'now' })}
      ${may('resume') && action('resume', RESUME[state] ?? 'Resume')}
      ${may('pause') && action('pause', 'Pause')}
      ${may('update_payment_method') && action('portal', 'Card and invoices')}
      ${may('reactivate') && action('reactivate', 'Come back', { plan: plan ?? '', interval: interval ?? 'monthly' })}
    </div>
  </section>`;
}

function changePanel({ subscription, plans }: AccountView): Html | null {
  if (!subscription?.actions.includes('change')) return null;
  const choices = plans.flatMap((plan) =>
    (Object.keys(INTERVALS) as Interval[])
      .filter((interval) => plan.prices[interval] !== null)
      .map((interval) => ({ plan, interval }))
      .filter(
        (each) => each.plan.id !== subscription.plan || each.interval !== subscription.interval,
      ),
  );
  return html`<section class="panel" aria-labelledby="change-title">
    <div class="panel-head"><h2 id="change-title">Change the plan</h2></div>
    <form class="panel-body inline" method="post" action="/shop/preview">
      <label class="hidden-visually" for="choice">New plan</label>
      <select id="choice" name="choice">
        ${choices.map(
          ({ plan, interval }) =>
            html`<option value="${plan.id}/${interval}">
              ${plan.name}, ${priceOf(plan, interval)} / ${INTERVALS[interval]}
            </option>`,
        )}
      </select>
      <button type="submit">See what it costs</button>
    </form>
  </section>`;
}

function invoicePanel(invoices: ShopInvoice[] | null): Html | null {
  if (invoices === null) return null;
  return html`<section class="panel" aria-labelledby="invoices-title">
    <div class="panel-head"><h2 id="invoices-title">Invoices</h2></div>
    ${
      invoices.length === 0
        ? html`<p class="empty">No invoice yet.</p>`
        : html`<div class="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">Invoice</th>
                  <th scope="col">Date</th>
                  <th scope="col">Status</th>
                  <th scope="col" class="right">Amount</th>
                </tr>
              </thead>
              <tbody>
                ${invoices.map(
                  (invoice) =>
                    html`<tr>
                      <td>
                        <a href="/shop/invoices/${encodeURIComponent(invoice.id)}/pdf"
                          >${invoice.number ?? invoice.id}</a
                        >
                      </td>
                      <td>${day(invoice.createdAt ?? null)}</td>
                      <td>${invoice.status}</td>
                      <td class="right">
                        ${formatMoney(invoice.total ?? invoice.amountDue ?? 0, invoice.currency)}
                      </td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>`
    }
  </section>`;
}

/** What a change costs, before it is made: the amount charged is the amount shown. */
export function previewContent(
  preview: ShopPreview,
  choice: { plan: string; interval: string; name: string },
): Html {
  const money = (amount: number): string => formatMoney(amount, preview.currency);
  const now = preview.effective === 'now';
  return html`<section class="panel narrow" aria-labelledby="preview-title">
    <div class="panel-head">
      <h1 id="preview-title">
        ${KINDS[preview.kind] ?? preview.kind} to ${choice.name}, ${choice.interval}
      </h1>
    </div>
    <div class="panel-body stack">
      <p class="total" data-amount-due="${preview.amountDue}">
        ${now ? `${money(preview.amountDue)} today` : 'Nothing today'}
      </p>
      <dl class="facts">
        <dt>Takes effect</dt>
        <dd>${now ? 'at once' : 'with the next period'}</dd>
        <dt>Credit for unused time</dt>
        <dd>${money(preview.credit)}</dd>
        <dt>Charge for the rest</dt>
        <dd>${money(preview.debit)}</dd>
        ${
          preview.nextAmount !== null &&
          html`<dt>Then</dt>
            <dd>${money(preview.nextAmount)} each period</dd>`
        }
      </dl>
      <form class="inline" method="post" action="/shop/change">
        <input type="hidden" name="plan" value="${choice.plan}" /><input
          type="hidden"
          name="interval"
          value="${choice.interval}"
        />
        <input type="hidden" name="prorationDate" value="${preview.prorationDate ?? ''}" />
        <button class="primary" type="submit">Change the plan</button
        ><a class="button" href="/billing">Back</a>
      </form>
    </div>
  </section>`;
}
