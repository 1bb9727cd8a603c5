import type Stripe from 'stripe';
import { takePending } from '../billing/pending-items.ts';
import { recompute } from '../billing/totals.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest, resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { invoiceAt } from './invoices.ts';
import { changeItem, lineChanges, newInvoiceItem } from './invoice-item-object.ts';

const lineFields = {
  ...lineChanges,
  tax_amounts: p.unserved,
};
const added = p.arr(p.obj({ ...lineFields, invoice_item: p.str }));
const addParams = paramsOf<Stripe.InvoiceAddLinesParams>()({
  invoice_metadata: p.metadata,
  lines: p.required(added),
});
const changed = p.obj({ ...lineFields, id: p.required(p.str) });
const updateParams = paramsOf<Stripe.InvoiceUpdateLinesParams>()({
  invoice_metadata: p.metadata,
  lines: p.required(p.arr(changed)),
});
const removeParams = paramsOf<Stripe.InvoiceRemoveLinesParams>()({
  invoice_metadata: p.metadata,
  lines: p.required(
    p.arr(p.obj({ behavior: p.required(p.oneOf(['delete', 'unassign'])), id: p.required(p.str) })),
  ),
});
const oneParams = paramsOf<Stripe.InvoiceUpdateLineItemParams>()(lineFields);

type Added = Values<{ lines: typeof added }>['lines'] & {};
type Changes = Values<typeof lineFields>;

/** The lines of a draft: `add_lines`, `update_lines`, `remove_lines`, and `POST …/lines/:line`. */
export function registerInvoiceLines(registry: Registry): void {
  registry.post('/v1/invoices/:id/add_lines', addParams, (ctx, params, { id }) =>
    edit(ctx, { id, metadata: params.invoice_metadata }, (invoice) =>
      add(ctx, invoice, params.lines),
    ),
  );
  registry.post('/v1/invoices/:id/update_lines', updateParams, (ctx, params, { id }) =>
    edit(ctx, { id, metadata: params.invoice_metadata }, (invoice) => {
      for (const { id: line, ...changes } of params.lines)
        change(ctx, invoice, { line: lineOf(invoice, line), changes });
    }),
  );
  registry.post('/v1/invoices/:id/remove_lines', removeParams, (ctx, params, { id }) =>
    edit(ctx, { id, metadata: params.invoice_metadata }, (invoice) => {
      for (const { id: line, behavior } of params.lines)
        remove(ctx, invoice, { line: lineOf(invoice, line), behavior });
    }),
  );
  registry.post('/v1/invoices/:id/lines/:line', oneParams, (ctx, params, { id, line }) => {
    const { expand: _expand, ...changes } = { expand: null, ...params };
    edit(ctx, { id }, (invoice) => change(ctx, invoice, { line: lineOf(invoice, line), changes }));
    return lineOf(ctx.store.need('invoice', id), line);
  });
}

/** Changes the lines of a draft, and all that follows from them. */
function edit(
  ctx: Context,
  of: { id: string; metadata?: Record<string, string | null> | null },
  work: (invoice: Stripe.Invoice) => void,
): Stripe.Invoice {
  const invoice = invoiceAt(ctx, of.id);
  if (invoice.status !== 'draft')
    throw invalidRequest('Invalid invoice: This invoice is no longer editable', {
      code: 'invoice_not_editable',
    });
  return ctx.update('invoice', invoice, {
    event: 'invoice.updated',
    apply() {
      work(invoice);
      invoice.metadata = mergeMetadata(invoice.metadata ?? {}, of.metadata);
      recompute(ctx, invoice);
    },
  });
}

function lineOf(invoice: Stripe.Invoice, id: string): Stripe.InvoiceLineItem {
  const line = invoice.lines.data.find((candidate) => candidate.id === id);
  if (line === undefined) throw resourceMissing('line_item', id);
  return line;
}

function add(ctx: Context, invoice: Stripe.Invoice, lines: Added): void {
  const customer = idOf(invoice.customer) ?? '';
  for (const [at, given] of lines.entries()) {
    if (given.amount !== undefined && given.quantity !== undefined)
      throw invalidRequest('You may only specify one of these parameters: amount, quantity.', {
        param: `lines[${at}][amount]`,
      });
    const { invoice_item: waiting, tax_amounts: _taxes, discounts, ...fields } = given;
    const item =
      waiting === undefined
        ? newInvoiceItem(ctx, { ...fields, customer, currency: invoice.currency })
        : ctx.store.need('invoiceitem', waiting, `lines[${at}][invoice_item]`);
    if (idOf(item.invoice) !== null)
      throw invalidRequest(`The invoice item ${item.id} is already on an invoice.`, {
        param: `lines[${at}][invoice_item]`,
      });
    if (discounts !== undefined && discounts !== null)
      item.discounts = ctx.services.discounts.create(ctx, discounts, {
        customer,
        subscription: null,
        subscriptionItem: null,
        invoice: null,
        invoiceItem: item.id,
        at: item.date,
      });
    takePending(ctx, invoice, [item]);
    if (waiting === undefined) ctx.emit('invoiceitem.created', item);
  }
}

function itemBehind(ctx: Context, line: Stripe.InvoiceLineItem): Stripe.InvoiceItem | undefined {
  const { parent } = line;
  const id =
    parent?.invoice_item_details?.invoice_item ?? parent?.subscription_item_details?.invoice_item;
  return ctx.store.find('invoiceitem', id);
}

function change(
  ctx: Context,
  invoice: Stripe.Invoice,
  edited: { line: Stripe.InvoiceLineItem; changes: Changes },
): void {
  const { line, changes } = edited;
  const { tax_amounts: _taxes, ...fields } = changes;
  const item = itemBehind(ctx, line);
  if (item !== undefined) changeItem(ctx, fields, { item, invoice });
  else if (changes.amount !== undefined || changes.quantity !== undefined)
    throw invalidRequest(
      'You may not change the amount or quantity of a line that a subscription made.',
      { param: changes.amount === undefined ? 'quantity' : 'amount' },
    );
  if (changes.description !== undefined) line.description = changes.description;
  line.discountable = changes.discountable ?? line.discountable;
  line.period = changes.period ?? line.period;
  line.metadata = mergeMetadata(line.metadata, changes.metadata);
}

function remove(
  ctx: Context,
  invoice: Stripe.Invoice,
  gone: { line: Stripe.InvoiceLineItem; behavior: 'delete' | 'unassign' },
): void {
  const item = itemBehind(ctx, gone.line);
  if (item === undefined)
    throw invalidRequest('Only lines that an invoice item stands behind can be removed.', {
      param: 'lines',
    });
  invoice.lines.data = invoice.lines.data.filter((line) => line !== gone.line);
  if (gone.behavior === 'delete') {
    ctx.emit('invoiceitem.deleted', item);
    ctx.store.remove('invoiceitem', item.id);
    return;
  }
  ctx.update('invoiceitem', item, { event: null, apply: () => (item.invoice = null) });
}
