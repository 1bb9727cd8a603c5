import type { EffectPayloads, MailKind } from '../../../state/effect-kinds.ts';
import type { Stored } from '../../../state/mail-relevance.ts';
import { formatMoney } from '../../../state/money.ts';

/** What a mail is made from. */
export interface MailContext<K extends MailKind> {
  payload: Stored<EffectPayloads[K]>;
  /** The plan's name as customers know it; null when it has none. */
  planName: string | null;
  /** Where customers manage their subscription. */
  accountUrl: string;
}

export interface MailText {
  subject: string;
  text: string;
}

/** Text that nothing missing was put into. */
type Line = string & { readonly line: true };

/** The only way to a line: what may be missing does not compile in it, so no mail says "null". */
function line(parts: TemplateStringsArray, ...values: string[]): Line {
  return String.raw({ raw: parts }, ...values) as Line;
}

interface Names {
  plan: string;
  accountUrl: string;
}

type Template<K extends MailKind> = (
  payload: Stored<EffectPayloads[K]>,
  names: Names,
) => { subject: Line; lines: (Line | null)[] };

const TEMPLATES: { readonly [K in MailKind]: Template<K> } = {
  'mail.trial_ending'(payload, { plan, accountUrl }) {
    const end = dateOf(payload.trialEnd);
    const when = end === null ? 'soon' : `on ${end}`;
    return {
      subject: line`Your trial of ${plan} ends ${when}`,
      lines: [
        line`Your trial of ${plan} ends ${when}.`,
        chargeAfterTrial(payload),
        line`To leave, cancel before that day and nothing is charged:`,
        line`${accountUrl}`,
      ],
    };
  },
  'mail.payment_failed'(payload, { plan, accountUrl }) {
    const next = dateOf(payload.nextAttemptAt);
    return {
      subject: line`Your payment for ${plan} did not go through`,
      lines: [
        line`We could not collect ${amountOf(payload.amountDue, payload.currency)} for ${plan}.`,
        reason(payload.declineCode),
        next === null ? null : line`We try again on ${next}.`,
        line`Please check your payment method, or pay now:`,
        line`${payload.hostedUrl || accountUrl}`,
      ],
    };
  },
  'mail.payment_failed_final': (payload, { plan, accountUrl }) => ({
    subject: line`Last notice: your payment for ${plan} failed`,
    lines: [
      line`We tried several times to collect ${amountOf(payload.amountDue, payload.currency)} for ${plan}, without success.`,
      reason(payload.declineCode),
      line`We do not try again, and your subscription ends unless the invoice is paid:`,
      line`${payload.hostedUrl || accountUrl}`,
    ],
  }),
  'mail.action_required': (payload, { plan, accountUrl }) => ({
    subject: line`Please confirm your payment for ${plan}`,
    lines: [
      line`Your bank asks you to confirm the payment of ${amountOf(payload.amountDue, payload.currency)} for ${plan}.`,
      line`It takes a minute:`,
      line`${payload.hostedUrl || accountUrl}`,
    ],
  }),
  'mail.receipt'({ amountPaid, currency, number, hostedUrl, pdfUrl }, { plan }) {
    const amount = amountOf(amountPaid, currency);
    return {
      subject: line`Receipt for ${amount}`,
      lines: [
        line`Thank you. We received ${amount} for ${plan}.`,
        number ? line`Invoice ${number}` : null,
        hostedUrl ? line`View the invoice: ${hostedUrl}` : null,
        pdfUrl ? line`Download it as PDF: ${pdfUrl}` : null,
      ],
    };
  },
  'mail.price_change'(payload, { plan, accountUrl }) {
    const { unitAmount, currency, interval } = payload;
    const date = dateOf(payload.effectiveAt) ?? 'your next renewal';
    const price =
      typeof unitAmount === 'number' && interval
        ? line`From ${date} the price of ${plan} is ${amountOf(unitAmount, currency)} ${/^\d/.test(interval) ? 'every' : 'a'} ${interval}.`
        : line`From ${date} ${plan} has another price.`;
    return {
      subject: line`The price of ${plan} changes on ${date}`,
      lines: [
        payload.usageBased ? line`From ${date} you pay for ${plan} by what you use.` : price,
        line`You need not do anything. To leave, cancel before that day.`,
        line`Your subscription: ${accountUrl}`,
      ],
    };
  },
  'mail.trial_refused': (_payload, { plan, accountUrl }) => ({
    subject: line`No second trial of ${plan}`,
    lines: [
      line`The card that you gave for your trial of ${plan} has been used for a trial before, so this one has ended. Nothing was charged.`,
      line`You can subscribe without a trial:`,
      line`${accountUrl}`,
    ],
  }),
  'mail.refunded'({ amount, currency }, { plan, accountUrl }) {
    const sum = amountOf(amount, currency);
    return {
      subject: line`Your refund of ${sum}`,
      lines: [
        line`We refunded ${sum} for ${plan}. Your bank may take some days to show it.`,
        line`Your invoices: ${accountUrl}`,
      ],
    };
  },
  'mail.canceled'({ endedAt }, { plan, accountUrl }) {
    const end = dateOf(endedAt);
    return {
      subject: line`Your subscription to ${plan} has ended`,
      lines: [
        end === null
          ? line`Your subscription to ${plan} has ended.`
          : line`Your subscription to ${plan} ended on ${end}.`,
        line`You are welcome back at any time:`,
        line`${accountUrl}`,
      ],
    };
  },
};

export const MAIL_KINDS = Object.keys(TEMPLATES) as readonly MailKind[];

function chargeAfterTrial(payload: Stored<EffectPayloads['mail.trial_ending']>): Line | null {
  const { amountDue, currency, hasMethod } = payload;
  if (typeof amountDue !== 'number' || !currency) {
    return line`To stay, you need not do anything if a payment method is saved.`;
  }
  const amount = formatMoney(amountDue, currency);
  if (amountDue === 0) return line`Nothing is charged on that day.`;
  return hasMethod
    ? line`To stay, you need not do anything: we then charge ${amount} to your saved payment method.`
    : line`To stay, save a payment method before that day. ${amount} is due then.`;
}

/** The mail of an effect. */
export function renderMail<K extends MailKind>(kind: K, context: MailContext<K>): MailText {
  const { payload, planName, accountUrl } = context;
  const plan = planName ?? 'your subscription';
  const { subject, lines } = TEMPLATES[kind](payload, { plan, accountUrl });
  const text = lines.filter((each) => each !== null).join('\n\n');
  // A line break in a subject could start another header.
  return { subject: subject.replaceAll(/\s+/g, ' '), text: `${text}\n` };
}

const DATES = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  timeZone: 'UTC',
});

function dateOf(value: string | null | undefined): string | null {
  const date = new Date(value ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : DATES.format(date);
}

function amountOf(value: number | null | undefined, currency: string | null | undefined): string {
  return typeof value === 'number' && currency ? formatMoney(value, currency) : 'the amount due';
}

const REASONS: Record<string, string> = {
  insufficient_funds: 'Your bank says that there were not enough funds.',
  expired_card: 'The card has expired.',
  lost_card: 'Your bank refused the card.',
  stolen_card: 'Your bank refused the card.',
  authentication_required: 'Your bank asks you to confirm the payment.',
};

function reason(declineCode: string | null | undefined): Line | null {
  if (!declineCode) return null;
  return line`${REASONS[declineCode] ?? 'Your bank declined the payment.'}`;
}
