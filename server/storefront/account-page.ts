import { formatMoney } from '../../state/money.ts';
import { LIFECYCLE_STATES } from '../../state/types.ts';
import { stateChip } from '../http/pages/format.ts';
import { html, safeUrl, type Html } from '../http/pages/html.ts';
import type { OpenInvoice, ShopInvoice, ShopPlan, ShopSubscription } from './public-api.ts';
import type { Confirmed } from './confirm-page.ts';
import { day, INTERVALS, planName, priceOf, words, type Interval } from './views.ts';

export interface AccountView {
  subscription: ShopSubscription | null;
  plans: ShopPlan[];
  /** Null when the server does not list them. */
  invoices: ShopInvoice[] | null;
  /** The invoice that waits for a payment. */
  open: OpenInvoice | null;
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
    ${paymentPanel(view, subscription)}
    <div class="halves">
      ${statePanel(subscription, view.plans)} ${actionPanel(subscription)} ${changePanel(view)}
      ${invoicePanel(view.invoices)}
    </div>`;
}

/** What waits for a payment: how much, where to pay, when it is tried again, and what depends on it. */
function paymentPanel(
  { open, plans }: AccountView,
  { access, pendingChange, state }: ShopSubscription,
): Html | null {
  if (open === null) return null;
  const { invoice, payment } = open;
  const url = safeUrl(payment?.url ?? invoice.url);
  const changes = pendingChange?.kind === 'awaiting_payment';
  const amount = formatMoney(payment?.amountDue ?? invoice.amountDue, invoice.currency);
  const confirms = payment?.status === 'requires_action';
  return html`<section class="panel" aria-labelledby="payment-title" data-payment>
    <div class="panel-head">
      <h2 id="payment-title">
        ${changes ? 'Your change is waiting for payment' : 'Payment needed'}
      </h2>
    </div>
    <div class="panel-body stack">
      <p class="total">${amount}</p>
      <p>
        ${changes ? `You change to ${planName(plans, pendingChange.plan)} once this is paid.` : ''}
        ${confirms ? 'Your bank asks you to confirm the payment.' : 'The payment has not gone through.'}
      </p>
      <dl class="facts">
        ${
          changes &&
          html`<dt>Pay until</dt>
            <dd>${moment(pendingChange.at)}, or the change is dropped</dd>`
        }
        ${
          invoice.nextAttemptAt !== null &&
          html`<dt>Next attempt</dt>
            <dd>${day(invoice.nextAttemptAt)}</dd>`
        }
        ${
          state === 'past_due' &&
          html`<dt>Access</dt>
            <dd>
              ${access.level === 'none' ? 'none until this is paid' : `until ${day(access.until)}`}
            </dd>`
        }
      </dl>
      ${
        url &&
        html`<p>
          <a class="button primary" href="${url}" rel="noreferrer"
            >${confirms ? 'Confirm the payment' : `Pay ${amount}`}</a
          >
        </p>`
      }
    </div>
  </section>`;
}

function moment(time: string | null): string {
  return time === null ? '–' : `${time.slice(0, 16).replace('T', ' ')} UTC`;
}

function statePanel(subscription: ShopSubscription, plans: ShopPlan[]): Html {
  const state = LIFECYCLE_STATES.find((name) => name === subscription.state) ?? 'none';
  const name = planName(plans, subscription.plan);
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
          html`<dt>Ends</dt>
            <dd>${day(subscription.cancelAt)}</dd>`
        }
        ${
          pendingChange?.kind === 'scheduled' &&
          html`<dt>Will change</dt>
            <dd>to ${planName(plans, pendingChange.plan)} on ${day(pendingChange.at)}</dd>`
        }
      </dl>
    </div>
    <div class="panel-foot">
      <a href="/admin/subscriptions/${encodeURIComponent(subscription.id)}"
        >See its history in the dashboard</a
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

/** A command that costs or ends something: its page says what, before it is sent. */
function ask(command: Confirmed, text: string): Html {
  return html`<a class="button" href="/shop/confirm/${command}">${text}</a>`;
}

/** Where a cancellation can wait for the end of the period. */
const ENDS_WITH_PERIOD: ReadonlySet<string> = new Set(['trialing', 'active', 'downgrading']);

function actionPanel({ actions, plan, interval, state }: ShopSubscription): Html {
  const may = (name: string): boolean => actions.includes(name);
  const knowsPlan = plan !== null && interval !== null;
  return html`<section class="panel" aria-labelledby="actions-title">
    <div class="panel-head"><h2 id="actions-title">What you can do</h2></div>
    <div class="panel-body inline">
      ${may('cancel') && ENDS_WITH_PERIOD.has(state) && action('cancel', 'Cancel at the period’s end', { when: 'period_end' })}
      ${may('cancel') && ask('cancel', 'Cancel now')} ${may('resume') && resumeButton(state)}
      ${may('pause') && ask('pause', 'Pause')}
      ${may('update_payment_method') && action('portal', 'Card and invoices')}
      ${may('reactivate') && (knowsPlan ? ask('reactivate', 'Come back') : html`<a class="button" href="/">Choose a plan</a>`)}
    </div>
  </section>`;
}

function resumeButton(state: string): Html {
  if (state === 'cancel_pending') return action('resume', 'Keep my subscription');
  if (state === 'downgrading') return action('resume', 'Keep my plan');
  return ask('resume', 'Resume');
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
        ? html`<p class="empty">No invoices yet.</p>`
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
