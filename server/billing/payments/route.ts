import type Stripe from 'stripe';
import { z } from 'zod';
import { findPurchase, hasPurchase, purchasesOf } from '../../../db/purchases.ts';
import type { OneTimeProduct } from '../../../state/catalogue.ts';

import type { Account } from '../../../state/roles.ts';
import type { Services } from '../../lib/services.ts';
import { recordPurchase } from './record-purchase.ts';
import { freshKey } from '../command.ts';
import { ensureStripeCustomer } from '../customer.ts';
import { withCustomerLock } from '../with-customer-lock.ts';
import { pageFields, wishedPage } from '../checkout-page.ts';
import { digested, isOwn } from '../checkout-session.ts';
import { AppError } from '../../http/errors.ts';
import { returnUrlsOf } from '../../http/page-origin.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import { purchaseSchema, viewOfPurchase } from './purchase-view.ts';

/** A Checkout page for something that is bought once. Needs no subscription. */
export const paymentsRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/payments',
  auth: 'user',
  summary: 'Open a Checkout page for a one-time payment',
  description: 'Asking again for the same before it is paid answers the same page.',
  body: z.strictObject({
    product: z.string().min(1).max(64),
    quantity: z.int().min(1).max(10_000).default(1),
    ...pageFields,
  }),
  response: z.object({ url: z.url(), sessionId: z.string() }),
  errors: ['unknown_product', 'already_purchased'],
  handler: (request, context) => {
    const { services, account, body } = context;
    const returnUrls = returnUrlsOf(request);
    return withCustomerLock(services, account.id, async () => {
      const product = services.catalogue.products.find(({ id }) => id === body.product);
      if (!product) {
        throw new AppError('unknown_product', `There is no product "${body.product}".`);
      }
      const customerId = await ensureStripeCustomer(services, context);
      const { page, words } = wishedPage(services.config, body, returnUrls);
      const wish = digested(`${product.priceId}|${body.quantity}${words}`);
      await refuseSecond(context, { product, customerId, wish });
      const open = await services.stripe.openCheckouts(customerId);
      const same = open.find(
        (session) =>
          session.mode === 'payment' &&
          isOwn(services, session, account.id) &&
          session.metadata?.['wish'] === wish,
      );
      const session =
        same ??
        (await services.stripe.createPaymentCheckout(
          {
            customerId,
            userId: account.id,
            product: product.id,
            page,
            priceId: product.priceId,
            quantity: body.quantity,
            automaticTax: services.config.automaticTax,
            wish,
          },
          freshKey('payment', context),
        ));
      if (!session.url) throw new Error(`Checkout session ${session.id} has no URL`);
      return json({ url: session.url, sessionId: session.id });
    });
  },
});

/**
 * What an account can have once is refused when it is paid for, also where no webhook has told of it yet. A page for it
 * that is open under other terms is expired: only one can be paid.
 */
async function refuseSecond(
  { services, account }: { services: Services; account: Account },
  { product, customerId, wish }: { product: OneTimeProduct; customerId: string; wish: string },
): Promise<void> {
  if (product.once !== true) return;
  const { stripe, database } = services;
  const isThis = (session: Stripe.Checkout.Session) =>
    session.mode === 'payment' &&
    isOwn(services, session, account.id) &&
    session.metadata?.['product'] === product.id;
  for (const { id, payment_status: paid } of (await stripe.completedCheckouts(customerId)).filter(
    isThis,
  )) {
    if (paid === 'unpaid') {
      throw new AppError('already_purchased', `A payment for "${product.name}" is under way.`);
    }
    const session = await stripe.retrievePaidCheckout(id);
    await recordPurchase(services, session, { causeId: id, now: services.clock.now() });
  }
  if (await hasPurchase(database.knex, account.id, product.id)) {
    throw new AppError('already_purchased', `The account has "${product.name}" already.`);
  }
  const open = (await stripe.openCheckouts(customerId)).filter(isThis);
  for (const { id } of open.filter((session) => session.metadata?.['wish'] !== wish)) {
    await stripe.expireCheckout(id);
  }
}

/** What the account bought once. */
export const purchasesRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/payments',
  auth: 'user',
  summary: 'What the account bought once, newest first',
  query: z.strictObject({
    limit: z.coerce.number().int().min(1).max(100).default(20),
    cursor: z.string().max(255).optional().describe('`next` of the page before'),
  }),
  response: z.object({ payments: z.array(purchaseSchema), next: z.string().nullable() }),
  handler: async (_request, { services, account, query }) => {
    const db = services.database.knex;
    const before = query.cursor === undefined ? null : await findPurchase(db, query.cursor);
    if (query.cursor !== undefined && before?.accountId !== account.id) {
      throw new AppError('invalid_request', 'cursor: is not `next` of a page of this list.');
    }
    const page = { limit: query.limit + 1, ...(before && { before }) };
    const found = await purchasesOf(db, account.id, page);
    const payments = found.slice(0, query.limit);
    const next = found.length > query.limit ? (payments.at(-1)?.id ?? null) : null;
    return json({ payments: payments.map(viewOfPurchase), next });
  },
});
