import { describe, expect, it } from 'vitest';
import { renderMail } from '../../../server/outbox/handlers/mail-templates.ts';
import type { EffectPayloads, MailKind } from '../../../state/effect-kinds.ts';

const recipient = { userId: 'user_1', customerId: 'cus_1', plan: 'pro' };
const subscription = {
  ...recipient,
  subscriptionId: 'sub_1',
  state: 'past_due',
  status: 'past_due',
  interval: 'monthly',
} as const;
const invoice = {
  invoiceId: 'in_1',
  number: 'AB-1',
  amountDue: 3000,
  amountPaid: 3000,
  currency: 'usd',
  hostedUrl: 'https://pay.example/in_1',
  pdfUrl: 'https://pay.example/in_1.pdf',
  billingReason: 'subscription_cycle',
};
const failure = {
  ...subscription,
  ...invoice,
  attempt: 1,
  maxAttempts: 3,
  nextAttemptAt: '2026-11-04T00:00:00.000Z',
  declineCode: 'expired_card',
  final: false,
};

/** A whole payload of each mail, and what the mail says of it. */
const MAILS: { [K in MailKind]: { payload: EffectPayloads[K]; says: string } } = {
  'mail.trial_ending': {
    payload: {
      ...subscription,
      trialEnd: '2026-12-01T00:00:00.000Z',
      amountDue: 3000,
      currency: 'usd',
      hasMethod: true,
    },
    says: 'we then charge $30.00 to your saved payment method.',
  },
  'mail.payment_failed': { payload: failure, says: 'We try again on 4 November 2026.' },
  'mail.payment_failed_final': { payload: failure, says: 'The card has expired.' },
  'mail.action_required': {
    payload: { ...subscription, ...invoice },
    says: 'the payment of $30.00 for Pro',
  },
  'mail.receipt': { payload: { ...subscription, ...invoice }, says: 'We received $30.00 for Pro.' },
  'mail.price_change': {
    payload: {
      ...recipient,
      effectiveAt: '2026-12-01T00:00:00.000Z',
      unitAmount: 2400,
      currency: 'usd',
      interval: 'month',
      usageBased: null,
    },
    says: 'From 1 December 2026 the price of Pro is $24.00 a month.',
  },
  'mail.trial_refused': {
    payload: { ...recipient, subscriptionId: 'sub_1' },
    says: 'The card that you gave for your trial of Pro',
  },
  'mail.refunded': {
    payload: {
      ...recipient,
      id: 're_1',
      subscriptionId: 'sub_1',
      invoiceId: 'in_1',
      chargeId: 'ch_1',
      amount: 5000,
      currency: 'usd',
      status: 'succeeded',
      reason: null,
    },
    says: 'We refunded $50.00 for Pro.',
  },
  'mail.canceled': {
    payload: { ...subscription, endedAt: '2026-12-01T00:00:00.000Z', reason: null },
    says: 'ended on 1 December 2026.',
  },
};
const KINDS = Object.keys(MAILS) as MailKind[];
const NO_VALUE = /null|undefined|NaN|Invalid|\[object/;

function render(kind: MailKind, payload: object, planName: string | null) {
  return renderMail(kind, { payload, planName, accountUrl: 'https://app.example/billing' });
}

describe.each(KINDS)('The mail %s', (kind) => {
  const { payload, says } = MAILS[kind];

  it('says what its payload says', () => {
    expect(render(kind, payload, 'Pro').text).toContain(says);
  });

  const fields = Object.keys(payload);
  const empty: [string, object][] = [
    ['every field null', Object.fromEntries(fields.map((field) => [field, null]))],
    ['every field an empty string', Object.fromEntries(fields.map((field) => [field, '']))],
    ['no field at all', {}],
    ...fields.map((field): [string, object] => [`${field} null`, { ...payload, [field]: null }]),
  ];
  it.each(empty)('H-5: prints no missing value, with %s', (_what, payload) => {
    const { subject, text } = render(kind, payload, null);
    expect(subject).not.toMatch(NO_VALUE);
    expect(text).not.toMatch(NO_VALUE);
    expect(text).not.toMatch(/ {2}| \.|\$0\.00/);
  });
});
