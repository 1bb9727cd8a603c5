import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { linkDebits } from './ledger.ts';
import { pendingLine, type LineDraft } from './line-drafts.ts';
import { addLine } from './invoice-draft.ts';
import { decimalOf } from './prices.ts';
import { taxRates } from './subscription-object.ts';
import { recompute } from './totals.ts';

/** Invoice items of a customer that wait for an invoice: of one subscription, of none, or (undefined) of any. */
export function pendingItems(
  ctx: Context,
  customer: string,
  scope: { subscription?: string | null; currency: string },
): Stripe.InvoiceItem[] {
  return ctx.store.by('invoiceitem', 'customer', customer).filter((item) => {
    if (item.invoice !== null || item.currency !== scope.currency) return false;
    const of = item.parent?.subscription_details?.subscription ?? null;
    return scope.subscription === undefined || of === scope.subscription;
  });
}

/** A line that is not invoiced now waits as an invoice item of its subscription. */
export function holdLine(
  ctx: Context,
  subscription: Stripe.Subscription,
  line: LineDraft,
): Stripe.InvoiceItem {
  const customer = idOf(subscription.customer);
  const item = ctx.add('invoiceitem', {
    id: ctx.store.newId('invoiceitem'),
    object: 'invoiceitem',
    amount: line.amount,
    currency: subscription.currency,
    customer,
    customer_account: null,
    date: ctx.nowFor(customer),
    description: line.description,
    discountable: line.discountable,
    discounts: line.discounts,
    invoice: null,
    livemode: false,
    metadata: line.metadata,
    parent: {
      subscription_details: {
        subscription: subscription.id,
        subscription_item: line.parent.subscription_item_details?.subscription_item,
      },
      type: 'subscription_details',
    },
    period: line.period,
    pricing: {
      ...(line.price === null
        ? {}
        : { price_details: { price: line.price.id, product: idOf(line.price.product) } }),
      type: 'price_details',
      unit_amount_decimal: line.unitAmount,
    },
    proration: false,
    quantity: line.quantity,
    quantity_decimal: decimalOf(line.quantity),
    tax_rates: taxRates(ctx, line.taxRates),
    test_clock: idOf(subscription.test_clock),
  });
  ctx.emit('invoiceitem.created', item);
  return item;
}

/** One-off invoices show the newest item first. */
function toFront(invoice: Stripe.Invoice, line: Stripe.InvoiceLineItem): void {
  invoice.lines.data = [line, ...invoice.lines.data.filter((other) => other !== line)];
}

/** Moves pending items onto a draft. */
export function takePending(
  ctx: Context,
  invoice: Stripe.Invoice,
  items: Stripe.InvoiceItem[],
): void {
  for (const item of items) {
    const line = addLine(ctx, invoice, pendingLine(ctx, item));
    if (!invoice.parent?.subscription_details) toFront(invoice, line);
    const apply = () => {
      item.invoice = invoice.id;
    };
    ctx.update('invoiceitem', item, { event: null, apply });
    linkDebits(ctx, item.id, { invoice: invoice.id, line: line.id });
  }
  recompute(ctx, invoice);
}

/** Those that a renewal of the subscription bills: its own and the customer's free ones. */
export function dueWith(ctx: Context, subscription: Stripe.Subscription): Stripe.InvoiceItem[] {
  const customer = idOf(subscription.customer);
  const { currency } = subscription;
  return pendingItems(ctx, customer, { currency }).filter((item) => {
    const of = item.parent?.subscription_details?.subscription ?? null;
    return of === null || of === subscription.id;
  });
}
