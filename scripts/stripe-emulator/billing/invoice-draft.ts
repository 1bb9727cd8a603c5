import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invoiceTax } from '../taxes/automatic.ts';
import { typeMatches } from '../kernel/events.ts';
import { idOf, newId } from '../kernel/ids.ts';
import { nestedList } from '../kernel/lists.ts';
import { lowerDebit, recordDebits } from './ledger.ts';
import type { LineDraft } from './line-drafts.ts';
import { decimalOf } from './prices.ts';
import { recompute } from './totals.ts';

/** What an invoice is made of. */
export interface InvoiceDraft {
  customer: Stripe.Customer;
  subscription: Stripe.Subscription | null;
  reason: Stripe.Invoice.BillingReason;
  currency: string;
  lines: LineDraft[];
  /** Invoice-level discounts. */
  discounts: string[];
  collectionMethod: Stripe.Invoice.CollectionMethod;
  daysUntilDue: number | null;
  period: { start: number; end: number };
  autoAdvance: boolean;
  description: string | null;
  metadata: Record<string, string>;
}

/** Makes a draft invoice with its lines and totals; the caller emits `invoice.created` when it is due. */
export function draftInvoice(ctx: Context, draft: InvoiceDraft): Stripe.Invoice {
  const { customer, subscription } = draft;
  const now = ctx.nowFor(customer);
  const id = ctx.store.newId('invoice');
  const invoice: Stripe.Invoice = {
    id,
    object: 'invoice',
    account_country: ctx.settings.country,
    account_name: ctx.settings.businessName,
    account_tax_ids: null,
    amount_due: 0,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_paid_off_stripe: 0,
    amount_remaining: 0,
    amount_shipping: 0,
    application: null,
    attempt_count: 0,
    attempted: false,
    auto_advance: draft.autoAdvance,
    automatic_tax: invoiceTax(customer, subscription?.automatic_tax.enabled ?? false),
    automatically_finalizes_at: null,
    billing_reason: draft.reason,
    collection_method: draft.collectionMethod,
    created: now,
    currency: draft.currency,
    custom_fields: customer.invoice_settings.custom_fields,
    customer: customer.id,
    customer_account: null,
    ...customerDetails(customer),
    default_payment_method: null,
    default_source: null,
    default_tax_rates: subscription?.default_tax_rates ?? [],
    description: draft.description,
    discounts: draft.discounts,
    due_date:
      draft.collectionMethod === 'send_invoice' ? now + (draft.daysUntilDue ?? 30) * 86_400 : null,
    effective_at: null,
    ending_balance: null,
    footer: customer.invoice_settings.footer,
    from_invoice: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    lines: nestedList([], `/v1/invoices/${id}/lines`),
    livemode: false,
    metadata: draft.metadata,
    next_payment_attempt: null,
    number: null,
    on_behalf_of: null,
    parent: parentOf(subscription),
    payment_settings: paymentSettings(subscription),
    period_end: draft.period.end,
    period_start: draft.period.start,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: draft.reason === 'manual' ? rendering(customer) : null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: 'draft',
    status_transitions: {
      finalized_at: null,
      marked_uncollectible_at: null,
      paid_at: null,
      voided_at: null,
    },
    subtotal: 0,
    subtotal_excluding_tax: 0,
    test_clock: idOf(customer.test_clock),
    total: 0,
    total_discount_amounts: [],
    total_excluding_tax: 0,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: awaitsWebhook(ctx) ? null : now,
  };
  ctx.add('invoice', invoice);
  for (const line of draft.lines) addLine(ctx, invoice, line);
  customer.currency ??= draft.currency;
  recompute(ctx, invoice);
  chargeDiscounted(ctx, invoice);
  return invoice;
}

/** How the PDF of a manual invoice is made; the paper's size is settled when it is finalized. */
function rendering(customer: Stripe.Customer): Stripe.Invoice.Rendering {
  const options = customer.invoice_settings.rendering_options;
  return {
    amount_tax_display: options?.amount_tax_display ?? null,
    pdf: { page_size: 'auto' },
    template: options?.template ?? null,
    template_version: null,
  };
}

/** Whether an endpoint must hear of a new invoice first; without any, Stripe notes at once that all were told. */
function awaitsWebhook(ctx: Context): boolean {
  for (const endpoint of ctx.store.of('webhook_endpoint').values())
    if (
      endpoint.status === 'enabled' &&
      endpoint.enabled_events.some((pattern) => typeMatches(pattern, 'invoice.created'))
    )
      return true;
  return false;
}

/** What was really debited is the amount after discounts: later credits take their share of that. */
function chargeDiscounted(ctx: Context, invoice: Stripe.Invoice): void {
  for (const line of invoice.lines.data) {
    const off = (line.discount_amounts ?? []).map(({ amount, discount }) => ({
      amount,
      discount: idOf(discount),
    }));
    const item = line.parent?.subscription_item_details?.subscription_item;
    if (off.length > 0 && item !== undefined) lowerDebit(ctx, item, { line: line.id, off });
  }
}

/** Puts a line on a draft; totals are up to `recompute`. */
export function addLine(
  ctx: Context,
  invoice: Stripe.Invoice,
  draft: LineDraft,
): Stripe.InvoiceLineItem {
  const line: Stripe.InvoiceLineItem = {
    id: newId('il'),
    object: 'line_item',
    amount: draft.amount,
    currency: invoice.currency,
    description: draft.description,
    discount_amounts: [],
    discountable: draft.discountable,
    discounts: draft.discounts,
    invoice: invoice.id,
    livemode: false,
    metadata: draft.metadata,
    parent: draft.parent,
    period: draft.period,
    pretax_credit_amounts: [],
    pricing: {
      ...(draft.price === null
        ? {}
        : { price_details: { price: draft.price.id, product: idOf(draft.price.product) } }),
      type: 'price_details',
      unit_amount_decimal: draft.unitAmount,
    },
    quantity: draft.quantity,
    quantity_decimal: decimalOf(draft.quantity),
    subscription: draft.subscription,
    subtotal: draft.amount,
    taxes: [],
  };
  invoice.lines.data.push(line);
  if (draft.taxRates.length > 0)
    ctx.note('line_tax_rates', line.id)['rates'] = draft.taxRates.join(' ');
  if (draft.basis !== null)
    recordDebits(ctx, { ...draft.basis, invoice: invoice.id, line: line.id });
  return line;
}

function customerDetails(
  customer: Stripe.Customer,
): Pick<
  Stripe.Invoice,
  | 'customer_address'
  | 'customer_email'
  | 'customer_name'
  | 'customer_phone'
  | 'customer_shipping'
  | 'customer_tax_exempt'
  | 'customer_tax_ids'
> {
  return {
    customer_address: customer.address ?? null,
    customer_email: customer.email,
    customer_name: customer.name ?? null,
    customer_phone: customer.phone ?? null,
    customer_shipping: customer.shipping,
    customer_tax_exempt: customer.tax_exempt ?? 'none',
    customer_tax_ids: [],
  };
}

function parentOf(subscription: Stripe.Subscription | null): Stripe.Invoice.Parent | null {
  if (subscription === null) return null;
  return {
    quote_details: null,
    subscription_details: {
      metadata: { ...subscription.metadata },
      subscription: subscription.id,
    },
    type: 'subscription_details',
  };
}

function paymentSettings(subscription: Stripe.Subscription | null): Stripe.Invoice.PaymentSettings {
  return {
    default_mandate: null,
    payment_method_options: null,
    payment_method_types: subscription?.payment_settings?.payment_method_types ?? null,
  };
}
