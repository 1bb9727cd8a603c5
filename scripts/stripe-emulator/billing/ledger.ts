import type Stripe from 'stripe';
import type { DiscountShare } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import type { Debit, Ledger } from '../kernel/objects.ts';

function ledgerOf(ctx: Context, item: string): Ledger {
  return (
    ctx.store.find('_ledger', item) ??
    ctx.add('_ledger', { id: item, object: '_ledger', debits: [] })
  );
}

/** Remembers what a line charged for an item's period. */
export function recordDebits(
  ctx: Context,
  debit: {
    item: string;
    amount: number;
    start: number;
    end: number;
    invoice: string | null;
    line: string | null;
  },
): void {
  const item = ctx.store.find('subscription_item', debit.item);
  if (item === undefined || debit.end <= debit.start) return;
  addDebit(ctx, item, {
    from: debit.start,
    to: debit.end,
    basis: { amount: debit.amount, start: debit.start, end: debit.end },
    invoice: debit.invoice,
    line: debit.line,
  });
}

/** Adds a debit of the item's present price and quantity; spans that ended long ago are dropped. */
export function addDebit(
  ctx: Context,
  item: Stripe.SubscriptionItem,
  debit: Omit<Debit, 'price' | 'quantity'>,
): void {
  const ledger = ledgerOf(ctx, item.id);
  const apply = () => {
    ledger.debits = ledger.debits.filter((old) => old.to > debit.from);
    ledger.debits.push({ ...debit, price: item.price.id, quantity: item.quantity ?? 1 });
  };
  ctx.update('_ledger', ledger, { event: null, apply });
}

/** The debits of an item that reach beyond a moment. */
export function openDebits(ctx: Context, item: string, at: number): Debit[] {
  return (ctx.store.find('_ledger', item)?.debits ?? []).filter(
    (debit) => debit.to > at && debit.from < debit.to,
  );
}

/** Ends the open debits at a moment: their rest has been credited, and is credited once. */
export function closeDebits(ctx: Context, item: string, at: number): void {
  const ledger = ctx.store.find('_ledger', item);
  if (ledger === undefined) return;
  const apply = () => {
    ledger.debits = ledger.debits
      .map((debit) => (debit.to > at ? { ...debit, to: at } : debit))
      .filter((debit) => debit.from < debit.to);
  };
  ctx.update('_ledger', ledger, { event: null, apply });
}

/** Tells the debits of a draft's lines where they are billed, once invoice and line exist. */
export function linkDebits(
  ctx: Context,
  invoiceItem: string,
  where: { invoice: string; line: string },
): void {
  const owner = ctx.store.find('_note', `debit_of:${invoiceItem}`)?.data['item'];
  const ledger = typeof owner === 'string' ? ctx.store.find('_ledger', owner) : undefined;
  if (ledger === undefined) return;
  const apply = () => {
    ledger.debits = ledger.debits.map((debit) =>
      debit.line === invoiceItem ? { ...debit, ...where } : debit,
    );
  };
  ctx.update('_ledger', ledger, { event: null, apply });
}

/** A discount on a line lowers what its debit can give back. */
export function lowerDebit(
  ctx: Context,
  item: string,
  by: { line: string; off: DiscountShare[] },
): void {
  const ledger = ctx.store.find('_ledger', item);
  if (ledger === undefined) return;
  const apply = () => {
    ledger.debits = ledger.debits.map((debit) => {
      if (debit.line !== by.line) return debit;
      const off = by.off.reduce((total, share) => total + share.amount, 0);
      const basis = { ...debit.basis, amount: debit.basis.amount - off };
      return { ...debit, basis, off: by.off };
    });
  };
  ctx.update('_ledger', ledger, { event: null, apply });
}
