import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { localeOf, MAIL_LOCALES, type MailLocale } from '../../../server/outbox/mails/format.ts';
import { loadMailTemplates } from '../../../server/outbox/mails/overrides.ts';
import { renderMail, type MailContext } from '../../../server/outbox/mails/render.ts';
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

const next = { renewsAt: '2026-12-01T00:00:00.000Z', amountDue: 3000, currency: 'usd' };

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
  'mail.cancel_scheduled': {
    payload: { ...subscription, cancelAt: '2026-12-01T00:00:00.000Z' },
    says: 'You keep your access until 1 December 2026',
  },
  'mail.plan_changed': {
    payload: { ...subscription, ...next, quantity: 3, number: 7 },
    says: 'Your plan is Pro now, with 3 seats.\n\nYour next invoice is due on 1 December 2026: $30.00.',
  },
  'mail.renewal_notice': {
    payload: { ...subscription, ...next },
    says: 'renews on 1 December 2026 for another year.\n\nWe then charge $30.00',
  },
  'mail.card_expiring': {
    payload: {
      ...subscription,
      renewsAt: '2026-12-01T00:00:00.000Z',
      paymentMethodId: 'pm_1',
      last4: '4242',
      expires: '2026-11-30T23:59:59.999Z',
    },
    says: 'expires at the end of November 2026, before your next payment on 1 December 2026.',
  },
  'mail.usage_threshold': {
    payload: {
      ...recipient,
      meter: 'api_calls',
      recorded: 12_000,
      threshold: 10_000,
      isCap: true,
      periodStart: '2026-11-01T00:00:00.000Z',
      periodEnd: '2026-12-01T00:00:00.000Z',
    },
    says: 'Usage of api calls with Pro in this period: 12,000.\n\nThat is the most that is possible until 1 December 2026.',
  },
};
const KINDS = Object.keys(MAILS) as MailKind[];
const NO_VALUE = /null|undefined|NaN|Invalid|\[object/;

const shop = { name: null, logoUrl: null, supportEmail: null };

function render(kind: MailKind, payload: object, more: Partial<MailContext<MailKind>> = {}) {
  const context = {
    planName: 'Pro',
    accountUrl: 'https://app.example/billing',
    locale: 'en' as const,
  };
  return renderMail(kind, { ...context, shop, templates: new Map(), payload, ...more });
}

describe.each(KINDS)('The mail %s', (kind) => {
  const { payload, says } = MAILS[kind];

  it('says what its payload says', () => {
    expect(render(kind, payload).text).toContain(says);
  });

  it.each(MAIL_LOCALES)(
    'says it in %s as text and as HTML alike, with a subject of its own',
    (locale) => {
      const { subject, text, html } = render(kind, payload, { locale });
      expect(html).toContain(`lang="${locale}"`);
      const words = html.replaceAll(/<[^>]+>/g, ' ').replaceAll('&#39;', "'");
      const lines = text.split('\n\n').filter((each) => !each.includes('http'));
      for (const each of lines) expect(words).toContain(each.trim());
      if (locale !== 'en') expect(subject).not.toBe(render(kind, payload).subject);
    },
  );

  const fields = Object.keys(payload);
  const empty: [string, object][] = [
    ['every field null', Object.fromEntries(fields.map((field) => [field, null]))],
    ['every field an empty string', Object.fromEntries(fields.map((field) => [field, '']))],
    ['no field at all', {}],
    ...fields.map((field): [string, object] => [`${field} null`, { ...payload, [field]: null }]),
  ];
  it.each(empty)('H-5: prints no missing value, with %s', (_what, payload) => {
    for (const locale of MAIL_LOCALES) {
      const { subject, text, html } = render(kind, payload, { planName: null, locale });
      for (const part of [subject, text, html]) expect(part).not.toMatch(NO_VALUE);
      expect(text).not.toMatch(/ {2}| \.|\$0\.00/);
    }
  });

  it('escapes what others wrote, in HTML', () => {
    const evil = '<img src=x onerror=alert(1)>"';
    const texts = Object.entries(payload).map(
      ([field, value]) =>
        [
          field,
          typeof value === 'string' && !/Url$|At$|End$|expires/.test(field) ? evil : value,
        ] as const,
    );
    const { html } = render(kind, Object.fromEntries(texts), {
      planName: evil,
      shop: { name: evil, logoUrl: 'javascript:alert(1)', supportEmail: evil },
    });
    expect(html).not.toContain('<img src=x');
    expect(html).not.toContain('javascript:');
    expect(html).toContain('&lt;img src=x');
  });
});

describe('P-16: mails are the shop’s', () => {
  const receipt = MAILS['mail.receipt'].payload;

  it('amounts and dates are written as readers of the language write them', () => {
    const inLocale = (locale: MailLocale) => render('mail.receipt', receipt, { locale }).text;
    expect(inLocale('de')).toContain('30,00\u00a0$');
    expect(inLocale('fr')).toContain('30,00\u00a0$US');
    const trial = MAILS['mail.trial_ending'].payload;
    expect(render('mail.trial_ending', trial, { locale: 'de' }).text).toContain(
      'am 1. Dezember 2026',
    );
    expect(render('mail.trial_ending', trial, { locale: 'fr' }).text).toContain(
      'le 1er décembre 2026',
    );
    const every = (locale: MailLocale, interval: string) =>
      render('mail.price_change', { ...MAILS['mail.price_change'].payload, interval }, { locale })
        .text;
    expect(every('en', '3 months')).toContain('$24.00 every 3 months.');
    expect(every('de', 'month')).toContain('je Monat.');
    expect(every('de', '3 months')).toContain('alle 3 Monate.');
    expect(every('fr', 'year')).toContain('par an.');
    expect(every('fr', '2 weeks')).toContain('toutes les 2 semaines.');
    const yen = { ...receipt, currency: 'jpy', amountPaid: 980 };
    expect(render('mail.receipt', yen, { locale: 'de' }).text).toContain('980\u00a0¥');
  });

  it('the language is the customer’s where it is one of ours, else the deployment’s', () => {
    expect(localeOf('de-AT', 'en')).toBe('de');
    expect(localeOf('fr', 'en')).toBe('fr');
    expect(localeOf('ja', 'fr')).toBe('fr');
    expect(localeOf(null, 'de')).toBe('de');
    expect(localeOf('auto', 'en')).toBe('en');
  });

  it('bear its name, logo and address for questions', () => {
    const northwind = {
      name: 'Northwind',
      logoUrl: 'https://n.example/logo.png',
      supportEmail: 'help@n.example',
    };
    const { text, html } = render('mail.receipt', receipt, { shop: northwind });
    expect(text).toContain('Questions? Write to help@n.example.\nNorthwind');
    expect(html).toContain('src="https://n.example/logo.png"');
    expect(html).toContain('alt="Northwind"');
  });

  it('templates of the deployment replace ours, by language, and leave out lines with nothing to say', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tenure-mails-'));
    const own =
      'Subject: Paid {{amount}}\n\nFor {{plan}}\nNumber {{number}}\n{{shop}}\n{{constructor}}\n';
    writeFileSync(join(folder, 'receipt.txt'), own);
    writeFileSync(join(folder, 'receipt.html'), '<p>{{ plan }}</p>\n<p>{{number}}</p>');
    writeFileSync(join(folder, 'receipt.de.txt'), 'Subject: Bezahlt\n\n{{amount}}');
    const templates = loadMailTemplates(folder);
    const planName = 'P & Q';
    const payload = { ...receipt, number: null };
    const mail = render('mail.receipt', payload, { templates, planName });
    expect(mail).toEqual({
      subject: 'Paid $30.00',
      text: 'For P & Q\n',
      html: '<p>P &amp; Q</p>',
    });
    const german = render('mail.receipt', payload, { templates, planName, locale: 'de' });
    expect(german).toMatchObject({ subject: 'Bezahlt', text: '30,00\u00a0$' });
    expect(render('mail.canceled', {}, { templates }).subject).toContain('has ended');
  });
});
