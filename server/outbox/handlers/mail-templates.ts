import { formatMoney } from '../../../state/money.ts';

/** What a mail is made from; see `state/effects.ts` for who puts it there. */
export interface MailContext {
  payload: Record<string, unknown>;
  /** The plan's name as customers know it; null when it has none. */
  planName: string | null;
  /** Where customers manage their subscription. */
  appUrl: string;
}

export interface MailText {
  subject: string;
  text: string;
}

const DATES = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  timeZone: 'UTC',
});

type Template = (mail: Words) => { subject: string; lines: (string | null)[] };

/** The values of a payload, as words. */
interface Words {
  plan: string;
  amount: (name: 'amountDue' | 'amountPaid' | 'unitAmount') => string;
  date: (name: string) => string | null;
  text: (name: string) => string | null;
  appUrl: string;
}

const TEMPLATES: Record<string, Template> = {
  'mail.trial_ending': ({ plan, date, appUrl }) => ({
    subject: `Your trial of ${plan} ends on ${date('trialEnd')}`,
    lines: [
      `Your trial of ${plan} ends on ${date('trialEnd')}.`,
      'To stay, you need not do anything if a payment method is saved. To leave, cancel before that day and nothing is charged.',
      `Your subscription: ${appUrl}`,
    ],
  }),
  'mail.payment_failed': ({ plan, amount, date, text, appUrl }) => ({
    subject: `Your payment for ${plan} did not go through`,
    lines: [
      `We could not collect ${amount('amountDue')} for ${plan}.`,
      reason(text('declineCode')),
      date('nextAttemptAt') ? `We try again on ${date('nextAttemptAt')}.` : null,
      'Please check your payment method, or pay now:',
      text('hostedUrl') ?? appUrl,
    ],
  }),
  'mail.payment_failed_final': ({ plan, amount, text, appUrl }) => ({
    subject: `Last notice: your payment for ${plan} failed`,
    lines: [
      `We tried several times to collect ${amount('amountDue')} for ${plan}, without success.`,
      reason(text('declineCode')),
      'We do not try again, and your subscription ends unless the invoice is paid:',
      text('hostedUrl') ?? appUrl,
    ],
  }),
  'mail.action_required': ({ plan, amount, text, appUrl }) => ({
    subject: `Please confirm your payment for ${plan}`,
    lines: [
      `Your bank asks you to confirm the payment of ${amount('amountDue')} for ${plan}.`,
      'It takes a minute:',
      text('hostedUrl') ?? appUrl,
    ],
  }),
  'mail.receipt': ({ plan, amount, text }) => ({
    subject: `Receipt for ${amount('amountPaid')}`,
    lines: [
      `Thank you. We received ${amount('amountPaid')} for ${plan}.`,
      text('number') ? `Invoice ${text('number')}` : null,
      text('hostedUrl') ? `View the invoice: ${text('hostedUrl')}` : null,
      text('pdfUrl') ? `Download it as PDF: ${text('pdfUrl')}` : null,
    ],
  }),
  'mail.price_change': ({ plan, amount, date, text, appUrl }) => ({
    subject: `The price of ${plan} changes on ${date('effectiveAt')}`,
    lines: [
      text('usageBased')
        ? `From ${date('effectiveAt')} you pay for ${plan} by what you use.`
        : `From ${date('effectiveAt')} the price of ${plan} is ${amount('unitAmount')} a ${text('interval')}.`,
      'You need not do anything. To leave, cancel before that day.',
      `Your subscription: ${appUrl}`,
    ],
  }),
  'mail.trial_refused': ({ plan, appUrl }) => ({
    subject: `No second trial of ${plan}`,
    lines: [
      `The card that you gave for your trial of ${plan} has been used for a trial before, so this one has ended. Nothing was charged.`,
      'You can subscribe without a trial:',
      appUrl,
    ],
  }),
  'mail.canceled': ({ plan, date, appUrl }) => ({
    subject: `Your subscription to ${plan} has ended`,
    lines: [
      date('endedAt')
        ? `Your subscription to ${plan} ended on ${date('endedAt')}.`
        : `Your subscription to ${plan} has ended.`,
      'You are welcome back at any time:',
      appUrl,
    ],
  }),
};

/** The mail of an effect kind (`mail.…`); null for a kind that has no template. */
export function renderMail(kind: string, context: MailContext): MailText | null {
  const template = TEMPLATES[kind];
  if (!template) return null;
  const { subject, lines } = template(wordsOf(context));
  const text = lines.filter((line) => line !== null).join('\n\n');
  // A line break in a subject could start another header.
  return { subject: subject.replaceAll(/\s+/g, ' '), text: `${text}\n` };
}

function wordsOf({ payload, planName, appUrl }: MailContext): Words {
  const text = (name: string) => {
    const value = payload[name];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  return {
    plan: planName ?? 'your subscription',
    text,
    appUrl,
    amount(name) {
      const amount = payload[name];
      return typeof amount === 'number'
        ? formatMoney(amount, text('currency') ?? 'usd')
        : 'the amount due';
    },
    date(name) {
      const value = text(name);
      if (value === null) return null;
      return DATES.format(new Date(value));
    },
  };
}

const REASONS: Record<string, string> = {
  insufficient_funds: 'Your bank says that there were not enough funds.',
  expired_card: 'The card has expired.',
  lost_card: 'Your bank refused the card.',
  stolen_card: 'Your bank refused the card.',
  authentication_required: 'Your bank asks you to confirm the payment.',
};

function reason(declineCode: string | null): string | null {
  return declineCode === null ? null : (REASONS[declineCode] ?? 'Your bank declined the payment.');
}
