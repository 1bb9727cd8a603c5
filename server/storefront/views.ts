import { formatMoney } from '../../state/money.ts';
import { Html, html } from '../http/pages/html.ts';
import { htmlDocument } from '../http/pages/document.ts';
import type { Choice, ShopPlan, ShopPreview } from './public-api.ts';
import type { Links } from './links.ts';

/** What every page for customers shows around its content. */
export interface Frame {
  styles: string[];
  script: string | null;
  shop: { name: string; logoUrl: string | null; supportEmail: string | null };
  /** Where the shop's name leads. */
  home: string;
  /** The demo shop has a menu of its own and a sign-in; null for the hosted page. */
  demo: { signedIn: boolean; local: boolean } | null;
  /** What is to be said of the money; null when it is real. */
  mode: string | null;
  /** Words about what went wrong or was done. */
  notice: { words: string; bad: boolean } | null;
}

export function sitePage(
  frame: Frame,
  shown: { title: string; content: Html; head?: Html },
): string {
  const { demo, notice, shop } = frame;
  const { content, head, title } = shown;
  return htmlDocument({
    title,
    theme: null,
    site: shop.name,
    styles: frame.styles,
    script: frame.script,
    head,
    body: html`<header class="top">
        <a class="brand" href="${frame.home}" ${demo === null && new Html('target="_top"')}
          >${
            shop.logoUrl === null
              ? html`<span>${shop.name}</span>`
              : html`<img class="logo" src="${shop.logoUrl}" alt="${shop.name}" />`
          }</a
        >
        ${demo && demoMenu}
        <div class="top-right">
          ${frame.mode !== null && html`<span class="chip tone-risk">${frame.mode}</span>`}
          ${demo && demoActions(demo)}
        </div>
      </header>
      <main id="content" class="shop" tabindex="-1">
        ${
          notice &&
          html`<p class="notice${notice.bad && ' error'}" role="${notice.bad ? 'alert' : 'status'}">
            ${notice.words}
          </p>`
        }
        ${content}
        ${
          shop.supportEmail !== null &&
          html`<p class="muted">
            Questions? <a href="mailto:${shop.supportEmail}">${shop.supportEmail}</a>
          </p>`
        }
      </main>`,
  });
}

const demoMenu = html`<nav class="nav" aria-label="Main">
  <a href="/">Pricing</a><a href="/billing">Account</a>
</nav>`;

