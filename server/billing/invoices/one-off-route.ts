import { z } from 'zod';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { currentSubscriptionOfUser } from '../../../db/subscriptions.ts';
import { requireStripeCustomer } from '../account.ts';
import { confirmIfAnswerLost, freshKey, isAnswerLost, type Commander } from '../command.ts';
import { invoiceSchema, invoiceView } from './invoice-view.ts';
import { neededOn, paymentNeeded } from '../payment-needed.ts';
import { savedCard } from '../saved-card.ts';
import { AppError } from '../../http/errors.ts';
import { withoutLostCustomer } from '../customer.ts';
import { defineRoute, json, type RouteContext } from '../../http/define-route.ts';
import type { Services } from '../../lib/services.ts';

const item = z.strictObject({
  description: z.string().min(1).max(500),
  /** Minor units for one; negative gives something back. */
  amount: z.int().min(-99_999_999).max(99_999_999),
  currency: z.string().regex(/^[a-z]{3}$/),
  quantity: z.int().min(1).max(10_000).default(1),
});

/** What is billed, and how. */
export const oneOffBody = z.strictObject({
  items: z.array(item).min(1).max(100),
  collection: z.enum(['charge', 'send']),
});
const body = oneOffBody.extend({ userId: z.string().min(1).max(255) });

export const oneOffAnswer = z.object({
  invoice: invoiceSchema,
  payment: paymentNeeded.nullable(),
});

/** An invoice for something outside the plan: charged to the saved card, or sent with 30 days to pay. */
export const oneOffInvoiceRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/invoices',
  auth: 'admin',
  role: 'support',
  summary: 'Invoice a customer for something outside their plan',
  description:
    'It is finalized. A declined charge leaves it open, and `payment` says where the customer can pay it. If it ' +
    'cannot be finalized nothing is left.',
  body,
  response: oneOffAnswer,
  errors: ['no_billing_account'],
  handler: (_request, context) =>
    withoutLostCustomer(context.services, context.body.userId, () => makeOneOffInvoice(context)),
});

/** Makes the invoice of a request, once. */
export async function makeOneOffInvoice(
  context: Commander & Pick<RouteContext, 'commandKey'> & { body: z.infer<typeof body> },
): Promise<Response> {
  const { services, body: wanted, commandKey } = context;
  const key = (step: string) => freshKey(step, context);
  const { currency } = wanted.items[0] ?? { currency: '' };
  if (wanted.items.some((entry) => entry.currency !== currency)) {
    throw new AppError('invalid_request', 'All items of an invoice are in one currency.');
  }
  const customerId = await requireStripeCustomer(services, wanted.userId);
  // The same under the caller's Idempotency-Key: what an attempt before this one began is found again.
  const request = commandKey('invoice');
  const id = await finalized(services, { ...wanted, customerId, currency, request, key });
  if (wanted.collection === 'charge') await charge(services, { ...wanted, id, customerId, key });
  const made = await services.stripe.retrievePayableInvoice(id);
  const payment = wanted.collection === 'charge' ? neededOn(made) : null;
  return json({ invoice: invoiceView(made), payment });
}

type Wanted = z.infer<typeof body> & {
  customerId: string;
  currency: string;
  request: string;
  /** A key for one call to Stripe. */
  key: (step: string) => string;
};

/** Draft, items, finalized: all of it, or no invoice. */
async function finalized(services: Services, wanted: Wanted): Promise<string> {
  const { stripe } = services;
  const { automaticTax } = services.config;
  const made = await madeBefore(services, wanted);
  if (made) return made;
  try {
    const { id } = await stripe.createOneOffInvoice(
      { ...wanted, automaticTax },
      wanted.key('invoice'),
    );
    for (const entry of wanted.items) {
      await stripe.addInvoiceItem({ ...wanted, id }, entry, wanted.key('invoice-item'));
    }
    await confirmIfAnswerLost(
      () =>
        wanted.collection === 'send'
          ? stripe.sendInvoice(id, wanted.key('send'))
          : stripe.finalizeInvoice(id, wanted.key('finalize')),
      async () => (await stripe.retrieveInvoice(id)).status !== 'draft',
    );
    return id;
  } catch (error) {
    // By its mark, because the answer with its id may have been lost.
    await madeBefore(services, wanted).catch((second: unknown) => {
      services.log.error({ err: second }, 'an unfinished one-off invoice could not be removed');
    });
    throw isUnknownCurrency(error) ? unknownCurrency(wanted.currency, error) : error;
  }
}

/** Only Stripe knows which currencies there are for an account. */
function isUnknownCurrency(error: unknown): boolean {
  return isGatewayError(error, 'invalid') && error.param === 'currency';
}

function unknownCurrency(currency: string, cause: unknown): AppError {
  return new AppError('invalid_request', `Stripe does not take the currency "${currency}".`, {
    fields: { issues: [{ path: 'items.0.currency', message: 'not a currency of the account' }] },
    cause,
  });
}

/** The invoice that this request made before; a draft that it left behind is removed. */
async function madeBefore(
  { stripe }: Services,
  { customerId, request }: Wanted,
): Promise<string | null> {
  const page = await stripe.listInvoices({ customerId, limit: 20, startingAfter: null });
  let made: string | null = null;
  for (const { id, status, metadata } of page.data) {
    if (metadata?.['request'] !== request) continue;
    if (status !== 'draft') {
      made = id;
      continue;
    }
    // Without its invoice an item would wait for the next renewal.
    for (const item of await stripe.itemsOfInvoice(id)) await stripe.deleteInvoiceItem(item.id);
    await stripe.deleteDraftInvoice(id);
  }
  return made;
}

/** Tries to collect at once. Whatever keeps it from that: it stays open, and the answer says so. */
async function charge(
  services: Services,
  wanted: Pick<Wanted, 'customerId' | 'userId' | 'key'> & { id: string },
): Promise<void> {
  const { id, customerId, userId } = wanted;
  const { stripe, database } = services;
  const isOpen = async () => (await stripe.retrieveInvoice(id)).status === 'open';
  // When that cannot be read, paying is tried all the same: a paid invoice is not charged again.
  const open = await isOpen().catch((error: unknown) => {
    if (!isAnswerLost(error)) throw error;
    return true;
  });
  if (!open) return;
  // Checkout saves a card with the subscription, not with the customer.
  const subscription = await currentSubscriptionOfUser(database.knex, userId, services.catalogue);
  const lastMethodId = subscription?.facts.defaultPaymentMethodId ?? null;
  const pay = async () => {
    const card = await savedCard(services, { customerId, lastMethodId });
    await stripe.payInvoice(id, card?.id ?? null, wanted.key('pay'));
  };
  try {
    await pay().catch(async (error: unknown) => {
      if (!isAnswerLost(error)) throw error;
      // A second attempt is harmless: an invoice is paid once.
      if (await isOpen()) await pay();
    });
  } catch (error) {
    // Without any saved method Stripe calls it an invalid request.
    if (!isGatewayError(error)) throw error;
  }
}
