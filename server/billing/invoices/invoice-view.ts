import type Stripe from 'stripe';
import { z } from 'zod';

const time = z.iso.datetime().nullable();

export const invoiceSchema = z.object({
  /** Null for one that is not made yet. */
  id: z.string().nullable(),
  number: z.string().nullable(),
  status: z.string().nullable(),
  /** Why it was made: `subscription_cycle`, `subscription_update`, `manual`, … */
  reason: z.string().nullable(),
  currency: z.string(),
  total: z.int(),
  amountDue: z.int(),
  amountPaid: z.int(),
  amountRemaining: z.int(),
  /** Taken back by credit notes. */
  credited: z.int(),
  createdAt: time,
  periodStart: time,
  periodEnd: time,
  dueAt: time,
  /** When an open one is tried again. */
  nextAttemptAt: time,
  lines: z.array(
    z.object({
      description: z.string().nullable(),
      amount: z.int(),
      quantity: z.int().nullable(),
    }),
  ),
  /** Stripe's page with the payment form. */
  url: z.string().nullable(),
  /** Where this API leads to the PDF. */
  pdf: z.string().nullable(),
});
export type InvoiceView = z.infer<typeof invoiceSchema>;

/** An invoice as the API shows it; amounts are minor units. */
export function invoiceView(invoice: Stripe.Invoice): InvoiceView {
  const made = !invoice.id.startsWith('upcoming');
  return {
    id: made ? invoice.id : null,
    number: invoice.number,
    status: made ? invoice.status : 'upcoming',
    reason: invoice.billing_reason,
    currency: invoice.currency,
    total: invoice.total,
    amountDue: invoice.amount_due,
    amountPaid: invoice.amount_paid,
    amountRemaining: invoice.amount_remaining,
    credited: invoice.pre_payment_credit_notes_amount + invoice.post_payment_credit_notes_amount,
    createdAt: isoOf(invoice.created),
    periodStart: isoOf(invoice.period_start),
    periodEnd: isoOf(invoice.period_end),
    dueAt: isoOf(invoice.due_date),
    nextAttemptAt: isoOf(invoice.next_payment_attempt),
    lines: invoice.lines.data.map(({ description, amount, quantity }) => ({
      description,
      amount,
      quantity,
    })),
    url: (made && invoice.hosted_invoice_url) || null,
    pdf: made && invoice.invoice_pdf ? `/api/billing/invoices/${invoice.id}/pdf` : null,
  };
}

function isoOf(seconds: number | null | undefined): string | null {
  return seconds ? new Date(seconds * 1000).toISOString() : null;
}
