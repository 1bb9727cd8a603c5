import { z } from 'zod';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { findCustomerByStripeId } from '../../../db/customers.ts';
import { currentSubscriptionOfUser } from '../../../db/subscriptions.ts';
import { markedAccount } from '../../../state/ownership.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import { AppError } from '../../http/errors.ts';
import { recordPurchase } from '../payments/record-purchase.ts';
import { purchaseSchema, viewOfPurchase } from '../payments/purchase-view.ts';
import { subscriptionAnswer, subscriptionView } from '../subscription-view.ts';

const NOT_FOUND = 'The account has no such Checkout session.';

/** What the page behind Checkout calls: what was paid is there at once, whether or not its webhook has come. */
export const checkoutSyncRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/checkout/sync',
  auth: 'user',
  summary: 'Read a Checkout session that the browser came back from, and store what it bought',
  description: 'For the success page: `session_id` of its address. It does not wait for a webhook.',
  body: z.strictObject({ sessionId: z.string().regex(/^cs_\w{1,250}$/, 'must be a cs_… id') }),
  response: subscriptionAnswer.extend({
    status: z.enum(['open', 'complete', 'expired']),
    paymentStatus: z.enum(['paid', 'unpaid', 'no_payment_required']),
    payment: purchaseSchema.nullable().describe('What was bought once'),
  }),
  errors: ['not_found'],
  handler: async (_request, { services, account, body }) => {
    const session = await services.stripe
      .retrievePaidCheckout(body.sessionId)
      .catch((error: unknown) => {
        throw isGatewayError(error, 'not_found') ? new AppError('not_found', NOT_FOUND) : error;
      });
    const db = services.database.knex;
    const customerId =
      typeof session.customer === 'string' ? session.customer : session.customer?.id;
    const customer = customerId === undefined ? null : await findCustomerByStripeId(db, customerId);
    const owner =
      customer?.userId ?? markedAccount(session.metadata ?? {}, services.config.ownership);
    // Of another account it is not said that it exists.
    if (owner !== account.id) throw new AppError('not_found', NOT_FOUND);
    const payment = await recordPurchase(services, session, {
      causeId: session.id,
      now: services.clock.now(),
    });
    const { subscription } = session;
    const subscriptionId = typeof subscription === 'string' ? subscription : subscription?.id;
    if (subscriptionId !== undefined && customerId !== undefined) {
      const at = services.clock.now();
      const cause = { type: 'request', id: session.id, actor: 'stripe', at } as const;
      await services.engine.syncSubscription({ subscriptionId, customerId, cause });
    }
    const stored = await currentSubscriptionOfUser(db, account.id, services.catalogue);
    return json({
      status: session.status ?? 'open',
      paymentStatus: session.payment_status,
      payment: payment && viewOfPurchase(payment),
      subscription: stored && subscriptionView(services, stored),
    });
  },
});
