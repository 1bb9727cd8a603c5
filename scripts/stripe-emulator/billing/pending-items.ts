import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { linkDebits } from './ledger.ts';
import { pendingLine } from './line-drafts.ts';
import { addLine } from './invoice-draft.ts';
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
