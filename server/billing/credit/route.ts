import { z } from 'zod';
import { isOpenPack, PURCHASE_KEY } from '../../../adapters/stripe-gateway/credit-packs.ts';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { nextCursorOf, pageQuery, stripeCustomerOf } from '../account.ts';
import { AppError } from '../../http/errors.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import type { Services } from '../../lib/services.ts';

/** Each is a call of its own to Stripe. */
const MAX_PACKS = 20;

const entry = z.object({
  id: z.string(),
  /** Minor units; positive is in the customer's favour. */
  amount: z.int(),
  currency: z.string(),
  /** The balance after it. */
  balance: z.int(),
  type: z.string(),
  description: z.string().nullable(),
  invoiceId: z.string().nullable(),
  createdAt: z.iso.datetime(),
});

const prepaid = z.object({
  id: z.string(),
  purchase: z.string().describe('The purchase that paid for it'),
  name: z.string().nullable(),
  amount: z.int().describe('Minor units, as bought'),
  left: z.int().describe('Minor units'),
  currency: z.string(),
  expiresAt: z.iso.datetime().nullable(),
});

const NOTHING = { balance: 0, currency: null, entries: [], prepaid: [], nextCursor: null };

/** What the customer has in hand for the next invoices. Stripe counts it the other way round. */
export const creditRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/credit',
  auth: 'user',
  summary: 'The credit balance and its entries, newest first',
  query: pageQuery,
  response: z.object({
    balance: z.int(),
    currency: z.string().nullable(),
    entries: z.array(entry),
    prepaid: z.array(prepaid).describe('What is left of credit that was bought for usage'),
    nextCursor: z.string().nullable(),
  }),
  errors: ['not_found'],
  handler: async (_request, { services, account, query }) => {
    const customerId = await stripeCustomerOf(services, account.id);
    const customer = customerId && (await services.stripe.retrieveCustomer(customerId));
    if (!customerId || !customer || customer.deleted) return json(NOTHING);
    const { limit } = query;
    const startingAfter = query.cursor ?? null;
    const [page, packs] = await Promise.all([
      pageOf(services, { customerId, limit, startingAfter }),
      packsOf(services, customerId),
    ]);
    return json({
      balance: credit(customer.balance),
      currency: customer.currency ?? page.data[0]?.currency ?? null,
      entries: page.data.map((transaction) => ({
        id: transaction.id,
        amount: credit(transaction.amount),
        currency: transaction.currency,
        balance: credit(transaction.ending_balance),
        type: transaction.type,
        description: transaction.description,
        invoiceId:
          typeof transaction.invoice === 'string'
            ? transaction.invoice
            : (transaction.invoice?.id ?? null),
        createdAt: new Date(transaction.created * 1000).toISOString(),
      })),
      prepaid: packs,
      nextCursor: nextCursorOf(page),
    });
  },
});

/** Prepaid credit that is left, the newest first. Stripe is asked only where some is sold. */
async function packsOf(
  { stripe, catalogue, clock }: Services,
  customerId: string,
): Promise<z.infer<typeof prepaid>[]> {
  if (!catalogue.products.some(({ credit: sold }) => sold !== undefined)) return [];
  const now = clock.now();
  const grants = (await stripe.listCreditGrants(customerId)).filter((grant) =>
    isOpenPack(grant, now),
  );
  const packs = await Promise.all(
    grants.slice(0, MAX_PACKS).map(async (grant) => ({
      id: grant.id,
      purchase: grant.metadata[PURCHASE_KEY] ?? '',
      name: grant.name,
      amount: grant.amount.monetary?.value ?? 0,
      left: await stripe.creditLeft(customerId, grant.id),
      currency: grant.amount.monetary?.currency ?? '',
      expiresAt: grant.expires_at === null ? null : new Date(grant.expires_at * 1000).toISOString(),
    })),
  );
  return packs.filter(({ left }) => left > 0);
}

async function pageOf(
  { stripe }: Services,
  query: Parameters<Services['stripe']['listBalanceEntries']>[0],
) {
  try {
    return await stripe.listBalanceEntries(query);
  } catch (cause) {
    if (query.startingAfter === null || !isGatewayError(cause, 'not_found')) throw cause;
    throw new AppError('not_found', 'There is no such entry to go on from.', { cause });
  }
}

// Not `-0`, which JSON would keep quiet about and tests would not.
function credit(stripeBalance: number): number {
  return stripeBalance === 0 ? 0 : -stripeBalance;
}
