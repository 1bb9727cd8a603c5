import { dateTime } from '../../../http/pages/format.ts';
import { AppError } from '../../../http/errors.ts';
import { countIn, required, type ActForm, type ActTarget, type Values } from './act-form.ts';

const DAY = 86_400_000;

/** What is granted: the end is that of the confirmation, not of the moment of the click. */
function grantIn(values: Values, { services }: ActTarget) {
  const features = (values['features'] ?? '').split(/[\s,]+/).filter((each) => each !== '');
  const { plan, endsAt } = values;
  if (plan === undefined && features.length === 0) {
    throw new AppError('invalid_request', 'Choose a plan, or name features.');
  }
  const end =
    endsAt ??
    (values['days'] === undefined
      ? null
      : new Date(services.clock.now() + countIn(values, 'days') * DAY).toISOString());
  return {
    ...(plan === undefined ? {} : { plan }),
    features,
    source: values['source'] ?? 'goodwill',
    reason: required(values, 'reason', 'The reason'),
    endsAt: end,
  };
}

const grant: ActForm = {
  name: 'grant',
  title: 'Grant access',
  button: 'Grant it',
  fields: ({ services }) => [
    {
      name: 'plan',
      label: 'Plan',
      options: [
        ['', 'no whole plan'],
        ...services.catalogue.plans.map(({ id, name }) => [id, name] as const),
      ],
    },
    { name: 'features', label: 'Features', hint: 'Names, separated by spaces.' },
    { name: 'days', label: 'Days', type: 'number', value: '7', hint: 'Empty: for ever.' },
    {
      name: 'source',
      label: 'Kind',
      options: [
        ['goodwill', 'goodwill'],
        ['complimentary', 'complimentary'],
      ],
    },
    { name: 'reason', label: 'Reason', required: true },
  ],
  preview: (values, { target }) => {
    const { plan, features, endsAt, reason } = grantIn(values, target);
    const what = [plan, ...features].filter((each) => each !== undefined).join(', ');
    const until = endsAt === null ? 'for ever' : `until ${dateTime(Date.parse(endsAt))} UTC`;
    return {
      total: `${what} ${until}`,
      lines: [['Reason', reason]],
      effects: ['Nothing is charged. Access is the best of the subscription and all grants.'],
      ...(endsAt === null ? {} : { fields: { endsAt } }),
    };
  },
  request: (values, target) => ({ path: 'grants', body: grantIn(values, target) }),
  done: 'It is granted.',
};

const revoke: ActForm = {
  name: 'revoke',
  title: 'End a grant',
  button: 'End it now',
  fields: () => [{ name: 'grant', label: 'Grant', required: true }],
  preview: (values) => ({
    total: 'The grant ends now',
    lines: [['Grant', required(values, 'grant', 'The grant')]],
    effects: ['What it gave is gone at once, unless the subscription gives it as well.'],
  }),
  request: (values) => ({
    path: `/admin/api/grants/${encodeURIComponent(required(values, 'grant'))}/revoke`,
    body: {},
  }),
  done: 'The grant has ended.',
};

const note: ActForm = {
  name: 'note',
  title: 'Note something',
  button: 'Save the note',
  fields: () => [
    {
      name: 'text',
      label: 'Note',
      type: 'textarea',
      required: true,
      hint: 'For other operators; the customer never sees it.',
    },
  ],
  preview: (values) => ({ total: 'A note', effects: [required(values, 'text', 'The note')] }),
  request: ({ text }) => ({ path: 'notes', body: { text } }),
  done: 'The note is saved.',
};

const link: ActForm = {
  name: 'link',
  title: 'Link a Stripe customer',
  button: 'Link',
  role: 'admin',
  fields: () => [
    { name: 'customer', label: 'Customer', required: true, hint: 'cus_…' },
    { name: 'mark', label: 'Write our mark on it at Stripe', type: 'checkbox' },
  ],
  preview: (values) => ({
    total: `${required(values, 'customer', 'The customer')} becomes this account’s`,
    effects: [
      'Its subscriptions are this account’s from now on; what was linked before is replaced.',
      values['mark'] === undefined
        ? 'Nothing changes at Stripe.'
        : 'Our metadata is written on the customer at Stripe.',
    ],
  }),
  request: (values) => ({
    method: 'PUT',
    path: 'customer',
    body: { customerId: values['customer'], mark: values['mark'] !== undefined },
  }),
  done: 'The customer is linked.',
};

const resend: ActForm = {
  name: 'resend',
  title: 'Send a mail again',
  button: 'Send it again',
  fields: () => [{ name: 'mail', label: 'Mail', required: true, hint: 'Its number.' }],
  preview: (values) => ({
    total: `Mail ${required(values, 'mail', 'The mail')} goes out again`,
    effects: ['To the address of today, and only if what it says is still true.'],
  }),
  request: (values) => ({
    path: `mails/${encodeURIComponent(required(values, 'mail'))}/resend`,
    body: {},
  }),
  done: 'The mail is on its way again.',
};

export const ACCOUNT_FORMS = [grant, revoke, note, link, resend] as const;
