import type Stripe from 'stripe';
import { periodEnd, periodStart } from '../billing/subscription-object.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import type { Values } from '../kernel/params.ts';
import { newInvoiceItem } from './invoice-item-object.ts';
import type { addInvoiceItems } from './subscription-params.ts';

type Added = Values<{ items: typeof addInvoiceItems }>['items'] & {};

/** One-off items that ride on a subscription's next invoice: pending invoice items of it, with their event. */
export function addPendingItems(
  ctx: Context,
  subscription: Stripe.Subscription,
  added: Added,
): Stripe.InvoiceItem[] {
  const customer = idOf(subscription.customer);
  return added.map((given) => {
    const { discounts, ...fields } = given;
    const item = newInvoiceItem(ctx, {
      ...fields,
      customer,
      currency: subscription.currency,
      subscription: subscription.id,
      period: periodOf(ctx, subscription, given.period),
    });
    if (discounts !== undefined)
      item.discounts = ctx.services.discounts.create(ctx, discounts, {
        customer,
        subscription: null,
        subscriptionItem: null,
        invoice: null,
        invoiceItem: item.id,
        at: item.date,
      });
    ctx.emit('invoiceitem.created', item);
    return item;
  });
}

/** The subscription's period, where the call names no other. */
function periodOf(
  ctx: Context,
  subscription: Stripe.Subscription,
  given: Added[number]['period'],
): { start: number; end: number } {
  const now = ctx.nowFor(idOf(subscription.customer));
  const moment = (of: { timestamp?: number; type: string } | undefined, usual: number) =>
    of === undefined ? usual : (of.timestamp ?? (of.type === 'now' ? now : usual));
  return {
    start: moment(given?.start, periodStart(subscription)),
    end: moment(given?.end, periodEnd(subscription)),
  };
}
