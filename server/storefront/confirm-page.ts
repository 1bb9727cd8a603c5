import { formatMoney } from '../../state/money.ts';
import { html, type Html } from '../http/pages/html.ts';
import type { CommandQuote, ShopPlan, ShopSubscription } from './public-api.ts';
import type { Links } from './links.ts';
import { hiddenFields, INTERVALS, planName, type Interval } from './views.ts';

/** The commands that cost or end something, and so are asked about first. */
export const CONFIRMED = ['cancel', 'pause', 'resume', 'reactivate'] as const;
export type Confirmed = (typeof CONFIRMED)[number];

export interface ConfirmView {
  subscription: ShopSubscription;
  plans: ShopPlan[];
  quote: CommandQuote;
  links: Links;
  /** When a cancellation takes effect. */
  when: 'now' | 'period_end';
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
  when: ConfirmView['when'],
): Record<string, string> {
  if (command === 'cancel') return { when };
  if (command !== 'reactivate') return {};
  return { plan: plan ?? '', interval: interval ?? 'monthly' };
}

/** What a command costs and ends, with the button that sends it and the price that was shown. */
export function confirmContent(command: Confirmed, view: ConfirmView): Html {
  const question = QUESTIONS[command](view);
  const { quote } = view;
  const ends = command === 'cancel' && view.when === 'now';
  const fields = { ...bodyOf(command, view.subscription, view.when), ...confirmed(quote) };
  return html`<section class="panel narrow" aria-labelledby="confirm-title">
    <div class="panel-head"><h1 id="confirm-title">${question.title}</h1></div>
    <div class="panel-body stack">
      <p class="total" data-amount-due="${quote.amountDue}">${question.charge}</p>
      ${priceList(quote)} ${question.effects.map((effect) => html`<p>${effect}</p>`)}
      ${quote.losses.map(({ message }) => html`<p>${message}</p>`)}
      <form
        class="stack"
        method="post"
        action="${view.links(command)}"
        target="${quote.payment === 'checkout' ? '_top' : '_self'}"
      >
        ${hiddenFields(fields)} ${command === 'cancel' && leavingFields}
        <div class="inline">
          <button class="${ends ? 'primary destroys' : 'primary'}" type="submit">
            ${question.button}</button
          ><a class="button" href="${view.links('')}">Back</a>
        </div>
      </form>
    </div>
  </section>`;
}

/** The price that the page showed. */
function confirmed({ amountDue, currency }: CommandQuote): Record<string, string> {
  return { amountDue: String(amountDue), currency };
}

/** Why a customer leaves, as Stripe keeps it. */
const REASONS: Record<string, string> = {
  '': 'No answer',
  too_expensive: 'It is too expensive',
  missing_features: 'A feature is missing',
  switched_service: 'I use another service',
  unused: 'I do not use it',
  customer_service: 'The support was not good',
  low_quality: 'The quality was not good',
  too_complex: 'It is too complex',
  other: 'Another reason',
};

const leavingFields = html`<label class="field"
    ><span>Why do you leave? (optional)</span
    ><select name="feedback">
      ${Object.entries(REASONS).map(([value, words]) => html`<option value="${value}">${words}</option>`)}
    </select></label
  ><label class="field"
    ><span>Anything else? (optional)</span
    ><textarea name="comment" rows="3" maxlength="1000"></textarea>
  </label>`;

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
  cancel: ({ subscription, quote, when }) =>
    when === 'period_end'
      ? {
          title: 'Cancel at the end of the period?',
          button: 'Cancel at the end of the period',
          charge:
            quote.nextAmount > 0
              ? `${formatMoney(quote.nextAmount, quote.currency)} at the end, for what was used so far`
              : 'Nothing more is charged',
          effects: [],
        }
      : {
          title: 'Cancel now?',
          button: 'Cancel now',
          charge:
            quote.amountDue > 0
              ? `${today(quote)}, and no refund`
              : subscription.state === 'trialing'
                ? 'Nothing is charged'
                : 'No refund',
          effects: [],
        },
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
