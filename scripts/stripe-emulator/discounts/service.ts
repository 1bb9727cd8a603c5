import type Stripe from 'stripe';
import type { DiscountService } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { sharesOnLines } from './amounts.ts';
import { createDiscounts, removeFromCustomer } from './redeem.ts';

/** Discounts as the invoice engine uses them. */
export const discountService: DiscountService = {
  create: createDiscounts,
  onLine: (ctx, line, discounts) => sharesOnLines(ctx, [line], discounts)[0] ?? [],
  onLines: sharesOnLines,
  removeFromCustomer(ctx, customer) {
    removeFromCustomer(ctx, customer);
  },
  active: (ctx, discounts, at) =>
    discounts.filter((id) => {
      const discount = ctx.store.find('discount', id);
      return discount !== undefined && (discount.end === null || discount.end > at);
    }),
  consumed(ctx, discounts) {
    for (const id of discounts) {
      const discount = ctx.store.find('discount', id);
      const coupon = ctx.store.find('coupon', idOf(discount?.source.coupon));
      if (discount !== undefined && coupon?.duration === 'once') detach(ctx, discount);
    }
  },
};

/** Takes a used `once` discount off what carried it; the discount itself stays readable on the invoice. */
function detach(ctx: Context, discount: Stripe.Discount): void {
  const customer = ctx.store.find('customer', idOf(discount.customer));
  if (customer?.discount?.id === discount.id) {
    ctx.update('customer', customer, { event: null, apply: () => (customer.discount = null) });
  }
  const subscription = ctx.store.find('subscription', discount.subscription);
  if (subscription === undefined) return;
  ctx.update('subscription', subscription, {
    event: null,
    apply() {
      subscription.discounts = without(subscription.discounts, discount.id);
    },
  });
  for (const item of subscription.items.data) {
    ctx.update('subscription_item', item, {
      event: null,
      apply() {
        item.discounts = without(item.discounts, discount.id);
      },
    });
  }
}

function without<T extends string | Stripe.Discount>(discounts: T[], id: string): T[] {
  return discounts.filter((discount) => idOf(discount) !== id);
}
