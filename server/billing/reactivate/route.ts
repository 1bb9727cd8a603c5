import { z } from 'zod';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { confirmation, requireConfirmed } from '../charge.ts';
import { expireOpenCheckouts, openCheckout } from '../checkout-session.ts';
import {
  freshKey,
  isAnswerLost,
  requireAction,
  subscriptionNow,
  syncAfter,
  type Answer,
  type CommandContext,
} from '../command.ts';
import { ensureStripeCustomer } from '../customer.ts';
import { settleDebts } from '../debts.ts';
import { withCustomerLock } from '../with-customer-lock.ts';
import {
  liveAmong,
  liveSubscriptionOf,
  refuseComingSecond,
  refuseSecond,
} from '../new-subscription.ts';
import { chosenPrice, planChoice } from '../plan-choice.ts';
import { withCode } from '../promotion-code.ts';
import type { SavedCard } from '../saved-card.ts';
import { subscriptionSchema, subscriptionView } from '../subscription-view.ts';
import { wishedPage } from '../checkout-page.ts';
import { returnUrlsOf } from '../../http/page-origin.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import { itemsOf, NO_ADDRESS, planComeback, type Comeback } from './comeback.ts';

export const reactivateBody = planChoice.extend({
  promotionCode: z.string().min(1).max(100).optional(),
});

/** After the end: a new subscription on the saved card, or a Checkout page where there is none. */
export const reactivateRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/reactivate',
  auth: 'user',
  summary: 'Come back after the end',
  description:
    'Charges the saved payment method and answers `subscription`. Without one, or when the bank wants to see the ' +
    'customer, it answers `url` of a Checkout page. A declined card leaves nothing behind. What is still owed for the time ' +
    'before is paid first; without a saved method that is 409 `not_allowed` with the reason `debt` and where to pay. ' +
    '`confirm` holds the charge, debts included, to what the preview of this command answered: with another amount it is 409 ' +
    '`quote_expired`. While there are debts it is needed: without it 409 `confirmation_required`, with the amount.',
  body: reactivateBody.extend({ confirm: confirmation.optional() }),
  response: z.union([
    z.object({ subscription: subscriptionSchema.nullable() }),
    z.object({ url: z.url(), sessionId: z.string() }),
  ]),
  errors: [
    'unknown_plan',
    'unknown_price',
    'unknown_addon',
    'unknown_promotion_code',
    'not_allowed',
    'already_subscribed',
    'card_declined',
    'confirmation_required',
    'quote_expired',
  ],
  handler: async (request, context) => {
    const { services, account, body } = context;
    chosenPrice(services.catalogue, body);
    return withCustomerLock(services, account.id, async () => {
      const former = requireAction(services, await subscriptionNow(context), 'reactivate');
      const choice = chosenPrice(services.catalogue, body, former.facts.currency);
      const customerId = await ensureStripeCustomer(services, context);
      await refuseComingSecond(context, customerId);
      const known = await services.stripe.subscriptionsOf(customerId);
      // A command before this one may have made it, and then lost sight of it.
      const unseen = liveAmong(services, known);
      if (unseen) return theOneWanted(context, { id: unseen.id, customerId }, choice);
      const { promotionCode, confirm } = body;
      const plan = await planComeback(context, former, {
        customerId,
        known,
        choice,
        promotionCode,
      });
      const { card, charge } = plan;
      const page = wishedPage(services.config, { metadata: {} }, returnUrlsOf(request));
      const wish = { ...plan.wish, page };
      // The page says what it charges.
      if (!card) return viaCheckout(context, wish);
      requireConfirmed(charge, confirm, { oldDebts: charge.debts.length > 0 });
      await settleDebts(context, former, { debts: charge.debts, card });
      return (await onSavedCard(context, wish, card)) ?? viaCheckout(context, wish);
    });
  },
});

async function theOneWanted(
  context: CommandContext,
  unseen: { id: string; customerId: string },
  { priceId, quantity }: { priceId: string; quantity: number },
): Promise<Response> {
  const stored = await syncAfter(context, unseen);
  const found = stored?.facts.items.some(
    (item) => item.priceId === priceId && (item.quantity ?? 1) === quantity,
  );
  if (!found) await refuseSecond(context);
  return json({ subscription: stored && subscriptionView(context.services, stored) });
}

type Wish = Comeback['wish'];

/** Null when only the customer themselves can authorise the payment. */
async function onSavedCard(
  context: CommandContext,
  wish: Wish,
  card: SavedCard,
): Promise<Response | null> {
  const { services } = context;
  // With a Checkout page still open in another tab, the customer could subscribe twice.
  await expireOpenCheckouts(services, wish.customerId);
  try {
    const created = await services.stripe.createSubscription(
      {
        ...wish,
        items: itemsOf(wish),
        paymentMethodId: card.id,
        trialEnd: services.config.trial.endWithoutMethod,
        automaticTax: services.config.automaticTax,
      },
      freshKey('reactivate', context),
    );
    return answer(context, { id: created.id, customerId: wish.customerId }, created);
  } catch (error) {
    if (isGatewayError(error, 'card_declined', 'invalid') && needsTheCustomer(error)) return null;
    // The answer may be lost of a subscription that was made. There was none before, and there is one at a time.
    const made = isAnswerLost(error) && (await liveSubscriptionOf(services, wish.customerId));
    if (!made) throw error;
    return answer(context, { id: made.id, customerId: wish.customerId });
  }
}

async function answer(
  context: CommandContext,
  made: { id: string; customerId: string },
  created: Answer = null,
): Promise<Response> {
  const stored = await syncAfter(context, made, created);
  return json({ subscription: stored && subscriptionView(context.services, stored) });
}

const ONLY_THEMSELVES: ReadonlySet<string> = new Set([
  'authentication_required',
  'invoice_payment_intent_requires_action',
  'subscription_payment_intent_requires_action',
  // Stripe Tax knows no address; Checkout asks for it.
  NO_ADDRESS,
]);

function needsTheCustomer(error: { code: string | null; declineCode: string | null }): boolean {
  return [error.code, error.declineCode].some((code) => code !== null && ONLY_THEMSELVES.has(code));
}

async function viaCheckout(context: CommandContext, wish: Wish): Promise<Response> {
  const { id, url } = await withCode(() =>
    openCheckout(context.services, wish, { idempotencyKey: freshKey('checkout', context) }),
  );
  return json({ url, sessionId: id });
}
