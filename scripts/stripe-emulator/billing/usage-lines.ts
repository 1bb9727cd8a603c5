import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { itemLines, type LineDraft } from './line-drafts.ts';
import { isMetered } from './prices.ts';

/** From when on a metered item's usage has not been billed: its period's start, or a later moment up to which it was. */
export function unbilledFrom(ctx: Context, item: Stripe.SubscriptionItem): number {
  const billed = ctx.store.find('_note', `usage:${item.id}`)?.data['billedUntil'];
  return Math.max(item.current_period_start, typeof billed === 'number' ? billed : 0);
}

/** Usage of all items has been billed up to a moment at which no period ends. */
export function usageBilledUntil(
  ctx: Context,
  subscription: Stripe.Subscription,
  until: number,
): void {
  for (const item of subscription.items.data)
    if (isMetered(item.price)) ctx.note('usage', item.id)['billedUntil'] = until;
}

/** What metered items have used and not been billed for. */
export function usageLines(
  ctx: Context,
  subscription: Stripe.Subscription,
  until: number,
): LineDraft[] {
  return subscription.items.data.flatMap((item) => usageOfItem(ctx, subscription, { item, until }));
}

/** The same of one item. */
export function usageOfItem(
  ctx: Context,
  subscription: Stripe.Subscription,
  of: { item: Stripe.SubscriptionItem; until: number },
): LineDraft[] {
  const { item, until } = of;
  const start = unbilledFrom(ctx, item);
  if (!isMetered(item.price) || start >= until) return [];
  const lines = itemLines(ctx, subscription, { item, start, end: until });
  return lines.filter((line) => line.quantity > 0);
}
