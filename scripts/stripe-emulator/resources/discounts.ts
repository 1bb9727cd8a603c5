import type Stripe from 'stripe';
import { endDiscount, removeFromCustomer } from '../discounts/redeem.ts';
import type { Context } from '../kernel/context.ts';
import { resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import type { Registry } from '../kernel/registry.ts';

/** Ways to take a discount away: `DELETE /v1/customers/:id/discount` and `/v1/subscriptions/:id/discount`. */
export function registerDiscounts(registry: Registry): void {
  registry.delete('/v1/customers/:id/discount', {}, (ctx, _params, { id }) => {
    const deleted = removeFromCustomer(ctx, ctx.store.need('customer', id));
    if (deleted === null) throw noDiscount(id);
    return deleted;
  });
  registry.delete('/v1/subscriptions/:id/discount', {}, (ctx, _params, { id }) =>
    removeFromSubscription(ctx, ctx.store.need('subscription', id)),
  );
}

function removeFromSubscription(
  ctx: Context,
  subscription: Stripe.Subscription,
): Stripe.DeletedDiscount {
  const discount = ctx.store.find('discount', idOf(subscription.discounts[0]));
  if (discount === undefined) throw noDiscount(subscription.id);
  ctx.update('subscription', subscription, {
    event: 'customer.subscription.updated',
    apply() {
      subscription.discounts = subscription.discounts.filter(
        (other) => idOf(other) !== discount.id,
      );
    },
  });
  return endDiscount(ctx, discount);
}

function noDiscount(owner: string): Error {
  return resourceMissing('discount', owner);
}
