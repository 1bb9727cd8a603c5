import { formatMoney } from '../../state/money.ts';
import { html, safeUrl, type Html } from '../http/pages/html.ts';
import type { AccountView } from './account-view.ts';
import type { Promotion, ShopInvoice, ShopSubscription } from './public-api.ts';
import type { Links } from './links.ts';
import {
  day,
  hiddenFields,
  intervalSwitch,
  planCard,
  plansWith,
  words,
  type Interval,
} from './views.ts';

/** What is sold, at the chosen interval: to buy, or to change to once the cost is seen. */
export function plansPanel(view: AccountView): Html | null {
  const { subscription, offer, links } = view;
  const ended = subscription === null || subscription.actions.includes('reactivate');
  const changes = subscription?.actions.includes('change') ?? false;
  if (!ended && !changes) return null;
  const current: Interval = subscription?.interval === 'yearly' ? 'yearly' : 'monthly';
  const interval = view.interval ?? current;
  const plans = plansWith(offer.plans, interval);
  if (plans.length === 0) return null;
  const ask = changes ? 'See the cost of' : 'Choose';
  const isCurrent = (id: string) => changes && subscription?.plan === id && interval === current;
  const cards = plans.map((plan) =>
    planCard(plan, interval, {
      isCurrent: isCurrent(plan.id),
      level: 3,
      button: isCurrent(plan.id)
        ? null
        : html`<button
            class="primary"
            type="submit"
            name="choice"
            value="${plan.id}/${interval}"
            aria-label="${ask} ${plan.name}, ${interval}"
          >
            ${changes ? `See the cost of ${plan.name}` : 'Choose'}
          </button>`,
    }),
  );
  // Coming back collects debts and shows its price; the other plans are bought at Checkout.
  return html`<section aria-labelledby="plans-title" id="plans" class="stack">
    <div class="inline">
      <h2 id="plans-title">${changes ? 'Change the plan' : 'Choose a plan'}</h2>
      ${intervalSwitch(offer.plans, interval, (each) => `${links('', { interval: each })}#plans`)}
    </div>
    <form
      class="stack"
      method="post"
      action="${links(changes ? 'preview' : 'checkout')}"
      target="${changes ? '_self' : '_top'}"
    >
      <div class="plans">${cards}</div>
      ${
        !changes &&
        html`<label class="field code"
          ><span>Promotion code (optional)</span
          ><input name="code" autocomplete="off" maxlength="100"
        /></label>`
      }
    </form>
  </section>`;
}

export function seatsPanel(subscription: ShopSubscription, view: AccountView): Html | null {
  const { plan, interval, quantity, actions } = subscription;
  const found = view.offer.plans.find(({ id }) => id === plan);
  if (!found?.seats || !actions.includes('change') || plan === null || interval === null)
    return null;
  return html`<section class="panel" aria-labelledby="seats-title">
    <div class="panel-head"><h2 id="seats-title">Seats</h2></div>
    <form class="panel-body inline bottom" method="post" action="${view.links('preview')}">
      ${hiddenFields({ plan, interval })}
      <label class="field"
        ><span>Number of seats</span
        ><input
          name="quantity"
          type="number"
          required
          min="${found.seats.min}"
          max="${found.seats.max ?? 1_000_000}"
          value="${quantity ?? found.seats.min}"
      /></label>
      <button type="submit">See what it costs</button>
    </form>
  </section>`;
}

export function usagePanel({ usage, credit: { prepaid } }: AccountView): Html | null {
  if (usage.length + prepaid.length === 0) return null;
  return html`<section class="panel" aria-labelledby="usage-title">
    <div class="panel-head"><h2 id="usage-title">Usage in this period</h2></div>
    <dl class="panel-body facts">
      ${usage.map(
        ({ meter, recorded, periodEnd }) =>
          html`<dt>${words(meter)}</dt>
            <dd>
              ${recorded.toLocaleString('en-US')}
              ${periodEnd !== null && html`<span class="muted">until ${day(periodEnd)}</span>`}
            </dd>`,
      )}
      ${prepaid.map(
        ({ name, left, currency, expiresAt }) =>
          html`<dt>${name ?? 'Prepaid'}</dt>
            <dd>
              ${formatMoney(left, currency)} left, used before usage is charged
              ${expiresAt !== null && html`<span class="muted">until ${day(expiresAt)}</span>`}
            </dd>`,
      )}
    </dl>
  </section>`;
}

export function codePanel({ actions }: ShopSubscription, { links }: AccountView): Html | null {
  if (!actions.includes('change')) return null;
  return html`<section class="panel" aria-labelledby="code-title">
    <div class="panel-head"><h2 id="code-title">Promotion code</h2></div>
    <form class="panel-body inline bottom" method="post" action="${links('code')}">
      <label class="field"
        ><span>Code</span><input name="code" required autocomplete="off" maxlength="100"
      /></label>
      <button type="submit">See what it gives</button>
    </form>
  </section>`;
}

/** What a code is worth, with the button that applies it. */
export function codeContent(promotion: Promotion, links: Links): Html {
  const { amountOff, currency, percentOff, code } = promotion;
  const off =
    amountOff !== null && currency !== null
      ? formatMoney(amountOff, currency)
      : `${percentOff ?? 0}%`;
  return html`<section class="panel narrow" aria-labelledby="promotion-title">
    <div class="panel-head"><h1 id="promotion-title">Code ${code}</h1></div>
    <div class="panel-body stack">
      <p class="total">${off} off</p>
      <p>${lengthOf(promotion)} It replaces a discount that you have now.</p>
      <form class="inline" method="post" action="${links('discount')}">
        ${hiddenFields({ code })}
        <button class="primary" type="submit">Apply the code</button
        ><a class="button" href="${links('')}">Back</a>
      </form>
    </div>
  </section>`;
}

function lengthOf({ duration, months }: Promotion): string {
  if (duration === 'forever') return 'On every invoice.';
  if (duration === 'repeating' && months !== null) {
    return months === 1 ? 'On the invoices of one month.' : `On the invoices of ${months} months.`;
  }
  return 'On your next invoice.';
}

/** What can be bought once, and what was. */
export function productsPanel({ offer, purchases, links }: AccountView): Html | null {
  const { products } = offer;
  if (products.length === 0 && purchases.length === 0) return null;
  const nameOf = (id: string) => products.find((each) => each.id === id)?.name ?? id;
  return html`<section class="panel" aria-labelledby="products-title">
    <div class="panel-head"><h2 id="products-title">Purchases</h2></div>
    ${
      products.length > 0 &&
      html`<div class="panel-body stack">
        ${products.map(
          ({ id, name, description, amount, currency }) =>
            html`<form class="inline" method="post" action="${links('buy')}" target="_top">
              ${hiddenFields({ product: id })}
              <span
                >${name}${amount !== null && `, ${formatMoney(amount, currency)}`}
                <span class="muted">${description}</span></span
              >
              <button type="submit" aria-label="Buy ${name}">Buy</button>
            </form>`,
        )}
      </div>`
    }
    ${
      purchases.length > 0 &&
      html`<div class="scroll">
        <table>
          <thead>
            ${headOf('Bought')}
          </thead>
          <tbody>
            ${purchases.map(
              (each) =>
                html`<tr>
                  <td>${each.quantity > 1 && `${each.quantity} × `}${nameOf(each.product)}</td>
                  <td class="nowrap">${day(each.paidAt)}</td>
                  <td>${each.status === 'returned' ? 'refunded' : each.status}</td>
                  <td class="right">${formatMoney(each.amount, each.currency)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`
    }
  </section>`;
}

const headOf = (first: string): Html =>
  html`<tr>
    <th scope="col">${first}</th>
    <th scope="col">Date</th>
    <th scope="col">Status</th>
    <th scope="col" class="right">Amount</th>
  </tr>`;

export function creditPanel({ credit: { balance, currency } }: AccountView): Html | null {
  if (balance === 0 || currency === null) return null;
  const amount = formatMoney(Math.abs(balance), currency);
  return html`<section class="panel" aria-labelledby="credit-title">
    <div class="panel-head"><h2 id="credit-title">Credit</h2></div>
    <div class="panel-body">
      <p class="total">${amount}</p>
      <p>
        ${balance > 0 ? 'It is used first for your next invoices.' : 'It is added to your next invoice.'}
      </p>
    </div>
  </section>`;
}

export function invoicePanel({ invoices, links }: AccountView): Html {
  return html`<section class="panel" aria-labelledby="invoices-title">
    <div class="panel-head"><h2 id="invoices-title">Invoices</h2></div>
    ${
      invoices.length === 0
        ? html`<p class="empty">No invoices yet.</p>`
        : html`<div class="scroll">
            <table>
              <thead>
                ${headOf('Invoice')}
              </thead>
              <tbody>
                ${invoices.map((invoice) => invoiceRow(invoice, links))}
              </tbody>
            </table>
          </div>`
    }
  </section>`;
}

function invoiceRow(invoice: ShopInvoice, links: Links): Html {
  const pay =
    invoice.status === 'open' && invoice.amountRemaining > 0 ? safeUrl(invoice.url) : null;
  const pdf = links(`invoices/${encodeURIComponent(invoice.id)}/pdf`);
  return html`<tr>
    <td><a href="${pdf}" target="_top">${invoice.number ?? invoice.id}</a></td>
    <td class="nowrap">${day(invoice.createdAt ?? null)}</td>
    <td>
      ${invoice.status} ${pay && html`<a href="${pay}" target="_blank" rel="noreferrer">Pay</a>`}
    </td>
    <td class="right">${formatMoney(invoice.total ?? invoice.amountDue ?? 0, invoice.currency)}</td>
  </tr>`;
}
