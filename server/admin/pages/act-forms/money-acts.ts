import { z } from 'zod';
import { REFUND_REASONS } from '../../../../adapters/stripe-gateway.ts';
import { pricesOf } from '../../../../state/catalogue.ts';
import { formatMoney } from '../../../../state/money.ts';
import { AppError } from '../../../http/errors.ts';
import {
  amountIn,
  apiPath,
  countIn,
  required,
  type ActForm,
  type ActTarget,
  type Field,
  type Values,
} from './act-form.ts';

const refundAnswer = z.object({
  chargeId: z.string(),
  paid: z.number(),
  refunded: z.number(),
  amount: z.number(),
  left: z.number(),
  currency: z.string(),
  endsAccess: z.boolean(),
});

const partOf = (values: Values) =>
  values['amount'] === undefined
    ? {}
    : { amount: amountIn(values, 'amount', values['currency'] ?? 'usd') };

export const refund: ActForm = {
  name: 'refund',
  title: 'Refund a payment',
  button: 'Refund',
  fields: () => [
    {
      name: 'payment',
      label: 'Payment or invoice',
      required: true,
      hint: 'ch_…, pi_… or in_…; the buttons beside payments fill it in.',
    },
    { name: 'amount', label: 'Amount', hint: 'As 12.50. Empty: all that is left.' },
    {
      name: 'reason',
      label: 'Reason',
      options: [
        ['', 'not said'],
        ...REFUND_REASONS.map((reason) => [reason, reason.replaceAll('_', ' ')] as const),
      ],
    },
    { name: 'currency', label: 'Currency', type: 'hidden' },
  ],
  preview: async (values, { target, api }) => {
    const payment = required(values, 'payment', 'The payment');
    const body = { payment, ...partOf(values) };
    const shown = refundAnswer.parse(await api.call(apiPath(target, 'refunds/preview'), { body }));
    const money = (amount: number) => formatMoney(amount, shown.currency);
    return {
      total: `${money(shown.amount)} goes back to the customer`,
      lines: [
        ['Paid', money(shown.paid)],
        ['Refunded before', money(shown.refunded)],
        ['Left after it', money(shown.left)],
      ],
      effects: [
        shown.endsAccess
          ? 'It takes the present period back in full: access ends with it.'
          : 'Access stays as it is.',
      ],
      fields: {
        payment: shown.chargeId,
        minor: String(shown.amount),
        refunded: String(shown.refunded),
      },
    };
  },
  request: (values) => ({
    path: 'refunds',
    body: {
      payment: values['payment'],
      amount: Number(values['minor']),
      refunded: Number(values['refunded']),
      reason: values['reason'],
    },
  }),
  done: 'The refund is made; it is listed under “Money that came back” as soon as Stripe tells.',
};

const currencyField = ({ subscription, services }: ActTarget): Field => ({
  name: 'currency',
  label: 'Currency',
  required: true,
  value: subscription?.facts.currency ?? currencyOf(services.catalogue.plans),
});

function currencyOf(plans: ActTarget['services']['catalogue']['plans']): string {
  const [plan] = plans;
  return (plan && pricesOf(plan)[0]?.price.currency) ?? 'usd';
}

export const credit: ActForm = {
  name: 'credit',
  title: 'Give credit',
  button: 'Give credit',
  fields: (target) => [
    { name: 'amount', label: 'Amount', required: true, hint: 'As 12.50.' },
    currencyField(target),
    { name: 'description', label: 'What for', required: true, hint: 'The customer sees it.' },
  ],
  preview: (values) => {
    const { currency } = moneyIn(values);
    return {
      total: `${formatMoney(amountIn(values, 'amount', currency), currency)} of credit`,
      effects: ['The next invoices take it first. Nothing is sent to the customer’s bank.'],
    };
  },
  request: (values) => ({ path: 'credit', body: moneyIn(values) }),
  done: 'The credit is given.',
};

function moneyIn(values: Values): { amount: number; currency: string; description: string } {
  const currency = required(values, 'currency', 'The currency').toLowerCase();
  return {
    amount: amountIn(values, 'amount', currency),
    currency,
    description: required(values, 'description', 'The description'),
  };
}

function itemIn(values: Values): { quantity: number } & ReturnType<typeof moneyIn> {
  return {
    ...moneyIn(values),
    quantity: values['quantity'] === undefined ? 1 : countIn(values, 'quantity'),
  };
}

