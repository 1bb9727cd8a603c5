import type Stripe from 'stripe';
import { draftInvoice } from '../billing/invoice-draft.ts';
import { stopCollection } from '../billing/invoice-state.ts';
import { pendingItems, takePending } from '../billing/pending-items.ts';
import { taxRates } from '../billing/subscription-object.ts';
import { recompute } from '../billing/totals.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest, missingAt } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { addressOf, shippingParam } from './address.ts';
import { definedOf, mergeMetadata } from '../kernel/metadata.ts';
import { automaticTaxParam, invoiceTax } from '../taxes/automatic.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { discountsParam } from './subscription-params.ts';
import { INVOICE_METHOD_TYPES } from '../kernel/method-types.ts';

const shared = {
  account_tax_ids: p.harmless,
  application_fee_amount: p.unserved,
  auto_advance: p.bool,
  automatic_tax: automaticTaxParam,
  automatically_finalizes_at: p.timestamp,
  collection_method: p.oneOf(['charge_automatically', 'send_invoice']),
  custom_fields: p.clearable(
    p.arr(p.obj({ name: p.required(p.upTo(40)), value: p.required(p.upTo(140)) })),
  ),
  days_until_due: p.int,
  default_payment_method: p.clearable(p.str),
  default_source: p.clearable(p.str),
  default_tax_rates: p.clearable(p.arr(p.str)),
  description: p.clearable(p.str),
  discounts: discountsParam,
  due_date: p.timestamp,
  effective_at: p.clearable(p.timestamp),
  footer: p.clearable(p.str),
  issuer: p.ownAccount,
  metadata: p.metadata,
  number: p.clearable(p.str),
  on_behalf_of: p.unserved,
  payment_settings: p.obj({
    default_mandate: p.harmless,
    payment_method_options: p.harmless,
    payment_method_types: p.clearable(p.arr(p.oneOf(INVOICE_METHOD_TYPES))),
  }),
  rendering: p.obj({
    amount_tax_display: p.clearable(p.oneOf(['exclude_tax', 'include_inclusive_tax'])),
    pdf: p.obj({ page_size: p.oneOf(['a4', 'auto', 'letter']) }),
    template: p.str,
    template_version: p.clearable(p.int),
  }),
  shipping_cost: p.unserved,
  shipping_details: p.clearable(shippingParam),
  statement_descriptor: p.upTo(22),
  transfer_data: p.unserved,
};
const createParams = paramsOf<Stripe.InvoiceCreateParams>()({
  ...shared,
  currency: p.currency,
  customer: p.required(p.str),
  customer_account: p.unserved,
  from_invoice: p.unserved,
  pending_invoice_items_behavior: p.oneOf(['exclude', 'include']),
  subscription: p.str,
});
const updateParams = paramsOf<Stripe.InvoiceUpdateParams>()(shared);
const listParams = {
  ...PAGE,
  collection_method: shared.collection_method,
  created: p.timeRange,
  customer: p.str,
  customer_account: p.unserved,
  due_date: p.timeRange,
  status: p.oneOf(['draft', 'open', 'void', 'paid', 'uncollectible']),
  subscription: p.str,
};
type Shared = Partial<Values<typeof shared>>;

/** `/v1/invoices`: create, read, change, delete. What moves an invoice on is in `invoice-actions.ts`. */
export function registerInvoices(registry: Registry): void {
  registry.post('/v1/invoices', createParams, create);
  registry.get('/v1/invoices', listParams, list);
  registry.get('/v1/invoices/:id', {}, (ctx, _params, path) => invoiceAt(ctx, path.id));
  registry.post('/v1/invoices/:id', updateParams, (ctx, params, path) =>
    update(ctx, params, ctx.store.need('invoice', path.id)),
  );
  registry.delete('/v1/invoices/:id', {}, remove);
}

