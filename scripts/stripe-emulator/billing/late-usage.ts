import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { addLine } from './invoice-draft.ts';
import { itemLines, type LineDraft } from './line-drafts.ts';
import { isMetered } from './prices.ts';
import { recompute } from './totals.ts';

/**
 * A draft that becomes final counts usage once more: what was reported in its hour, with a time of the period that
 * it bills, is on it.
 */
export function countLateUsage(ctx: Context, invoice: Stripe.Invoice): void {
  const subscription = ctx.store.find(
    'subscription',
    idOf(invoice.parent?.subscription_details?.subscription),
  );
  if (subscription === undefined) return;
  for (const item of subscription.items.data) {
    if (!isMetered(item.price)) continue;
    const lines = invoice.lines.data.filter(
      (line) =>
        line.parent?.subscription_item_details?.subscription_item === item.id &&
        idOf(line.pricing?.price_details?.price) === item.price.id,
    );
    const [first] = lines;
    if (first === undefined) continue;
    const { start, end } = first.period;
    const now = itemLines(ctx, subscription, { item, start, end });
    if (differs(lines, now)) replace(ctx, invoice, { lines, now });
  }
}

function differs(lines: readonly Stripe.InvoiceLineItem[], now: readonly LineDraft[]): boolean {
  return (
    lines.length !== now.length ||
    now.some(
      (draft, at) => draft.amount !== lines[at]?.amount || draft.quantity !== lines[at].quantity,
    )
  );
}

function replace(
  ctx: Context,
  invoice: Stripe.Invoice,
  change: { lines: readonly Stripe.InvoiceLineItem[]; now: readonly LineDraft[] },
): void {
  const apply = () => {
    invoice.lines.data = invoice.lines.data.filter((line) => !change.lines.includes(line));
    for (const draft of change.now) addLine(ctx, invoice, draft);
    recompute(ctx, invoice);
  };
  ctx.update('invoice', invoice, { event: null, apply });
}
