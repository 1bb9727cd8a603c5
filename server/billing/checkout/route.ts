import { z } from 'zod';
import { pageFields, wishedPage } from '../checkout-page.ts';
import { openCheckout, wishFor } from '../checkout-session.ts';
import { freshKey } from '../command.ts';
import { findOrMakeCustomer } from '../customer.ts';
import { refuseDebtor } from '../debts.ts';
import { withCustomerLock } from '../with-customer-lock.ts';
import {
  refuseComingSecond,
  refuseSecond,
  refuseUnseenLive,
  trialDaysFor,
} from '../new-subscription.ts';
import { chosenPrice, planChoice } from '../plan-choice.ts';
import { promotionFor, spentOnTrial, withCode } from '../promotion-code.ts';
import { returnUrlsOf } from '../../http/page-origin.ts';
import { defineRoute, json } from '../../http/define-route.ts';

/** Opens Stripe's Checkout page for a plan; with a trial if this user never had one. */
export const checkoutRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/checkout',
  auth: 'user',
  summary: 'Open a Checkout page to subscribe',
  body: planChoice.extend({
    promotionCode: z.string().min(1).max(100).optional(),
    ...pageFields,
  }),
  response: z.object({ url: z.url(), sessionId: z.string() }),
  errors: [
    'unknown_plan',
    'unknown_price',
    'unknown_addon',
    'unknown_promotion_code',
    'already_subscribed',
    'not_allowed',
  ],
  handler: async (request, context) => {
    const { services, account, body } = context;
    chosenPrice(services.catalogue, body);
    const page = wishedPage(services.config, body, returnUrlsOf(request));
    return withCustomerLock(services, account.id, async () => {
      const former = await refuseSecond(context);
      const choice = chosenPrice(services.catalogue, body, former?.facts.currency);
      const { customerId, isNew } = await findOrMakeCustomer(services, context);
      await refuseDebtor(context, former, customerId);
      const known = isNew ? [] : await refuseUnseenLive(context, customerId);
      const promotion = await promotionFor(services, customerId, body.promotionCode);
      const trialDays = await trialDaysFor(context, { customerId, known });
      if (trialDays !== null && promotion?.once) throw spentOnTrial();
      const wish = wishFor(choice, {
        customerId,
        userId: account.id,
        trialDays,
        promotionCodeId: promotion?.id ?? null,
        page,
      });
      const session = await withCode(() =>
        openCheckout(services, wish, {
          idempotencyKey: freshKey('checkout', context),
          isNew,
          // The page that is open already is theirs; a new one is not made beside what begins by itself.
          beforeNew: () => refuseComingSecond(context, customerId),
        }),
      );
      return json({ url: session.url, sessionId: session.id });
    });
  },
});
