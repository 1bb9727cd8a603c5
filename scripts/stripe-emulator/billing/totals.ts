import type Stripe from 'stripe';
import type { DiscountShare, LineTax } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { minimumCharge } from './money.ts';

/** Works out discounts, taxes, totals and the amount due of a draft after anything on it changed. */
export function recompute(ctx: Context, invoice: Stripe.Invoice): void {
  const { lines } = invoice;
  const ownOff = applyDiscounts(ctx, invoice);
  const taxes = lines.data.map((line) => applyTaxes(ctx, invoice, line));
  // Discounts of single lines are taken off before the subtotal, those of the invoice after it.
  const subtotal = sum(lines.data.map((line) => line.amount)) - ownOff;
  const off = sum((invoice.total_discount_amounts ?? []).map((share) => share.amount)) - ownOff;
  const exclusive = sum(
    taxes
      .flat()
      .filter((tax) => !tax.inclusive)
      .map((tax) => tax.amount),
  );
  const inclusive = sum(
    taxes
      .flat()
      .filter((tax) => tax.inclusive)
      .map((tax) => tax.amount),
  );
  invoice.subtotal = subtotal;
  invoice.subtotal_excluding_tax = subtotal - inclusive;
  invoice.total = subtotal - off + exclusive;
  invoice.total_excluding_tax = subtotal - off - inclusive;
  invoice.total_taxes = merged(taxes.flat());
  applyBalance(ctx, invoice);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Shares of the invoice's and the lines' discounts, per line and in total; gives what the lines' own take off. */
function applyDiscounts(ctx: Context, invoice: Stripe.Invoice): number {
  const lines = invoice.lines.data;
  const outer = invoice.discounts.map((discount) => idOf(discount));
  for (const line of lines) {
    line.discount_amounts = [];
    line.pretax_credit_amounts = [];
  }
  for (const line of lines) {
    const own = line.discounts.map((discount) => idOf(discount));
    if (isProration(line)) {
      const fixed = fixedShares(ctx, line).filter((share) => own.includes(share.discount));
      addShares(line, worth(fixed));
    } else if (own.length > 0)
      addShares(line, worth(ctx.services.discounts.onLine(ctx, asDiscountable(line), own)));
  }
  const ownOff = sum(
    lines.flatMap((line) => (line.discount_amounts ?? []).map((share) => share.amount)),
  );
  if (outer.length > 0) {
    const all = ctx.services.discounts.onLines(ctx, lines.map(asDiscountable), outer);
    for (const [at, line] of lines.entries()) addShares(line, worth(all[at] ?? []));
  }
  for (const line of lines) {
    const own = line.discounts.map((discount) => idOf(discount));
    if (isProration(line))
      addShares(
        line,
        fixedShares(ctx, line).filter((share) => !own.includes(share.discount)),
      );
  }
  const totals = new Map<string, number>();
  for (const share of worth(lines.flatMap((line) => line.discount_amounts ?? []))) {
    const id = idOf(share.discount);
    totals.set(id, (totals.get(id) ?? 0) + share.amount);
  }
  invoice.total_discount_amounts = [...totals].map(([discount, amount]) => ({ amount, discount }));
  invoice.total_pretax_credit_amounts = [...totals].map(([discount, amount]) => ({
    amount,
    discount,
    type: 'discount',
  }));
  return ownOff;
}

/** Shares that take something off. */
function worth<T extends { amount: number }>(shares: readonly T[]): T[] {
  return shares.filter((share) => share.amount !== 0);
}

/** Discounts do not apply to prorations: what is off them was settled when they were made. */
function fixedShares(ctx: Context, line: Stripe.InvoiceLineItem): DiscountShare[] {
  const { parent } = line;
  const item =
    parent?.subscription_item_details?.invoice_item ?? parent?.invoice_item_details?.invoice_item;
  const shares = ctx.store.find('invoiceitem', item)?.proration_details?.discount_amounts ?? [];
  return shares.map(({ amount, discount }) => ({ amount, discount: idOf(discount) }));
}

function addShares(line: Stripe.InvoiceLineItem, shares: DiscountShare[]): void {
  line.discount_amounts = [...(line.discount_amounts ?? []), ...shares];
  line.pretax_credit_amounts = [
    ...(line.pretax_credit_amounts ?? []),
    ...shares.map((share) => ({ ...share, type: 'discount' as const })),
  ];
}

function asDiscountable(line: Stripe.InvoiceLineItem): {
  amount: number;
  currency: string;
  product: string | null;
  isProration: boolean;
} {
  const taken = sum((line.discount_amounts ?? []).map((share) => share.amount));
  return {
    amount: line.discountable ? line.amount - taken : 0,
    currency: line.currency,
    product: line.pricing?.price_details?.product ?? null,
    isProration: isProration(line),
  };
}

export function isProration(line: Stripe.InvoiceLineItem): boolean {
  const { parent } = line;
  return (
    parent?.subscription_item_details?.proration === true ||
    parent?.invoice_item_details?.proration === true
  );
}

function applyTaxes(
  ctx: Context,
  invoice: Stripe.Invoice,
  line: Stripe.InvoiceLineItem,
): LineTax[] {
  const noted = ctx.store.find('_note', `line_tax_rates:${line.id}`)?.data['rates'];
  const rates =
    typeof noted === 'string' ? noted.split(' ') : invoice.default_tax_rates.map((rate) => rate.id);
  if (rates.length === 0) return [];
  const taxable = line.amount - sum((line.discount_amounts ?? []).map((share) => share.amount));
  const taxes = ctx.services.taxes.onAmount(ctx, taxable, rates);
  line.taxes = taxes.map(taxOf);
  return taxes;
}

function taxOf(tax: LineTax): Stripe.InvoiceLineItem.Tax {
  return {
    amount: tax.amount,
    tax_behavior: tax.inclusive ? 'inclusive' : 'exclusive',
    tax_rate_details: { tax_rate: tax.taxRate },
    taxability_reason: 'not_available',
    taxable_amount: tax.taxableAmount,
    type: 'tax_rate_details',
  };
}

/** One entry per rate. */
function merged(taxes: LineTax[]): Stripe.Invoice.TotalTax[] {
  const byRate = new Map<string, LineTax>();
  for (const tax of taxes) {
    const known = byRate.get(tax.taxRate);
    byRate.set(
      tax.taxRate,
      known === undefined
        ? tax
        : {
            ...known,
            amount: known.amount + tax.amount,
            taxableAmount: known.taxableAmount + tax.taxableAmount,
          },
    );
  }
  return [...byRate.values()].map(taxOf);
}

/** The customer's balance pays first; a negative or too small rest waits on the balance. */
function applyBalance(ctx: Context, invoice: Stripe.Invoice): void {
  const customer = ctx.store.find('customer', idOf(invoice.customer));
  invoice.starting_balance = customer?.balance ?? 0;
  const due = invoice.total + invoice.starting_balance - invoice.pre_payment_credit_notes_amount;
  invoice.amount_due = due < minimumCharge(invoice.currency) ? 0 : due;
  if (invoice.total <= 0) invoice.amount_due = 0;
  invoice.amount_remaining = Math.max(0, invoice.amount_due - invoice.amount_paid);
}
