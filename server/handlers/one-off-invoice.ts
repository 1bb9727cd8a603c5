import type Stripe from 'stripe';
import { z } from 'zod';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { requireStripeCustomer } from '../billing/account.ts';
import { freshKey } from '../billing/command.ts';
import { invoiceSchema, invoiceView } from '../billing/invoice-view.ts';
import { neededOn, paymentNeeded } from '../billing/payment-needed.ts';
import { AppError } from '../errors.ts';
import { defineRoute, json } from '../route.ts';
import type { Services } from '../services.ts';

const item = z.strictObject({
  description: z.string().min(1).max(500),
  /** Minor units for one; negative gives something back. */
  amount: z.int().min(-99_999_999).max(99_999_999),
  currency: z.string().regex(/^[a-z]{3}$/),
  quantity: z.int().min(1).max(10_000).default(1),
});

const body = z.strictObject({
  userId: z.string().min(1).max(255),
  items: z.array(item).min(1).max(100),
  collection: z.enum(['charge', 'send']),
});

/** An invoice for something outside the plan: charged to the saved card, or sent with 30 days to pay. */
export const oneOffInvoiceRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/invoices',
  auth: 'admin',
  summary: 'Invoice a customer for something outside their plan',
  description:
    'It is finalized. A declined charge leaves it open, and `payment` says where the customer can pay it. If it ' +
    'cannot be finalized nothing is left.',
  body,
  response: z.object({ invoice: invoiceSchema, payment: paymentNeeded.nullable() }),
  errors: ['no_billing_account'],
  handler: async (_request, { services, body: wanted }) => {
    const { currency } = wanted.items[0] ?? { currency: '' };
    if (wanted.items.some((entry) => entry.currency !== currency)) {
      throw new AppError('invalid_request', 'All items of an invoice are in one currency.');
    }
    const customerId = await requireStripeCustomer(services, wanted.userId);
    const id = await finalized(services, { ...wanted, customerId, currency });
    if (wanted.collection === 'charge') await charge(services, id);
    const invoice = await services.stripe.retrievePayableInvoice(id);
    const payment = wanted.collection === 'charge' ? neededOn(invoice) : null;
    return json({ invoice: invoiceView(invoice), payment });
  },
});

type Wanted = z.infer<typeof body> & { customerId: string; currency: string };

/** Draft, items, finalized: all of it, or no invoice. */
async function finalized({ stripe, log }: Services, wanted: Wanted): Promise<string> {
  const { id } = await stripe.createOneOffInvoice(wanted, freshKey('invoice'));
  try {
    for (const entry of wanted.items) {
      await stripe.addInvoiceItem({ ...wanted, id }, entry, freshKey('invoice-item'));
    }
    await stripe.finalizeInvoice(id, freshKey('finalize'));
    return id;
  } catch (error) {
    await discard({ stripe, log }, id);
    throw error;
  }
}

async function discard({ stripe, log }: Pick<Services, 'stripe' | 'log'>, id: string) {
  try {
    const { status }: Stripe.Invoice = await stripe.retrieveInvoice(id);
    if (status === 'draft') await stripe.deleteDraftInvoice(id);
    // The answer to finalizing was lost, and the caller is told that it failed.
    else if (status === 'open') await stripe.voidInvoice(id, freshKey('void'));
  } catch (error) {
    log.error({ err: error, invoice: id }, 'an unfinished one-off invoice could not be removed');
  }
}

async function charge({ stripe }: Services, id: string): Promise<void> {
  const { status } = await stripe.retrieveInvoice(id);
  if (status !== 'open') return;
  try {
    await stripe.payInvoice(id, null, freshKey('pay'));
  } catch (error) {
    // It stays open, and the answer says so. Without any saved method Stripe calls it an invalid request.
    if (!isGatewayError(error, 'card_declined', 'invalid')) throw error;
  }
}
