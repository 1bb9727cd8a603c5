import type Stripe from 'stripe';
import { z } from 'zod';
import { amountIn, priceIn, type Catalogue } from '../../../../state/catalogue.ts';
import { formatMoney } from '../../../../state/money.ts';
import { findPromotion } from '../../../billing/promotion-code.ts';
import { AppError } from '../../../http/errors.ts';
import { dateTime } from '../../../http/pages/format.ts';
import {
  apiPath,
  countIn,
  dayIn,
  type ActForm,
  type ActTarget,
  type Field,
  type Values,
} from './act-form.ts';
import { confirmOf, quoteShown } from './quotes.ts';

const DAY = 86_400_000;

/** A preview of the command, in the words of the admin API. */
const quoted =
  (body: (values: Values) => object): ActForm['preview'] =>
  async (values, { target, api }) =>
    quoteShown(await api.call(apiPath(target, 'subscription/preview'), { body: body(values) }));

function checkoutUrl({ url, payment }: Record<string, unknown>): string | null {
  if (typeof url === 'string') return url;
  const waiting = payment as { url?: unknown } | null | undefined;
  return typeof waiting?.url === 'string' ? waiting.url : null;
}

const REASONS = [
  ['', 'not said'],
  ['too_expensive', 'too expensive'],
  ['missing_features', 'missing features'],
  ['switched_service', 'switched to another service'],
  ['unused', 'not used enough'],
  ['customer_service', 'customer service'],
  ['too_complex', 'too complex'],
  ['low_quality', 'low quality'],
  ['other', 'other'],
] as const;

export const cancel: ActForm = {
  name: 'cancel',
  title: 'Cancel the subscription',
  button: 'Cancel the subscription',
  fields: () => [
    {
      name: 'when',
      label: 'When',
      options: [
        ['period_end', 'with the period that is paid'],
        ['now', 'now'],
      ],
    },
    { name: 'feedback', label: 'Reason of the customer', options: REASONS },
    { name: 'comment', label: 'Comment', type: 'textarea' },
  ],
  preview: quoted(({ when }) => ({ command: 'cancel', when })),
  request: (values) => {
    const { when, feedback, comment } = values;
    const confirm = when === 'now' ? { confirm: confirmOf(values) } : {};
    return { path: 'subscription/cancel', body: { when, feedback, comment, ...confirm } };
  },
  done: 'The subscription is canceled, or ends with its period.',
};

export const resume: ActForm = {
  name: 'resume',
  title: 'Undo a cancel or downgrade, or end a pause',
  button: 'Undo or resume',
  fields: () => [],
  preview: quoted(() => ({ command: 'resume' })),
  request: (values) => ({ path: 'subscription/resume', body: { confirm: confirmOf(values) } }),
  done: 'What was planned is taken back, or the pause has ended.',
  link: checkoutUrl,
};

const pauseEnd = (values: Values) =>
  values['until'] === undefined ? {} : { resumesAt: dayIn(values, 'until') };

export const pause: ActForm = {
  name: 'pause',
  title: 'Pause the subscription',
  button: 'Pause',
  fields: () => [
    { name: 'until', label: 'Until', type: 'date', hint: 'Empty: until someone resumes it.' },
  ],
  preview: quoted((values) => ({ command: 'pause', ...pauseEnd(values) })),
  request: (values) => ({
    path: 'subscription/pause',
    body: { ...pauseEnd(values), confirm: confirmOf(values) },
  }),
  done: 'The subscription is paused.',
};

/** Each plan at each of its intervals: `pro monthly`; with the amount in the subscription's currency. */
function planOptions({ plans }: Catalogue, currency: string | null): [string, string][] {
  return plans.flatMap((plan) =>
    Object.entries(plan.prices).flatMap(([interval, main]): [string, string][] => {
      const price = main && priceIn(main, currency);
      if (!price) return [];
      const own = currency ?? price.currency;
      const amount = amountIn(price, own);
      const words = amount === null ? '' : `, ${formatMoney(amount, own)}`;
      return [[`${plan.id} ${interval}`, `${plan.name}, ${interval.replace('_', ' ')}${words}`]];
    }),
  );
}

function planIn(values: Values): { plan: string; interval: string } {
  const [plan = '', interval = ''] = (values['plan'] ?? '').split(' ');
  return { plan, interval };
}

const seats = (values: Values) =>
  values['quantity'] === undefined ? {} : { quantity: countIn(values, 'quantity') };

const planField = ({ services, subscription }: ActTarget): Field => {
  const current = subscription?.plan ?? null;
  const options = planOptions(services.catalogue, subscription?.facts.currency ?? null);
  const own = options.find(([value]) => value.startsWith(`${current} `));
  return { name: 'plan', label: 'Plan', options, ...(own ? { value: own[0] } : {}) };
};

const wantedChange = (values: Values) => ({
  ...planIn(values),
  ...seats(values),
  ...(values['when'] === undefined ? {} : { when: values['when'] }),
});

export const change: ActForm = {
  name: 'change',
  title: 'Change plan or seats',
  button: 'Change at this price',
  fields: (target) => [
    planField(target),
    { name: 'quantity', label: 'Seats', type: 'number', hint: 'Empty: as many as now.' },
    {
      name: 'when',
      label: 'When',
      options: [
        ['', 'bigger now, smaller with the next period'],
        ['now', 'now'],
        ['period_end', 'with the next period'],
      ],
    },
  ],
  preview: quoted(wantedChange),
  request: (values) => ({
    path: 'subscription/change',
    body: { ...wantedChange(values), prorationDate: values['prorationDate'] ?? null },
  }),
  done: 'The plan is changed, or will be with the next period.',
  link: checkoutUrl,
};

