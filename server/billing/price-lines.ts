import type Stripe from 'stripe';
import { z } from 'zod';
import { lossSchema } from './losses.ts';

const priceLine = z.object({
  description: z.string().nullable(),
  /** Minor units; negative is credit. */
  amount: z.int(),
  quantity: z.int().nullable(),
  proration: z.boolean(),
  periodStart: z.iso.datetime(),
  periodEnd: z.iso.datetime(),
});
export type PriceLine = z.infer<typeof priceLine>;

/** What every preview says of money, and of what is lost. */
export const previewFields = {
  amountDue: z.int(),
  currency: z.string(),
  credit: z.int(),
  debit: z.int(),
  discount: z.int(),
  tax: z.int(),
  fromBalance: z.int(),
  lines: z.array(priceLine),
  nextAmount: z.int(),
  losses: z.array(lossSchema),
};

/** An invoice in the figures that a preview shows. */
export function breakdown(invoice: Stripe.Invoice) {
  const lines = invoice.lines.data.map(lineView);
  const sum = (amounts: number[]) => amounts.reduce((total, amount) => total + amount, 0);
  const amounts = lines.map(({ amount }) => amount);
  return {
    amountDue: invoice.amount_due,
    credit: -sum(amounts.filter((amount) => amount < 0)),
    debit: sum(amounts.filter((amount) => amount > 0)),
    discount: sum((invoice.total_discount_amounts ?? []).map(({ amount }) => amount)),
    tax: sum((invoice.total_taxes ?? []).map(({ amount }) => amount)),
    fromBalance: invoice.total - invoice.amount_due,
    lines,
  };
}

/** A line of an invoice as a preview shows it. */
export function lineView(line: Stripe.InvoiceLineItem): PriceLine {
  const { invoice_item_details: item, subscription_item_details: plan } = line.parent ?? {};
  return {
    description: line.description,
    amount: line.amount,
    quantity: line.quantity,
    proration: (item ?? plan)?.proration === true,
    periodStart: new Date(line.period.start * 1000).toISOString(),
    periodEnd: new Date(line.period.end * 1000).toISOString(),
  };
}

/** What a line adds to the total. */
export function netOf({ amount, discount_amounts, taxes }: Stripe.InvoiceLineItem): number {
  const discount = (discount_amounts ?? []).reduce((sum, each) => sum + each.amount, 0);
  const added = (taxes ?? []).filter(({ tax_behavior }) => tax_behavior === 'exclusive');
  return amount - discount + added.reduce((sum, each) => sum + each.amount, 0);
}
