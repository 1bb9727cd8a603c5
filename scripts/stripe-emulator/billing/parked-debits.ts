import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import type { Billed } from './items-change.ts';
import { linkDebits, lowerDebit, recordDebits } from './ledger.ts';
import { isProration } from './totals.ts';

/** A parked change was billed by its own invoice: what that charged is what later credits give back. */
export function recordParked(ctx: Context, invoice: Stripe.Invoice, billed: Billed): void {
  const own = invoice.lines.data.filter(
    (line) => (line.parent?.subscription_item_details ?? null) !== null,
  );
  const prorations = own.filter(isProration).slice(-billed.prorations.length);
  for (const [at, item] of billed.prorations.entries()) {
    const line = prorations[at];
    if (line !== undefined) linkDebits(ctx, item.id, { invoice: invoice.id, line: line.id });
  }
  const whole = own.filter((line) => !isProration(line));
  for (const [at, draft] of billed.lines.entries()) {
    const line = whole[at];
    if (draft.basis === null || line === undefined) continue;
    recordDebits(ctx, { ...draft.basis, invoice: invoice.id, line: line.id });
    const off = (line.discount_amounts ?? []).map(({ amount, discount }) => ({
      amount,
      discount: idOf(discount),
    }));
    if (off.length > 0) lowerDebit(ctx, draft.basis.item, { line: line.id, off });
  }
}