const comeback = (values: Values) => ({
  ...planIn(values),
  ...seats(values),
  ...(values['code'] === undefined ? {} : { promotionCode: values['code'] }),
});

export const reactivate: ActForm = {
  name: 'reactivate',
  title: 'Start a subscription again',
  button: 'Start again',
  fields: (target) => [
    planField(target),
    { name: 'quantity', label: 'Seats', type: 'number' },
    { name: 'code', label: 'Promotion code' },
  ],
  preview: quoted((values) => ({ command: 'reactivate', ...comeback(values) })),
  request: (values) => ({
    path: 'subscription/reactivate',
    body: { ...comeback(values), confirm: confirmOf(values) },
  }),
  done: 'The subscription has started again.',
  link: checkoutUrl,
};

export const code: ActForm = {
  name: 'code',
  title: 'Apply a promotion code',
  button: 'Apply',
  fields: () => [
    { name: 'code', label: 'Code', hint: 'Empty: the discount that is there is taken off.' },
  ],
  preview: async ({ code: given }, { target }) => {
    const effects = ['It replaces the discount that is there; the next invoices follow.'];
    if (given === undefined) return { total: 'The discount is taken off', effects };
    const found = await findPromotion(target.services, target.customerId, given);
    if (!found) throw new AppError('unknown_promotion_code', 'There is no such code for them.');
    return { total: worthOf(found), lines: [['Code', found.code]], effects };
  },
  request: (values) => ({
    path: 'subscription/discount',
    body: { promotionCode: values['code'] ?? null },
  }),
  done: 'The discount is changed.',
};

/** `10% off, once`. */
function worthOf({ promotion }: Stripe.PromotionCode): string {
  const { coupon } = promotion;
  if (coupon === null || typeof coupon === 'string') return 'A discount';
  const { percent_off: percent, amount_off: amount, currency, duration } = coupon;
  const off = percent === null ? formatMoney(amount ?? 0, currency ?? 'usd') : `${percent}%`;
  const months = coupon.duration_in_months;
  return `${off} off, ${duration === 'repeating' ? `for ${months ?? 1} months` : duration}`;
}

const trialAnswer = z.object({
  endsAt: z.string(),
  before: z.string().nullable(),
  amountDue: z.number(),
  currency: z.string(),
});

/** The end that was shown, else what the fields say. */
function trialEnd(values: Values, { subscription, services }: ActTarget): string | null {
  if (values['end'] === 'now') return null;
  if (values['endsAt'] !== undefined) return values['endsAt'];
  const days = countIn(values, 'days');
  if (days > 730) throw new AppError('invalid_request', 'At most 730 days.');
  const from = subscription?.facts.trialEnd ?? services.clock.now();
  return new Date(from + days * DAY).toISOString();
}

export const trial: ActForm = {
  name: 'trial',
  title: 'Extend or end the trial',
  button: 'Change the trial',
  fields: () => [
    {
      name: 'end',
      label: 'What',
      options: [
        ['later', 'extend it'],
        ['now', 'end it now: the first period is charged'],
      ],
    },
    { name: 'days', label: 'Days more', type: 'number', value: '7' },
  ],
  preview: async (values, { target, api }) => {
    const endsAt = trialEnd(values, target);
    const answer = await api.call(apiPath(target, 'subscription/trial/preview'), {
      body: { endsAt },
    });
    const shown = trialAnswer.parse(answer);
    const amount = formatMoney(shown.amountDue, shown.currency);
    const day = (iso: string) => `${dateTime(Date.parse(iso))} UTC`;
    return {
      total: endsAt === null ? `${amount} is charged now` : `The trial ends ${day(shown.endsAt)}`,
      lines: [
        ['Until now it would end', shown.before === null ? '–' : day(shown.before)],
        ...(endsAt === null ? [] : [['Charged then', amount] as const]),
      ],
      ...(endsAt === null ? {} : { fields: { endsAt } }),
    };
  },
  request: (values, target) => ({
    path: 'subscription/trial',
    body: { endsAt: trialEnd(values, target) },
  }),
  done: 'The trial is changed.',
  link: checkoutUrl,
};

export const portal: ActForm = {
  name: 'portal',
  title: 'Open the portal for the customer',
  button: 'Make a link',
  fields: () => [
    {
      name: 'flow',
      label: 'Opens at',
      options: [
        ['', 'its first page'],
        ['payment_method_update', 'a new payment method'],
        ['subscription_cancel', 'a cancel'],
        ['subscription_update', 'a change of plan'],
      ],
    },
  ],
  preview: () => ({
    total: 'A link to Stripe’s billing portal',
    effects: ['With it one acts as this customer. It works for a short time.'],
  }),
  request: ({ flow }) => ({ path: 'portal', body: flow === undefined ? {} : { flow } }),
  done: 'The link is made.',
  link: checkoutUrl,
};

export const SUBSCRIPTION_FORMS = [
  change,
  cancel,
  resume,
  pause,
  reactivate,
  trial,
  code,
  portal,
] as const;
