import type Stripe from 'stripe';
import type { DiscountableLine, DiscountShare } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { fullAmount, isMetered } from './prices.ts';
import { isFlexible } from './subscription-object.ts';

/** The subscription's discounts, else the customer's; those that have ended are left out. */
export function invoiceDiscounts(ctx: Context, subscription: Stripe.Subscription): string[] {
  const customer = ctx.store.find('customer', idOf(subscription.customer));
  const own = subscription.discounts.map((discount) => idOf(discount));
  const inherited = idOf(customer?.discount);
  const all = own.length > 0 || inherited === null ? own : [inherited];
  return stillActive(ctx, subscription, all);
}

function stillActive(ctx: Context, subscription: Stripe.Subscription, all: string[]): string[] {
  if (all.length === 0) return all;
  return ctx.services.discounts.active(ctx, all, ctx.nowFor(idOf(subscription.customer)));
}

/**
 * What the present discounts take off an item's amount of a whole period. Classic mode looks at the item alone; flexible
 * mode spreads an amount off over all items, as an invoice of all of them does.
 */
export function discountsOnItem(
  ctx: Context,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
): DiscountShare[] {
  const outer = invoiceDiscounts(ctx, subscription);
  const items = isFlexible(subscription)
    ? subscription.items.data.filter((other) => !isMetered(other.price))
    : [item];
  const own = items.map((other) => ownShares(ctx, subscription, other));
  const mine = items.indexOf(item);
  if (outer.length === 0) return own[mine] ?? [];
  const left = items.map((other, at) => {
    const taken = (own[at] ?? []).reduce((sum, share) => sum + share.amount, 0);
    const line = wholePeriod(ctx, subscription, other);
    return { ...line, amount: line.amount - taken };
  });
  const shared = ctx.services.discounts.onLines(ctx, left, outer);
  return [...(own[mine] ?? []), ...(shared[mine] ?? [])];
}

function ownShares(
  ctx: Context,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
): DiscountShare[] {
  const ids = item.discounts.map((discount) => idOf(discount));
  const active = stillActive(ctx, subscription, ids);
  if (active.length === 0) return [];
  return ctx.services.discounts.onLine(ctx, wholePeriod(ctx, subscription, item), active);
}

function wholePeriod(
  ctx: Context,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
): DiscountableLine {
  const { currency } = subscription;
  return {
    amount: fullAmount(ctx, item.price, { quantity: item.quantity ?? 1, currency }),
    currency,
    product: idOf(item.price.product),
    isProration: false,
  };
}
