import type Stripe from 'stripe';
import { z } from 'zod';
import { requireStripeCustomer } from '../../billing/account.ts';
import { confirmIfAnswerLost, freshKey, syncAfter } from '../../billing/command.ts';
import { invoiceSchema, invoiceView } from '../../billing/invoices/invoice-view.ts';
import {
  makeOneOffInvoice,
  oneOffAnswer,
  oneOffBody,
} from '../../billing/invoices/one-off-route.ts';
import { payInvoiceRoute } from '../../billing/invoices/route.ts';
import { withCustomerLock } from '../../billing/with-customer-lock.ts';
import { json, type Route } from '../../http/define-route.ts';
import { AppError } from '../../http/errors.ts';
import type { StripeGateway } from '../../../adapters/stripe-gateway.ts';
import { defineAct, onBehalf, type ActContext } from './act.ts';
import { requireOurs } from './ours.ts';

interface InvoiceAct {
  name: string;
  path: string;
  summary: string;
  description?: string;
  atStripe: (stripe: StripeGateway, id: string, key: string) => Promise<unknown>;
  isDone: (invoice: Stripe.Invoice) => boolean;
}

function invoiceAct({ name, path, atStripe, isDone, ...words }: InvoiceAct): Route {
  return defineAct({
    name,
    path: `invoices/:invoice/${path}`,
    ...words,
    body: z.strictObject({}),
    response: z.object({ invoice: invoiceSchema }),
    errors: ['no_billing_account'],
    run: (context) => {
      const { services, account, params } = context;
      return withCustomerLock(services, account.id, async () => {
        const customerId = await requireStripeCustomer(services, account.id);
        const invoice = await ownInvoice(context, customerId);
        await requireOurs(services, account.id, { invoice });
        const { id } = invoice;
        await confirmIfAnswerLost(
          () => atStripe(services.stripe, id, freshKey(name, context)),
          async () => isDone(await services.stripe.retrieveInvoice(id)),
        );
        const subscription = invoice.parent?.subscription_details?.subscription ?? null;
        const of = typeof subscription === 'string' ? subscription : subscription?.id;
        if (of !== undefined) await syncAfter(context, { id: of, customerId });
        const after = await services.stripe.retrieveInvoice(params['invoice'] ?? '');
        return json({ invoice: invoiceView(after) });
      });
    },
  });
}

/** Throws 404 for an invoice of another customer, as for one that does not exist. */
async function ownInvoice(
  { services, params }: ActContext<unknown>,
  customerId: string,
): Promise<Stripe.Invoice> {
  const invoice = await services.stripe.retrieveInvoice(params['invoice'] ?? '');
  const { customer } = invoice;
  if ((typeof customer === 'string' ? customer : customer?.id) === customerId) return invoice;
  throw new AppError('not_found', 'This account has no such invoice.');
}

const voided = invoiceAct({
  name: 'invoice.void',
  path: 'void',
  summary: 'Void an open invoice: it was never owed',
  atStripe: (stripe, id, key) => stripe.voidInvoice(id, key),
  isDone: ({ status }) => status === 'void',
});

const uncollectible = invoiceAct({
  name: 'invoice.uncollectible',
  path: 'uncollectible',
  summary: 'Mark an open invoice as uncollectible: it is owed, and written off',
  atStripe: (stripe, id, key) => stripe.markUncollectible(id, key),
  isDone: ({ status }) => status === 'uncollectible',
});

const sent = invoiceAct({
  name: 'invoice.send',
  path: 'send',
  summary: 'Let Stripe mail an invoice to the customer, again if need be',
  atStripe: (stripe, id, key) => stripe.sendInvoice(id, key),
  // Whether it was mailed cannot be read.
  isDone: () => false,
});

const retried = onBehalf(payInvoiceRoute, {
  name: 'invoice.pay',
  path: 'invoices/:invoice/pay',
  summary: 'Try the payment of an open invoice now',
});

const made = defineAct({
  name: 'invoice.create',
  path: 'invoices',
  summary: 'Invoice an account for something outside its plan',
  description: 'It is finalized. A declined charge leaves it open.',
  body: oneOffBody,
  response: oneOffAnswer,
  errors: ['no_billing_account'],
  run: (context) => {
    const { account, body } = context;
    return makeOneOffInvoice({ ...context, body: { ...body, userId: account.id } });
  },
});

export const INVOICE_ACTS = { made, void: voided, uncollectible, send: sent, pay: retried };
