import type { EffectPayloads, MailKind } from '../../../state/effect-kinds.ts';
import type { Stored } from '../../../state/mail-relevance.ts';
import type { MailFormat } from './format.ts';

/** What every mail knows beside its payload. */
export interface Names {
  /** The plan's name as customers know it; null when it has none. */
  plan: string | null;
  /** Where customers manage their subscription. */
  account: string;
}

type Read<K extends MailKind> = (
  payload: Stored<EffectPayloads[K]>,
  format: MailFormat,
) => Readonly<Record<string, string | boolean | null>>;

const invoiceFacts = (
  { amountDue, currency, hostedUrl }: Stored<EffectPayloads['mail.payment_failed']>,
  format: MailFormat,
) => ({
  amount: format.amount(amountDue, currency),
  url: hostedUrl || null,
});

/** What each mail says, as words in the reader's language: null is what is not known. One entry for each kind. */
export const MAIL_FACTS = {
  'mail.trial_ending': ({ trialEnd, amountDue, currency, hasMethod }, format) => ({
    date: format.date(trialEnd),
    amount: format.amount(amountDue, currency),
    free: amountDue === 0,
    saved: hasMethod === true,
  }),
  'mail.payment_failed': (payload, format) => ({
    ...invoiceFacts(payload, format),
    next: format.date(payload.nextAttemptAt),
    decline: payload.declineCode || null,
  }),
  'mail.payment_failed_final': (payload, format) => ({
    ...invoiceFacts(payload, format),
    decline: payload.declineCode || null,
  }),
  'mail.action_required': (payload, format) => invoiceFacts(payload, format),
  'mail.receipt': ({ amountPaid, currency, number, hostedUrl, pdfUrl }, format) => ({
    amount: format.amount(amountPaid, currency),
    number: number || null,
    url: hostedUrl || null,
    pdf: pdfUrl || null,
  }),
  'mail.price_change': ({ effectiveAt, unitAmount, currency, interval, usageBased }, format) => ({
    date: format.date(effectiveAt),
    price: interval ? format.amount(unitAmount, currency) : null,
    interval: interval || null,
    byUsage: Boolean(usageBased),
  }),
  'mail.trial_refused': () => ({}),
  'mail.refunded': ({ amount, currency }, format) => ({ amount: format.amount(amount, currency) }),
  'mail.canceled': ({ endedAt }, format) => ({ date: format.date(endedAt) }),
  'mail.cancel_scheduled': ({ cancelAt }, format) => ({ date: format.date(cancelAt) }),
  'mail.plan_changed': ({ amountDue, currency, renewsAt, quantity }, format) => ({
    amount: format.amount(amountDue, currency),
    date: format.date(renewsAt),
    seats: typeof quantity === 'number' && quantity > 1 ? String(quantity) : null,
  }),
  'mail.renewal_notice': ({ renewsAt, amountDue, currency }, format) => ({
    date: format.date(renewsAt),
    amount: format.amount(amountDue, currency),
  }),
  'mail.card_expiring': ({ last4, expires, renewsAt }, format) => ({
    last4: last4 || null,
    expires: format.month(expires),
    date: format.date(renewsAt),
  }),
  'mail.usage_threshold': ({ meter, recorded, threshold, isCap, periodEnd }, format) => ({
    meter: meter?.replaceAll(/[_-]/g, ' ') || null,
    used: format.number(recorded),
    threshold: format.number(threshold),
    date: format.date(periodEnd),
    capped: isCap === true,
  }),
} as const satisfies { readonly [K in MailKind]: Read<K> };

export type MailFacts<K extends MailKind> = ReturnType<(typeof MAIL_FACTS)[K]>;
export const MAIL_KINDS = Object.keys(MAIL_FACTS) as readonly MailKind[];
