import type Stripe from 'stripe';
import { takePending } from '../billing/pending-items.ts';
import { recompute } from '../billing/totals.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import {
  changeItem,
  discountsFor,
  itemFields,
  lineOf,
  newInvoiceItem,
} from './invoice-item-object.ts';

const createParams = paramsOf<Stripe.InvoiceItemCreateParams>()({
  ...itemFields,
  currency: p.currency,
  customer: p.required(p.str),
  customer_account: p.unserved,
  invoice: p.str,
  subscription: p.str,
});
const updateParams = paramsOf<Stripe.InvoiceItemUpdateParams>()({
  ...itemFields,
  invoicing_rules: p.unserved,
});
const listParams = {
  ...PAGE,
  created: p.timeRange,
  customer: p.str,
  customer_account: p.unserved,
  invoice: p.str,
  pending: p.bool,
};
type CreateValues = Values<typeof createParams>;

/** `/v1/invoiceitems` */
export function registerInvoiceItems(registry: Registry): void {
  registry.post('/v1/invoiceitems', createParams, create);
  registry.get('/v1/invoiceitems', listParams, list);
  registry.get('/v1/invoiceitems/:id', {}, (ctx, _params, path) =>
    ctx.store.need('invoiceitem', path.id),
  );
  registry.post('/v1/invoiceitems/:id', updateParams, (ctx, params, path) =>
    update(ctx, params, ctx.store.need('invoiceitem', path.id)),
  );
  registry.delete('/v1/invoiceitems/:id', {}, remove);
}

function create(ctx: Context, params: CreateValues): Stripe.InvoiceItem {
  const invoice =
    params.invoice === undefined ? null : ctx.store.need('invoice', params.invoice, 'invoice');
  if (invoice !== null && invoice.status !== 'draft') throw notDraft();
  const item = newInvoiceItem(ctx, params);
  if (params.discounts !== undefined && params.discounts !== null) {
    item.discounts = discountsFor(ctx, item, params.discounts);
  }
  if (invoice !== null) takePending(ctx, invoice, [item]);
  ctx.emit('invoiceitem.created', item);
  return item;
}

function notDraft(): Error {
  return invalidRequest('The specified invoice is not editable because it is no longer a draft.', {
    param: 'invoice',
    code: 'invoice_not_editable',
  });
}

/** The draft an item is on, or null while it waits; items of final invoices cannot change. */
function draftOf(ctx: Context, item: Stripe.InvoiceItem): Stripe.Invoice | null {
  const invoice = ctx.store.find('invoice', idOf(item.invoice));
  if (invoice === undefined) return null;
  if (invoice.status !== 'draft') throw notDraft();
  return invoice;
}

function update(
  ctx: Context,
  params: Values<typeof updateParams>,
  item: Stripe.InvoiceItem,
): Stripe.InvoiceItem {
  const invoice = draftOf(ctx, item);
  changeItem(ctx, params, { item, invoice });
  if (invoice !== null) recompute(ctx, invoice);
  return item;
}

function remove(ctx: Context, _params: object, path: { id: string }): object {
  const item = ctx.store.need('invoiceitem', path.id);
  const invoice = draftOf(ctx, item);
  if (invoice !== null) {
    const line = lineOf(invoice, item);
    invoice.lines.data = invoice.lines.data.filter((other) => other !== line);
    recompute(ctx, invoice);
  }
  ctx.emit('invoiceitem.deleted', item);
  return ctx.store.remove('invoiceitem', item.id);
}

function list(ctx: Context, params: Values<typeof listParams>): Stripe.ApiList<Stripe.InvoiceItem> {
  return listStored(ctx, 'invoiceitem', {
    url: '/v1/invoiceitems',
    page: params,
    by: params.customer === undefined ? undefined : ['customer', params.customer],
    where: (item) =>
      (params.invoice === undefined || idOf(item.invoice) === params.invoice) &&
      (params.pending === undefined || (item.invoice === null) === params.pending),
  });
}
