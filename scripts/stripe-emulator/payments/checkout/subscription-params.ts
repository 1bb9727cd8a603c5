import type Stripe from 'stripe';
import type { CreateSubscriptionParams } from '../../contracts.ts';
import type { Context } from '../../kernel/context.ts';
import { planOf } from './plan.ts';

/** The subscription that a session stands for. */
export function subscriptionParams(
  ctx: Context,
  session: Stripe.Checkout.Session,
  customer: string,
): CreateSubscriptionParams {
  const plan = planOf(ctx, session.id);
  if (plan.subscription === null)
    throw new Error(`the session ${session.id} is for no subscription`);
  return {
    ...plan.subscription,
    customer,
    currency: session.currency,
    items: plan.lines.map((line) => ({
      price: line.price,
      ...(line.quantity === null ? {} : { quantity: line.quantity }),
      taxRates: line.taxRates,
    })),
    defaultPaymentMethod: plan.method,
    discounts: plan.discounts,
    paidBy: null,
  };
}
