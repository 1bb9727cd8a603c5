import { formatMoney } from '../../state/money.ts';
import { LIFECYCLE_STATES } from '../../state/types.ts';
import { toneOf } from '../http/pages/format.ts';
import { html, safeUrl, type Html } from '../http/pages/html.ts';
import {
  codePanel,
  creditPanel,
  invoicePanel,
  plansPanel,
  productsPanel,
  seatsPanel,
  usagePanel,
} from './account-panels.ts';
import type { Confirmed } from './confirm-page.ts';
import type { ShopSubscription } from './public-api.ts';
import type { AccountView } from './account-view.ts';
import type { Links } from './links.ts';
import { day, hiddenFields, planName, words } from './views.ts';

/** The customer's account: state, access, and what they may do. */
export function accountContent(view: AccountView): Html {
  const { subscription } = view;
  return html`<h1>Your account</h1>
    ${subscription && paymentPanel(view, subscription)}
    ${
      subscription &&
      html`<div class="halves">
        ${statePanel(subscription, view)} ${actionPanel(subscription, view)}
      </div>`
    }
    ${plansPanel(view)}
    <div class="halves">
      ${subscription && seatsPanel(subscription, view)} ${usagePanel(view)}
      ${subscription && codePanel(subscription, view)} ${productsPanel(view)} ${invoicePanel(view)}
      ${creditPanel(view)}
    </div>`;
}

/** What waits for a payment: how much, where to pay, when it is tried again, and what depends on it. */
function paymentPanel(
  { open, offer: { plans }, links }: AccountView,
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
          <a class="button primary" href="${url}" target="_blank" rel="noreferrer"
            >${confirms ? 'Confirm the payment' : `Pay ${amount}`}</a
          >
          <a class="button" href="${links('')}">I have done this</a>
        </p>`
      }
    </div>
  </section>`;
}

function moment(time: string | null): string {
  return time === null ? '–' : `${time.slice(0, 16).replace('T', ' ')} UTC`;
}

function accessWords({ level, until, reason }: ShopSubscription['access']): string {
  if (level === 'full') return 'full';
  return level === 'grace'
    ? `until ${day(until)}, while a payment is open`
    : `none: ${words(reason)}`;
}

function statePanel(subscription: ShopSubscription, { offer: { plans }, next }: AccountView): Html {
  const state = LIFECYCLE_STATES.find((name) => name === subscription.state) ?? 'none';
  const name = planName(plans, subscription.plan);
  const { access, pendingChange } = subscription;
  return html`<section class="panel" aria-labelledby="state-title">
    <div class="panel-head">
      <h2 id="state-title">Subscription</h2>
      <span class="chip tone-${toneOf(state)}">${words(state)}</span>
    </div>
    <div class="panel-body">
      <dl class="facts">
        <dt>Plan</dt>
        <dd>${name}, ${subscription.interval}</dd>
        <dt>Access</dt>
        <dd>${accessWords(access)}</dd>
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
          subscription.quantity !== null &&
          plans.find(({ id }) => id === subscription.plan)?.seats &&
          html`<dt>Seats</dt>
            <dd>${subscription.quantity}</dd>`
        }
        ${
          next &&
          html`<dt>Next invoice</dt>
            <dd>${formatMoney(next.amountDue, next.currency)}</dd>`
        }
        ${
          pendingChange?.kind === 'scheduled' &&
          html`<dt>Will change</dt>
            <dd>to ${planName(plans, pendingChange.plan)} on ${day(pendingChange.at)}</dd>`
        }
      </dl>
    </div>
  </section>`;
}

/** A command that costs or ends something: its page says what, before it is sent. */
function ask(links: Links, command: Confirmed, text: string): Html {
  return html`<a class="button" href="${links(`confirm/${command}`)}">${text}</a>`;
}

/** Where a cancellation can wait for the end of the period. */
const ENDS_WITH_PERIOD: ReadonlySet<string> = new Set(['trialing', 'active', 'downgrading']);

function actionPanel(subscription: ShopSubscription, { links }: AccountView): Html {
  const { actions, plan, interval, state } = subscription;
  const may = (name: string): boolean => actions.includes(name);
  const knowsPlan = plan !== null && interval !== null;
  const atEnd = links('confirm/cancel', { when: 'period_end' });
  return html`<section class="panel" aria-labelledby="actions-title">
    <div class="panel-head"><h2 id="actions-title">What you can do</h2></div>
    <div class="panel-body inline">
      ${may('update_payment_method') && portal(links, 'Change the payment method', 'payment_method_update')}
      ${may('update_payment_method') && portal(links, 'Billing details')}
      ${may('cancel') && ENDS_WITH_PERIOD.has(state) && html`<a class="button" href="${atEnd}">Cancel at the period’s end</a>`}
      ${may('cancel') && ask(links, 'cancel', 'Cancel now')}
      ${may('resume') && resumeButton(links, state)} ${may('pause') && ask(links, 'pause', 'Pause')}
      ${may('reactivate') && knowsPlan && ask(links, 'reactivate', 'Come back')}
    </div>
  </section>`;
}

/** Stripe's own pages refuse to be framed, so they take the whole window. */
function portal(links: Links, text: string, flow?: string): Html {
  return html`<form method="post" action="${links('portal')}" target="_top">
    ${hiddenFields({ flow })}<button type="submit">${text}</button>
  </form>`;
}

function resumeButton(links: Links, state: string): Html {
  const text = { cancel_pending: 'Keep my subscription', downgrading: 'Keep my plan' }[state];
  if (text === undefined) return ask(links, 'resume', 'Resume');
  return html`<form method="post" action="${links('resume')}">
    <button type="submit">${text}</button>
  </form>`;
}
