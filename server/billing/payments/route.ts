import { z } from 'zod';
import { freshKey } from '../command.ts';
import { ensureStripeCustomer } from '../customer.ts';
import { withCustomerLock } from '../with-customer-lock.ts';
import { AppError } from '../../http/errors.ts';
import { defineRoute, json } from '../../http/define-route.ts';

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
  }),
  response: z.object({ url: z.url(), sessionId: z.string() }),
  errors: ['unknown_product'],
  handler: (_request, context) => {
    const { services, account, body } = context;
    return withCustomerLock(services, account.id, async () => {
      const product = services.catalogue.products.find(({ id }) => id === body.product);
      if (!product) {
        throw new AppError('unknown_product', `There is no product "${body.product}".`);
      }
      const customerId = await ensureStripeCustomer(services, context);
      const wish = `${product.priceId}|${body.quantity}`;
      const open = await services.stripe.openCheckouts(customerId);
      const same = open.find(
        ({ mode, metadata }) => mode === 'payment' && metadata?.['wish'] === wish,
      );
      const { appUrl } = services.config.http;
      const session =
        same ??
        (await services.stripe.createPaymentCheckout(
          {
            customerId,
            userId: account.id,
            priceId: product.priceId,
            quantity: body.quantity,
            automaticTax: services.config.automaticTax,
            wish,
            successUrl: `${appUrl}/billing/success?session_id={CHECKOUT_SESSION_ID}`,
            cancelUrl: `${appUrl}/billing?checkout=canceled`,
          },
          freshKey('payment', context),
        ));
      if (!session.url) throw new Error(`Checkout session ${session.id} has no URL`);
      return json({ url: session.url, sessionId: session.id });
    });
  },
});
