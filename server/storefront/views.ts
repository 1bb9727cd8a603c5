import { formatMoney } from '../../state/money.ts';
import { html, type Html } from '../http/pages/html.ts';
import { htmlDocument } from '../http/pages/document.ts';
import type { ShopPlan, ShopPreview } from './public-api.ts';

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

export const INTERVALS = { monthly: 'month', yearly: 'year' } as const;
export type Interval = keyof typeof INTERVALS;

export function priceOf(plan: ShopPlan, interval: Interval): string {
  const price = plan.prices[interval];
  if (!price) return '';
  return price.amount === null ? 'by usage' : formatMoney(price.amount, price.currency);
}

export const words = (name: string): string => name.replaceAll('_', ' ');

/** The date of a time of the API. */
export function day(time: string | null): string {
  return time === null ? '–' : time.slice(0, 10);
}

export function planName(plans: readonly ShopPlan[], id: string | null): string {
  return plans.find((plan) => plan.id === id)?.name ?? id ?? 'another plan';
}

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
      ${preview.losses.map(({ message }) => html`<p>${message}</p>`)}
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