function create(ctx: Context, params: Values<typeof createParams>): Stripe.Invoice {
  const customer = ctx.store.need('customer', params.customer, 'customer');
  const sends = params.collection_method === 'send_invoice';
  if (sends && params.days_until_due === undefined && params.due_date === undefined) {
    throw invalidRequest(
      "If invoice collection method is 'send_invoice', you must specify 'due_date' or 'days_until_due'.",
    );
  }
  if (!sends && (params.days_until_due !== undefined || params.due_date !== undefined)) {
    throw invalidRequest(
      "You can only specify 'due_date' or 'days_until_due' if invoice collection method is 'send_invoice'.",
    );
  }
  const subscription =
    params.subscription === undefined
      ? null
      : ctx.store.need('subscription', params.subscription, 'subscription');
  const currency =
    params.currency ?? subscription?.currency ?? customer.currency ?? ctx.settings.currency;
  const includes = params.pending_invoice_items_behavior === 'include' || subscription !== null;
  const scope = subscription === null ? { currency } : { currency, subscription: subscription.id };
  const pending = includes ? pendingItems(ctx, customer.id, scope) : [];
  const now = ctx.nowFor(customer);
  const inherited = idOf(customer.discount);
  const invoice = draftInvoice(ctx, {
    customer,
    subscription,
    reason: 'manual',
    currency,
    lines: [],
    discounts: params.discounts === undefined && inherited !== null ? [inherited] : [],
    collectionMethod: params.collection_method ?? 'charge_automatically',
    daysUntilDue: params.days_until_due ?? null,
    period: { start: now, end: now },
    autoAdvance: params.auto_advance ?? false,
    description: params.description ?? null,
    metadata: mergeMetadata({}, params.metadata),
  });
  const { metadata: _metadata, ...rest } = params;
  apply(ctx, invoice, rest);
  if (pending.length > 0) takePending(ctx, invoice, pending);
  recompute(ctx, invoice);
  if (subscription !== null) subscription.latest_invoice = invoice.id;
  planAdvance(ctx, invoice);
  ctx.emit('invoice.created', invoice);
  return invoice;
}

/** Drafts that advance by themselves are finalized after the usual hour, or when they say; without, no payment is tried again. */
function planAdvance(ctx: Context, invoice: Stripe.Invoice): void {
  if (invoice.status === 'open' && invoice.auto_advance === false)
    invoice.next_payment_attempt = null;
  if (invoice.status !== 'draft') return;
  if (invoice.auto_advance !== true) {
    invoice.automatically_finalizes_at = null;
    invoice.next_payment_attempt = null;
    stopCollection(ctx, invoice);
    return;
  }
  const at = invoice.automatically_finalizes_at ?? invoice.created + ctx.settings.draftSeconds;
  invoice.automatically_finalizes_at = at;
  if (invoice.collection_method === 'charge_automatically') invoice.next_payment_attempt = at;
  ctx.schedule(at, ctx.clockOf(idOf(invoice.customer)), {
    job: 'invoice.advance',
    ref: invoice.id,
  });
}

function apply(ctx: Context, invoice: Stripe.Invoice, given: Shared): void {
  invoice.metadata = mergeMetadata(invoice.metadata ?? {}, given.metadata);
  invoice.auto_advance = given.auto_advance ?? invoice.auto_advance;
  invoice.collection_method = given.collection_method ?? invoice.collection_method;
  invoice.due_date = given.due_date ?? invoice.due_date;
  if (given.days_until_due !== undefined)
    invoice.due_date = invoice.created + given.days_until_due * 86_400;
  if (given.automatically_finalizes_at !== undefined) {
    invoice.automatically_finalizes_at = given.automatically_finalizes_at;
    invoice.auto_advance = true;
  }
  if (given.automatic_tax !== undefined)
    invoice.automatic_tax = invoiceTax(
      ctx.store.need('customer', idOf(invoice.customer) ?? ''),
      given.automatic_tax.enabled,
    );
  if (given.custom_fields !== undefined) invoice.custom_fields = given.custom_fields;
  if (given.default_payment_method !== undefined)
    invoice.default_payment_method = methodOf(ctx, given.default_payment_method);
  if (given.default_source !== undefined) invoice.default_source = given.default_source;
  if (given.default_tax_rates !== undefined)
    invoice.default_tax_rates = taxRates(ctx, given.default_tax_rates ?? []);
  if (given.description !== undefined) invoice.description = given.description;
  if (given.effective_at !== undefined) invoice.effective_at = given.effective_at;
  if (given.footer !== undefined) invoice.footer = given.footer;
  if (given.number !== undefined) invoice.number = given.number;
  applyShown(invoice, given);
  if (given.statement_descriptor !== undefined)
    invoice.statement_descriptor = given.statement_descriptor;
  if (given.payment_settings?.payment_method_types !== undefined)
    invoice.payment_settings.payment_method_types = given.payment_settings.payment_method_types;
  if (given.discounts !== undefined) {
    invoice.discounts = ctx.services.discounts.create(ctx, given.discounts ?? [], {
      customer: idOf(invoice.customer),
      subscription: null,
      subscriptionItem: null,
      invoice: invoice.id,
      at: ctx.nowFor(idOf(invoice.customer)),
    });
  }
}

