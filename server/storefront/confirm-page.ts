import { formatMoney } from '../../state/money.ts';
import { html, type Html } from '../http/pages/html.ts';
import type { ShopCredit, ShopPlan, ShopSubscription } from './public-api.ts';
import { day, INTERVALS, planName, type Interval } from './views.ts';

/** The commands that cost or end something, and so are asked about first. */
export const CONFIRMED = ['cancel', 'pause', 'resume', 'reactivate'] as const;
export type Confirmed = (typeof CONFIRMED)[number];

export interface ConfirmView {
  subscription: ShopSubscription;
  plans: ShopPlan[];
  credit: ShopCredit;
}

interface Question {
  title: string;
  button: string;
  /** What is charged now, in words. */
  charge: string;
  effects: string[];
  fields: Record<string, string>;
}

/** What a command costs and ends, with the button that sends it. */
export function confirmContent(command: Confirmed, view: ConfirmView): Html {
  const question = QUESTIONS[command](view);
  return html`<section class="panel narrow" aria-labelledby="confirm-title">
    <div class="panel-head"><h1 id="confirm-title">${question.title}</h1></div>
    <div class="panel-body stack">
      <p class="total">${question.charge}</p>
      ${question.effects.map((effect) => html`<p>${effect}</p>`)}
      <form class="inline" method="post" action="/shop/${command}">
        ${Object.entries(question.fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
        <button class="primary" type="submit">${question.button}</button
        ><a class="button" href="/billing">Back</a>
      </form>
    </div>
  </section>`;
}

const QUESTIONS: Record<Confirmed, (view: ConfirmView) => Question> = {
  cancel: ({ subscription }) => ({
    title: 'Cancel now?',
    button: 'Cancel now',
    charge: subscription.state === 'trialing' ? 'Nothing is charged' : 'No refund',
    effects: [
      'Your access ends immediately, and this cannot be undone.',
      subscription.state === 'trialing'
        ? 'Your trial ends, and you cannot have another one.'
        : `The time until ${day(subscription.currentPeriodEnd)} is not refunded.`,
    ],
    fields: { when: 'now' },
  }),
  pause: ({ subscription }) => ({
    title: 'Pause your subscription?',
    button: 'Pause',
    charge: 'Nothing today',
    effects: [
      'Your access ends immediately, and no invoices are sent while it is paused.',
      `Time that you have paid until ${day(subscription.currentPeriodEnd)} becomes credit for later invoices.`,
      'When you resume, a new period starts and is charged to your saved card.',
    ],
    fields: {},
  }),
  resume: (view) => ({
    title: 'Resume your subscription?',
    button: 'Resume',
    charge: chargeNow(view),
    effects: [
      `A new period of ${planOf(view)} starts today and is charged to your saved card.`,
      ...creditWords(view),
    ],
    fields: {},
  }),
  reactivate: (view) => ({
    title: `Come back to ${planOf(view)}?`,
    button: 'Come back',
    charge: chargeNow(view),
    effects: [
      'A new subscription starts today and is charged to your saved card. Without one, you pay on the next page.',
      ...creditWords(view),
      'Taxes and metered usage are added where they apply.',
    ],
    fields: {
      plan: view.subscription.plan ?? '',
      interval: view.subscription.interval ?? 'monthly',
    },
  }),
};

function planOf({ plans, subscription }: ConfirmView): string {
  return `${planName(plans, subscription.plan)}, ${subscription.interval ?? 'monthly'}`;
}

function priceNow({ plans, subscription }: ConfirmView) {
  const interval: Interval = subscription.interval === 'yearly' ? 'yearly' : 'monthly';
  const price = plans.find(({ id }) => id === subscription.plan)?.prices[interval];
  if (!price || price.amount === null) return null;
  const quantity = subscription.quantity ?? 1;
  return { amount: price.amount * quantity, currency: price.currency, interval };
}

/** The price less the credit: what Stripe takes from the card for the first period. */
function chargeNow(view: ConfirmView): string {
  const price = priceNow(view);
  if (price === null) return 'Billed by usage';
  const credit = price.currency === view.credit.currency ? Math.max(0, view.credit.balance) : 0;
  const due = formatMoney(Math.max(0, price.amount - credit), price.currency);
  const each = formatMoney(price.amount, price.currency);
  return `${due} today, then ${each} each ${INTERVALS[price.interval]}`;
}

function creditWords({ credit }: ConfirmView): string[] {
  if (credit.balance <= 0 || credit.currency === null) return [];
  return [`Your credit of ${formatMoney(credit.balance, credit.currency)} is used first.`];
}
