import { formatMoney } from '../../state/money.ts';
import { html, type Html } from '../http/pages/html.ts';
import type { CommandQuote, ShopPlan, ShopSubscription } from './public-api.ts';
import { INTERVALS, planName, type Interval } from './views.ts';

/** The commands that cost or end something, and so are asked about first. */
export const CONFIRMED = ['cancel', 'pause', 'resume', 'reactivate'] as const;
export type Confirmed = (typeof CONFIRMED)[number];

export interface ConfirmView {
  subscription: ShopSubscription;
  plans: ShopPlan[];
  quote: CommandQuote;
}

interface Question {
  title: string;
  button: string;
  /** What is charged now, in words. */
  charge: string;
  effects: string[];
}

/** What a confirmation asks the API to price, and sends again with the answer. */
export function bodyOf(
  command: Confirmed,
  { plan, interval }: ShopSubscription,
): Record<string, string> {
  if (command === 'cancel') return { when: 'now' };
  if (command !== 'reactivate') return {};
  return { plan: plan ?? '', interval: interval ?? 'monthly' };
}

/** What a command costs and ends, with the button that sends it and the price that was shown. */
export function confirmContent(command: Confirmed, view: ConfirmView): Html {
  const question = QUESTIONS[command](view);
  const { quote } = view;
  const fields = { ...bodyOf(command, view.subscription), ...confirmed(quote) };
  return html`<section class="panel narrow" aria-labelledby="confirm-title">
    <div class="panel-head"><h1 id="confirm-title">${question.title}</h1></div>
    <div class="panel-body stack">
      <p class="total" data-amount-due="${quote.amountDue}">${question.charge}</p>
      ${priceList(quote)} ${question.effects.map((effect) => html`<p>${effect}</p>`)}
      ${quote.losses.map(({ message }) => html`<p>${message}</p>`)}
      <form class="inline" method="post" action="/shop/${command}">
        ${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
        <button class="primary" type="submit">${question.button}</button
        ><a class="button" href="/billing">Back</a>
      </form>
    </div>
  </section>`;
}

/** The price that the page showed. */
function confirmed({ amountDue, currency }: CommandQuote): Record<string, string> {
  return { amountDue: String(amountDue), currency };
}

function priceList(quote: CommandQuote): Html | null {
  const debts = quote.debts.map(({ number, invoiceId, amount, currency, collected }) => ({
    what: `Invoice ${number ?? invoiceId}, ${collected ? 'paid now' : 'still to be paid'}`,
    sum: formatMoney(amount, currency),
  }));
  const lines = quote.lines.map(({ description, amount }) => ({
    what: description ?? 'Subscription',
    sum: formatMoney(amount, quote.currency),
  }));
  const rows = [...debts, ...lines];
  if (rows.length === 0) return null;
  return html`<dl class="facts">
    ${rows.map(
      ({ what, sum }) =>
        html`<dt>${what}</dt>
          <dd>${sum}</dd>`,
    )}
  </dl>`;
}

const QUESTIONS: Record<Confirmed, (view: ConfirmView) => Question> = {
  cancel: ({ subscription, quote }) => ({
    title: 'Cancel now?',
    button: 'Cancel now',
    charge:
      quote.amountDue > 0
        ? `${today(quote)}, and no refund`
        : subscription.state === 'trialing'
          ? 'Nothing is charged'
          : 'No refund',
    effects: [],
  }),
  pause: ({ quote }) => ({
    title: 'Pause your subscription?',
    button: 'Pause',
    charge: today(quote),
    effects: [
      'No invoices are sent while it is paused.',
      ...(quote.credit > 0
        ? [`${formatMoney(quote.credit, quote.currency)} becomes credit for later invoices.`]
        : []),
      'When you resume, a new period starts and is charged to your saved card.',
    ],
  }),
  resume: (view) => ({
    title: 'Resume your subscription?',
    button: 'Resume',
    charge: todayAndThen(view),
    effects: [
      `A new period of ${planOf(view)} starts today and is charged to your saved card.`,
      ...creditWords(view.quote),
    ],
  }),
  reactivate: (view) => ({
    title: `Come back to ${planOf(view)}?`,
    button: 'Come back',
    charge: todayAndThen(view),
    effects: [
      view.quote.payment === 'checkout'
        ? 'A new subscription starts today. You pay on the next page.'
        : 'A new subscription starts today and is charged to your saved card.',
      ...creditWords(view.quote),
      'Metered usage is added where it applies.',
    ],
  }),
};

function planOf({ plans, subscription }: ConfirmView): string {
  return `${planName(plans, subscription.plan)}, ${subscription.interval ?? 'monthly'}`;
}

function today({ amountDue, currency }: CommandQuote): string {
  return amountDue > 0 ? `${formatMoney(amountDue, currency)} today` : 'Nothing today';
}

function todayAndThen({ quote, subscription }: ConfirmView): string {
  const interval: Interval = subscription.interval === 'yearly' ? 'yearly' : 'monthly';
  const now = formatMoney(quote.amountDue, quote.currency);
  const each = formatMoney(quote.nextAmount, quote.currency);
  return `${now} today, then ${each} each ${INTERVALS[interval]}`;
}

function creditWords({ fromBalance, currency }: CommandQuote): string[] {
  if (fromBalance <= 0) return [];
  return [`Your credit of ${formatMoney(fromBalance, currency)} is used first.`];
}