/** What only changes how the invoice looks. */
function applyShown(invoice: Stripe.Invoice, given: Shared): void {
  const { rendering, shipping_details: shipping } = given;
  if (rendering !== undefined) {
    const { pdf, ...rest } = rendering;
    const before = invoice.rendering ?? {
      amount_tax_display: null,
      pdf: { page_size: 'auto' },
      template: null,
      template_version: null,
    };
    invoice.rendering = {
      ...before,
      ...definedOf(rest),
      pdf: pdf?.page_size === undefined ? before.pdf : { page_size: pdf.page_size },
    };
  }
  if (shipping !== undefined)
    invoice.shipping_details =
      shipping === null
        ? null
        : {
            address: addressOf(shipping.address) ?? undefined,
            name: shipping.name,
            phone: shipping.phone ?? null,
          };
}

function methodOf(ctx: Context, id: string | null): string | null {
  return id === null ? null : ctx.store.need('payment_method', id, 'default_payment_method').id;
}

const AFTER_FINALIZING = new Set([
  'auto_advance',
  'default_payment_method',
  'default_source',
  'expand',
  'metadata',
  'payment_settings',
  'rendering',
  'transfer_data',
  'application_fee_amount',
  'on_behalf_of',
  'statement_descriptor',
  'days_until_due',
  'due_date',
  'account_tax_ids',
]);

function update(
  ctx: Context,
  params: Values<typeof updateParams>,
  invoice: Stripe.Invoice,
): Stripe.Invoice {
  if (invoice.status !== 'draft') {
    const refused = Object.keys(params).find((key) => !AFTER_FINALIZING.has(key));
    if (refused !== undefined) {
      throw invalidRequest("Finalized invoices can't be updated in this way", { param: refused });
    }
  }
  const change = () => {
    apply(ctx, invoice, params);
    if (invoice.status === 'draft') recompute(ctx, invoice);
    planAdvance(ctx, invoice);
  };
  return ctx.update('invoice', invoice, { event: 'invoice.updated', apply: change });
}

/** The invoice that the path names; Stripe calls it `invoice` where it reads, sends or deletes. */
export function invoiceAt(ctx: Context, id: string): Stripe.Invoice {
  const invoice = ctx.store.find('invoice', id);
  if (invoice === undefined) throw missingAt('invoice', id, 'invoice');
  return invoice;
}

/** Only one-off drafts can be deleted; their items go with them. */
function remove(ctx: Context, _params: object, path: { id: string }): object {
  const invoice = invoiceAt(ctx, path.id);
  if (invoice.status !== 'draft') throw invalidRequest('You can only delete draft invoices.');
  if (invoice.parent?.subscription_details)
    throw invalidRequest(
      'You cannot delete an invoice of a subscription. Void it instead, once it is finalized.',
      { code: 'invoice_not_editable' },
    );
  for (const item of ctx.store.by('invoiceitem', 'invoice', invoice.id))
    ctx.store.remove('invoiceitem', item.id);
  stopCollection(ctx, invoice);
  ctx.emit('invoice.deleted', invoice);
  return ctx.store.remove('invoice', invoice.id);
}

function list(ctx: Context, params: Values<typeof listParams>): Stripe.ApiList<Stripe.Invoice> {
  const { customer, subscription } = params;
  const by: ['subscription' | 'customer', string] | undefined =
    subscription !== undefined
      ? ['subscription', subscription]
      : customer === undefined
        ? undefined
        : ['customer', customer];
  return listStored(ctx, 'invoice', {
    url: '/v1/invoices',
    page: params,
    by,
    where: (invoice) =>
      (customer === undefined || idOf(invoice.customer) === customer) &&
      (params.status === undefined || invoice.status === params.status) &&
      (params.collection_method === undefined ||
        invoice.collection_method === params.collection_method) &&
      (params.due_date === undefined || dueWithin(params.due_date, invoice.due_date)),
  });
}

function dueWithin(
  range: NonNullable<Values<typeof listParams>['due_date']>,
  due: number | null,
): boolean {
  if (due === null) return false;
  return (
    due > (range.gt ?? -1) &&
    due >= (range.gte ?? 0) &&
    due < (range.lt ?? Infinity) &&
    due <= (range.lte ?? Infinity)
  );
}