function demoActions({ local, signedIn }: { signedIn: boolean; local: boolean }): Html {
  const dashboard = local
    ? html`<form method="post" action="/admin/login/local">
        <button class="small" type="submit">Dashboard</button>
      </form>`
    : html`<a href="/admin">Dashboard</a>`;
  if (!signedIn) return dashboard;
  return html`${dashboard}
    <form method="post" action="/shop/logout">
      <button class="small" type="submit">Sign out</button>
    </form>`;
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

interface PlansShown {
  /** Nothing can be bought beside a subscription that runs; it is changed. */
  subscribed: boolean;
  interval: Interval;
}

/** The front page of the demo shop. */
export function pricingContent(plans: ShopPlan[], { subscribed, interval }: PlansShown): Html {
  return html`<h1>Plans</h1>
    <p class="muted">
      Everything here is simulated: pay with 4242 4242 4242 4242, any date to come and any CVC.
    </p>
    ${intervalSwitch(plans, interval, (each) => `/?interval=${each}`)}
    <div class="plans">
      ${plansWith(plans, interval).map((plan) =>
        planCard(plan, interval, {
          isCurrent: false,
          level: 2,
          button: subscribed
            ? html`<a class="button" href="/billing">Change on the account page</a>`
            : html`<form method="post" action="/shop/choose">
                ${hiddenFields({ plan: plan.id, interval })}
                <button class="primary" type="submit" aria-label="Choose ${plan.name}, ${interval}">
                  Choose
                </button>
              </form>`,
        }),
      )}
    </div>
    ${firstSteps}`;
}

/** What a visitor of the local stack may try, in the order of a customer's life. */
const firstSteps = html`<section class="panel" aria-labelledby="steps-title">
  <div class="panel-head"><h2 id="steps-title">What to try</h2></div>
  <ol class="panel-body steps">
    <li>
      <strong>Pay:</strong> choose a plan. 4242 4242 4242 4242 works, and 4000 0027 6000 3184 asks
      to confirm.
    </li>
    <li>
      <strong>Upgrade</strong> on the account page, and see what it costs before it is charged.
    </li>
    <li>
      <strong>Travel:</strong> the dashboard’s clock goes a month on. Renewals, invoices and mails
      follow.
    </li>
    <li>
      <strong>Fail a payment:</strong> save 4000 0000 0000 0341 as payment method, then go a month
      on.
    </li>
    <li><strong>Cancel and come back.</strong> The dashboard shows each step on the chart.</li>
  </ol>
</section>`;

export const plansWith = (plans: ShopPlan[], interval: Interval): ShopPlan[] =>
  plans.filter((plan) => plan.prices[interval] !== null);

/** Links, so that it works without scripts; nothing where all is sold at one interval. */
export function intervalSwitch(
  plans: ShopPlan[],
  chosen: Interval,
  link: (interval: Interval) => string,
): Html | null {
  const intervals = (Object.keys(INTERVALS) as Interval[]).filter(
    (interval) => plansWith(plans, interval).length > 0,
  );
  if (intervals.length < 2) return null;
  return html`<nav class="tabs" aria-label="Billed">
    ${intervals.map(
      (interval) =>
        html`<a href="${link(interval)}" ${interval === chosen && new Html('aria-current="true"')}
          >${interval === 'monthly' ? 'Monthly' : 'Yearly'}</a
        >`,
    )}
  </nav>`;
}

const heading = (level: 2 | 3, content: Html): Html =>
  level === 2 ? html`<h2>${content}</h2>` : html`<h3>${content}</h3>`;

/** A plan with its price and what it gives. */
export function planCard(
  plan: ShopPlan,
  interval: Interval,
  { button, isCurrent, level }: { button: Html | null; isCurrent: boolean; level: 2 | 3 },
): Html {
  const unit = plan.seats ? `seat and ${INTERVALS[interval]}` : INTERVALS[interval];
  return html`<section class="panel plan${isCurrent && ' current'}">
    ${heading(level, html`${plan.name} ${isCurrent && html`<span class="chip tone-healthy">Current plan</span>`}`)}
    <p class="price">${priceOf(plan, interval)} <small>/ ${unit}</small></p>
    ${plan.description && html`<p class="muted">${plan.description}</p>`}
    <ul>
      ${plan.features.map((feature) => html`<li>${words(feature)}</li>`)}
    </ul>
    ${button}
  </section>`;
}

const KINDS: Record<string, string> = {
  upgrade: 'Upgrade',
  downgrade: 'Downgrade',
  switch: 'Switch',
};

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
  choice: Choice & { name: string },
  links: Links,
): Html {
  const money = (amount: number): string => formatMoney(amount, preview.currency);
  const now = preview.effective === 'now';
  const seats = choice.quantity === undefined ? '' : `, ${choice.quantity} seats`;
  const fields = {
    plan: choice.plan,
    interval: choice.interval,
    quantity: choice.quantity,
    prorationDate: preview.prorationDate ?? '',
    // What is lost by it stands on this page.
    when: now && preview.losses.length > 0 ? 'now' : undefined,
  };
  return html`<section class="panel narrow" aria-labelledby="preview-title">
    <div class="panel-head">
      <h1 id="preview-title">
        ${KINDS[preview.kind] ?? preview.kind} to ${choice.name}, ${choice.interval}${seats}
      </h1>
    </div>
    <div class="panel-body stack">
      <p class="total" data-amount-due="${preview.amountDue}">
        ${now ? `${money(preview.amountDue)} today` : 'Nothing today'}
      </p>
      <dl class="facts">
        <dt>Takes effect</dt>
        <dd>${now ? 'at once' : 'with the next period'}</dd>
        ${preview.lines.map(
          (each) =>
            html`<dt>${each.description ?? 'Subscription'}</dt>
              <dd>${money(each.amount)}</dd>`,
        )}
        ${
          (preview.credit !== 0 || preview.debit !== 0) &&
          html`<dt>Credit for unused time</dt>
            <dd>${money(preview.credit)}</dd>
            <dt>Charge for the rest</dt>
            <dd>${money(preview.debit)}</dd>`
        }
        ${
          preview.nextAmount !== null &&
          html`<dt>Then</dt>
            <dd>${money(preview.nextAmount)} each period</dd>`
        }
      </dl>
      ${preview.losses.map(({ message }) => html`<p>${message}</p>`)}
      <form class="inline" method="post" action="${links('change')}">
        ${hiddenFields(fields)}
        <button class="primary" type="submit">
          ${now ? 'Change the plan' : 'Schedule the change'}</button
        ><a class="button" href="${links('')}">Back</a>
      </form>
    </div>
  </section>`;
}

/** Fields that a form sends without showing them; those that are not set are left out. */
export function hiddenFields(fields: Record<string, string | number | undefined>): Html[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [html`<input type="hidden" name="${name}" value="${value}" />`],
  );
}
