import { line, reasonFrom, type Language } from './words.ts';

const DECLINES: Record<string, string> = {
  insufficient_funds: 'Your bank says that there were not enough funds.',
  expired_card: 'The card has expired.',
  lost_card: 'Your bank refused the card.',
  stolen_card: 'Your bank refused the card.',
  authentication_required: 'Your bank asks you to confirm the payment.',
};

const reason = reasonFrom(DECLINES, 'Your bank declined the payment.');

const due = (amount: string | null): string => amount ?? 'the amount due';

/** The mails in English. */
export const en: Language = {
  noPlan: line`your subscription`,
  questions: (address) => line`Questions? Write to ${address}.`,
  mails: {
    'mail.trial_ending'({ date, amount, free, saved }, { plan, account }) {
      const when = date === null ? 'soon' : `on ${date}`;
      const stay =
        amount === null
          ? line`To stay, you need not do anything if a payment method is saved.`
          : free
            ? line`Nothing is charged on that day.`
            : saved
              ? line`To stay, you need not do anything: we then charge ${amount} to your saved payment method.`
              : line`To stay, save a payment method before that day. ${amount} is due then.`;
      return {
        subject: line`Your trial of ${plan} ends ${when}`,
        lines: [
          line`Your trial of ${plan} ends ${when}.`,
          stay,
          line`To leave, cancel before that day and nothing is charged.`,
        ],
        links: [{ text: line`Your subscription`, url: account }],
      };
    },
    'mail.payment_failed'({ amount, url, next, decline }, { plan, account }) {
      return {
        subject: line`Your payment for ${plan} did not go through`,
        lines: [
          line`We could not collect ${due(amount)} for ${plan}.`,
          reason(decline),
          next === null ? null : line`We try again on ${next}.`,
          line`Please check your payment method, or pay now.`,
        ],
        links: [
          url === null ? null : { text: line`Pay now`, url },
          { text: line`Your payment method`, url: account },
        ],
      };
    },
    'mail.payment_failed_final': ({ amount, url, decline }, { plan, account }) => ({
      subject: line`Last notice: your payment for ${plan} failed`,
      lines: [
        line`We tried several times to collect ${due(amount)} for ${plan}, without success.`,
        reason(decline),
        line`We do not try again, and your subscription ends unless the invoice is paid.`,
      ],
      links: [{ text: line`Pay now`, url: url ?? account }],
    }),
    'mail.action_required': ({ amount, url }, { plan, account }) => ({
      subject: line`Please confirm your payment for ${plan}`,
      lines: [
        line`Your bank asks you to confirm the payment of ${due(amount)} for ${plan}.`,
        line`It takes a minute.`,
      ],
      links: [{ text: line`Confirm the payment`, url: url ?? account }],
    }),
    'mail.receipt': ({ amount, number, url, pdf }, { plan }) => ({
      subject: amount === null ? line`Your receipt` : line`Receipt for ${amount}`,
      lines: [
        line`Thank you. We received ${amount ?? 'your payment'} for ${plan}.`,
        number === null ? null : line`Invoice ${number}`,
      ],
      links: [
        url === null ? null : { text: line`View the invoice`, url },
        pdf === null ? null : { text: line`Download it as PDF`, url: pdf },
      ],
    }),
    'mail.price_change'({ date, price, interval, byUsage }, { plan, account }) {
      const from = date ?? 'your next renewal';
      const words =
        price !== null && interval !== null
          ? line`From ${from} the price of ${plan} is ${price} ${/^\d/.test(interval) ? 'every' : 'a'} ${interval}.`
          : line`From ${from} ${plan} has another price.`;
      return {
        subject:
          date === null
            ? line`The price of ${plan} changes with your next renewal`
            : line`The price of ${plan} changes on ${date}`,
        lines: [
          byUsage ? line`From ${from} you pay for ${plan} by what you use.` : words,
          line`You need not do anything. To leave, cancel before that day.`,
        ],
        links: [{ text: line`Your subscription`, url: account }],
      };
    },
    'mail.trial_refused': (_facts, { plan, account }) => ({
      subject: line`No second trial of ${plan}`,
      lines: [
        line`The card that you gave for your trial of ${plan} has been used for a trial before, so this one has ended. Nothing was charged.`,
        line`You can subscribe without a trial.`,
      ],
      links: [{ text: line`Choose a plan`, url: account }],
    }),
    'mail.refunded': ({ amount }, { plan, account }) => ({
      subject: amount === null ? line`Your refund` : line`Your refund of ${amount}`,
      lines: [
        line`We refunded ${amount ?? 'your payment'} for ${plan}. Your bank may take some days to show it.`,
      ],
      links: [{ text: line`Your invoices`, url: account }],
    }),
    'mail.canceled': ({ date }, { plan, account }) => ({
      subject: line`Your subscription to ${plan} has ended`,
      lines: [
        date === null
          ? line`Your subscription to ${plan} has ended.`
          : line`Your subscription to ${plan} ended on ${date}.`,
        line`You are welcome back at any time.`,
      ],
      links: [{ text: line`Come back`, url: account }],
    }),
    'mail.cancel_scheduled': ({ date }, { plan, account }) => ({
      subject:
        date === null
          ? line`Your subscription to ${plan} will end`
          : line`Your subscription to ${plan} ends on ${date}`,
      lines: [
        line`You canceled ${plan}. You keep your access until ${date ?? 'the end of the period'}, and nothing is charged for a time after that.`,
        line`You can change your mind until then.`,
      ],
      links: [{ text: line`Keep my subscription`, url: account }],
    }),
    'mail.plan_changed': ({ amount, date, seats }, { plan, account }) => ({
      subject: line`You are on ${plan} now`,
      lines: [
        seats === null
          ? line`Your plan is ${plan} now.`
          : line`Your plan is ${plan} now, with ${seats} seats.`,
        amount === null || date === null
          ? null
          : line`Your next invoice is due on ${date}: ${amount}.`,
      ],
      links: [{ text: line`Your subscription`, url: account }],
    }),
    'mail.renewal_notice': ({ date, amount }, { plan, account }) => ({
      subject:
        date === null
          ? line`Your subscription to ${plan} renews soon`
          : line`Your subscription to ${plan} renews on ${date}`,
      lines: [
        line`Your subscription to ${plan} renews ${date === null ? 'soon' : `on ${date}`} for another year.`,
        amount === null ? null : line`We then charge ${amount} to your saved payment method.`,
        line`To leave, cancel before that day.`,
      ],
      links: [{ text: line`Your subscription`, url: account }],
    }),
    'mail.card_expiring': ({ last4, expires, date }, { plan, account }) => ({
      subject:
        last4 === null
          ? line`Your card expires soon`
          : line`Your card ending in ${last4} expires soon`,
      lines: [
        line`The card that pays for ${plan} expires${expires === null ? ' soon' : ` at the end of ${expires}`}${date === null ? '' : `, before your next payment on ${date}`}.`,
        line`Please save another one, so that your subscription goes on.`,
      ],
      links: [{ text: line`Your payment method`, url: account }],
    }),
    'mail.usage_threshold'({ meter, used, threshold, date, capped }, { plan, account }) {
      const what = meter ?? 'usage';
      const end = date === null ? 'the end of the period' : date;
      return {
        subject: capped
          ? line`You have used all the ${what} that ${plan} allows`
          : line`You have used ${threshold ?? 'a part'} of your ${what} of ${plan}`,
        lines: [
          line`Usage of ${what} with ${plan} in this period: ${used ?? threshold ?? 'as much as was to be told'}.`,
          capped ? line`That is the most that is possible until ${end}.` : null,
        ],
        links: [{ text: line`Your usage`, url: account }],
      };
    },
  },
};
