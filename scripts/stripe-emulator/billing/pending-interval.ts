import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { attempt } from '../kernel/journal.ts';
import { reschedule } from './due-dates.ts';
import { dueWith } from './pending-items.ts';
import { boundaryAfter } from './periods.ts';
import { draftFor, sendSoon } from './subscription-invoice.ts';
import { periodStart } from './subscription-object.ts';

/** `pending_invoice_item_interval`: when pending items are billed next, between the renewals. */
export function planPendingItems(ctx: Context, subscription: Stripe.Subscription): void {
  const every = subscription.pending_invoice_item_interval;
  const now = ctx.nowFor(idOf(subscription.customer));
  subscription.next_pending_invoice_item_invoice =
    every === null ? null : boundaryAfter(subscription.billing_cycle_anchor, every, now);
}

/** Bills what has collected since the last time, if anything has. */
export function billPendingItems(ctx: Context, subscription: Stripe.Subscription): void {
  const now = ctx.nowFor(idOf(subscription.customer));
  if ((subscription.next_pending_invoice_item_invoice ?? Infinity) > now) return;
  attempt(ctx, idOf(subscription.customer), () => {
    const period = { start: periodStart(subscription), end: now };
    const reason = 'subscription_cycle';
    const apply = () => {
      if (dueWith(ctx, subscription).length > 0) {
        const invoice = draftFor(ctx, subscription, { reason, lines: [], period });
        sendSoon(ctx, invoice);
        ctx.emit('invoice.created', invoice);
      }
      planPendingItems(ctx, subscription);
    };
    ctx.update('subscription', subscription, { event: 'customer.subscription.updated', apply });
    reschedule(ctx, subscription);
  });
}