export const invoice: ActForm = {
  name: 'invoice',
  title: 'Make a one-off invoice',
  button: 'Make the invoice',
  fields: (target) => [
    { name: 'description', label: 'What for', required: true, hint: 'The customer sees it.' },
    { name: 'amount', label: 'Amount for one', required: true, hint: 'As 12.50.' },
    { name: 'quantity', label: 'How many', type: 'number', value: '1' },
    currencyField(target),
    {
      name: 'collection',
      label: 'How it is paid',
      options: [
        ['charge', 'charge the saved payment method now'],
        ['send', 'Stripe mails it, with 30 days to pay'],
      ],
    },
  ],
  preview: (values) => {
    const { amount, quantity, currency, description } = itemIn(values);
    const sum = formatMoney(amount * quantity, currency);
    const isSent = values['collection'] === 'send';
    return {
      total: isSent ? `An invoice over ${sum} is mailed` : `${sum} is charged now`,
      lines: [[`${quantity} × ${description}`, sum]],
      effects: [isSent ? 'It is due in 30 days.' : 'A declined charge leaves the invoice open.'],
    };
  },
  request: (values) => ({
    path: 'invoices',
    body: { items: [itemIn(values)], collection: values['collection'] },
  }),
  done: 'The invoice is made.',
  link: ({ payment }) => (payment as { url?: string | null } | null)?.url ?? null,
};

interface OnInvoice {
  name: string;
  title: string;
  button: string;
  path: string;
  /** What it does to the amount that is open. */
  total: (amount: string) => string;
  effects: string[];
  done: string;
}

function onInvoice({ path, total, effects, ...words }: OnInvoice): ActForm {
  return {
    ...words,
    fields: () => [{ name: 'invoice', label: 'Invoice', required: true, hint: 'in_…' }],
    preview: async (values, { target }) => {
      const found = await target.services.stripe.retrieveInvoice(idIn(values));
      const { customer } = found;
      if ((typeof customer === 'string' ? customer : customer?.id) !== target.customerId) {
        throw new AppError('not_found', 'This account has no such invoice.');
      }
      const open = formatMoney(found.amount_remaining, found.currency);
      return {
        total: total(open),
        lines: [
          ['Invoice', found.number ?? found.id],
          ['Status', found.status ?? 'draft'],
          ['Total', formatMoney(found.total, found.currency)],
          ['Open', open],
        ],
        effects,
      };
    },
    request: (values) => ({
      path: `invoices/${encodeURIComponent(idIn(values))}/${path}`,
      body: {},
    }),
  };
}

function idIn(values: Values): string {
  const id = required(values, 'invoice', 'The invoice');
  if (/^in_\w{1,250}$/.test(id)) return id;
  throw new AppError('invalid_request', `"${id}" is no id of an invoice (in_…).`);
}

export const INVOICE_FORMS = [
  onInvoice({
    name: 'invoice-pay',
    title: 'Try a payment again',
    button: 'Charge now',
    path: 'pay',
    total: (open) => `${open} is charged now`,
    effects: ['The saved payment method is charged. A decline leaves the invoice open.'],
    done: 'The invoice is paid.',
  }),
  onInvoice({
    name: 'invoice-send',
    title: 'Mail an invoice',
    button: 'Mail it',
    path: 'send',
    total: () => 'Stripe mails the invoice to the customer',
    effects: ['Nothing is charged by it.'],
    done: 'Stripe mails the invoice.',
  }),
  onInvoice({
    name: 'invoice-void',
    title: 'Void an invoice',
    button: 'Void it',
    path: 'void',
    total: (open) => `${open} was never owed`,
    effects: ['It cannot be paid any more, and this cannot be undone.'],
    done: 'The invoice is void.',
  }),
  onInvoice({
    name: 'invoice-uncollectible',
    title: 'Write an invoice off',
    button: 'Write it off',
    path: 'uncollectible',
    total: (open) => `${open} is written off`,
    effects: ['It is still owed and can still be paid, but nothing is tried any more.'],
    done: 'The invoice is marked as uncollectible.',
  }),
] as const;

export const MONEY_FORMS = [refund, credit, invoice, ...INVOICE_FORMS] as const;
