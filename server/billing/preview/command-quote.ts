import type Stripe from 'stripe';
import { z } from 'zod';
import type { Loss } from '../../../state/losses.ts';
import { amountOf, type Charge } from '../charge.ts';
import { lossViews } from '../losses.ts';
import { breakdown, netOf, previewFields } from '../price-lines.ts';

export const commandQuote = z.object({
  command: z.enum(['pause', 'resume', 'reactivate', 'cancel']),
  ...previewFields,
  /** Invoices from before: collected by the command, and then part of `amountDue`, or left as they are. */
  debts: z.array(
    z.object({
      invoiceId: z.string(),
      number: z.string().nullable(),
      amount: z.int(),
      currency: z.string(),
      collected: z.boolean(),
    }),
  ),
  /** What is charged: the saved method, or what the customer chooses on the Checkout page that the command answers. */
  payment: z.enum(['none', 'saved_method', 'checkout']),
});
export type CommandQuote = z.infer<typeof commandQuote>;

interface Shown {
  command: CommandQuote['command'];
  charge: Charge;
  losses: readonly Loss[];
  nextAmount: number;
  checkout?: boolean;
  /** Open invoices that stay as they are. */
  kept?: readonly Stripe.Invoice[];
}

/** What a command takes, gives back and ends, in the words of the API. */
export function quoteOf({ command, charge, kept = [], ...shown }: Shown): CommandQuote {
  const amountDue = amountOf(charge);
  return {
    command,
    ...(charge.invoice ? breakdown(charge.invoice) : NOTHING),
    amountDue,
    currency: charge.currency,
    nextAmount: shown.nextAmount,
    losses: lossViews(shown.losses),
    debts: [
      ...charge.debts.map((debt) => ({ ...debtOf(debt), collected: true })),
      ...kept.map((debt) => ({ ...debtOf(debt), collected: false })),
    ],
    payment: shown.checkout === true ? 'checkout' : amountDue > 0 ? 'saved_method' : 'none',
  };
}

const NOTHING = { credit: 0, debit: 0, discount: 0, tax: 0, fromBalance: 0, lines: [] };

/** What a first invoice bills for the plan, and so the next one, unless a discount or a trial is in it. */
export function totalOfPlan(invoice: Stripe.Invoice | null): number {
  const lines = (invoice?.lines.data ?? []).filter(
    ({ parent }) => parent?.subscription_item_details?.proration === false,
  );
  return lines.reduce((sum, line) => sum + netOf(line), 0);
}

function debtOf({ id, number, amount_remaining: amount, currency }: Stripe.Invoice) {
  return { invoiceId: id, number: number ?? null, amount, currency };
}
