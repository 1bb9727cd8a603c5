import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { itemLines, type LineDraft } from './line-drafts.ts';
import { isMetered } from './prices.ts';
import { creditUnused, debitRemaining } from './proration.ts';
import { wholePeriod } from './subscription-object.ts';

/** Where an item's period ends when it starts now: at the next boundary, or at a `cancel_at` before it. */
export function endOfPeriod(
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
): number {
  const { end } = wholePeriod(subscription, item);
  const cut = plannedCut(subscription);
  return cut !== null && cut > item.current_period_start ? Math.min(end, cut) : end;
}

/** `cancel_at` cuts periods; `cancel_at_period_end` waits for one to end. */
function plannedCut(subscription: Stripe.Subscription): number | null {
  return subscription.cancel_at_period_end ? null : subscription.cancel_at;
}

/** The part of a whole period that an item's present period is. */
export function partOfPeriod(
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
): number {
  const { start, end } = wholePeriod(subscription, item);
  return (item.current_period_end - item.current_period_start) / (end - start);
}

/** The lines of an item's present period, for the part of a whole one that it is. */
export function periodLines(
  ctx: Context,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
): LineDraft[] {
  const { current_period_start: start, current_period_end: end } = item;
  return itemLines(ctx, subscription, {
    item,
    start,
    end,
    share: partOfPeriod(subscription, item),
  });
}

/** After `cancel_at` changed inside the running periods: they end there, the rest is credited (or charged again). */
export function followPlannedEnd(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: { before: number | null; prorate: boolean },
): Stripe.InvoiceItem[] {
  if (!['active', 'past_due', 'unpaid'].includes(subscription.status)) return [];
  return subscription.items.data.flatMap((item) => {
    const was = item.current_period_end;
    // Only what an earlier `cancel_at` has cut grows again.
    const end =
      was === change.before ? endOfPeriod(subscription, item) : earlier(subscription, item);
    if (end === was) return [];
    ctx.account.journal?.protect(item);
    if (end < was) {
      const credits = change.prorate ? creditUnused(ctx, subscription, { item, at: end }) : [];
      item.current_period_end = end;
      return credits;
    }
    item.current_period_end = end;
    return change.prorate && !isMetered(item.price)
      ? debitRemaining(ctx, subscription, { item, at: was })
      : [];
  });
}

function earlier(subscription: Stripe.Subscription, item: Stripe.SubscriptionItem): number {
  return Math.min(item.current_period_end, endOfPeriod(subscription, item));
}
