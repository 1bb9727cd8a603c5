import { Stripe } from 'stripe';
import { rounded } from '../billing/money.ts';
import { takePending } from '../billing/pending-items.ts';
import { decimalOf, fullAmount, needPrice, productName } from '../billing/prices.ts';
import { recompute } from '../billing/totals.ts';
import { taxRates } from '../billing/subscription-object.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { createInlinePrice, priceOfAmount } from './inline-prices.ts';
import { priceData } from './price-create.ts';
import { productFor } from './prices.ts';
import { discountsParam } from './subscription-params.ts';

const shared = {
  amount: p.int,
  description: p.clearable(p.str),
  discountable: p.bool,
  discounts: discountsParam,
  metadata: p.metadata,
  period: p.obj({ end: p.required(p.timestamp), start: p.required(p.timestamp) }),
  price_data: priceData,
  pricing: p.obj({ price: p.str }),
  quantity: p.int,
  quantity_decimal: p.decimal,
  tax_behavior: p.oneOf(['exclusive', 'inclusive', 'unspecified']),
  tax_code: p.clearable(p.str),
  tax_rates: p.clearable(p.arr(p.str)),
  unit_amount_decimal: p.decimal,
  /** Legacy. */
  price: p.str,
  unit_amount: p.int,
};
const createParams = paramsOf<Stripe.InvoiceItemCreateParams>()({
  ...shared,
  currency: p.currency,
  customer: p.required(p.str),
  customer_account: p.str,
  invoice: p.str,
  subscription: p.str,
});
const updateParams = paramsOf<Stripe.InvoiceItemUpdateParams>()({
  ...shared,
  invoicing_rules: p.any,
});
const listParams = {
  ...PAGE,
  created: p.timeRange,
  customer: p.str,
  customer_account: p.str,
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

/** The fields of a pending item; previews use them too. */
export function newInvoiceItem(
  ctx: Context,
  params: Omit<CreateValues, 'expand'>,
): Stripe.InvoiceItem {
  const customer = ctx.store.need('customer', params.customer, 'customer');
  const subscription =
    params.subscription === undefined
      ? null
      : ctx.store.need('subscription', params.subscription, 'subscription');
  const now = ctx.nowFor(customer);
  const price = priceOf(ctx, params);
  const currency = params.currency ?? price?.currency ?? customer.currency ?? ctx.settings.currency;
  const quantity = Number(params.quantity_decimal ?? params.quantity ?? 1);
  const unit =
    params.unit_amount_decimal ??
    (params.unit_amount === undefined ? undefined : String(params.unit_amount));
  const amount = amountOf(ctx, { params, price, quantity, unit, currency });
  const text = params.description ?? (price === null ? null : productName(ctx, price));
  const unitAmount =
    unit === undefined
      ? (price?.unit_amount_decimal ?? decimalOf(amount))
      : Stripe.Decimal.from(unit);
  const behind =
    price ?? priceOfAmount(ctx, { unit: unitAmount, currency, name: text ?? 'Invoice item' });
  return ctx.add('invoiceitem', {
    id: ctx.store.newId('invoiceitem'),
    object: 'invoiceitem',
    amount,
    currency,
    customer: customer.id,
    customer_account: null,
    date: now,
    description: text,
    discountable: params.discountable ?? amount >= 0,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: mergeMetadata({}, params.metadata),
    parent:
      subscription === null
        ? null
        : { subscription_details: { subscription: subscription.id }, type: 'subscription_details' },
    period: params.period ?? { start: now, end: now },
    pricing: {
      price_details: { price: behind.id, product: idOf(behind.product) },
      type: 'price_details',
      unit_amount_decimal: unitAmount,
    },
    proration: false,
    quantity,
    quantity_decimal: Stripe.Decimal.from(params.quantity_decimal ?? String(quantity)),
    tax_rates: taxRates(ctx, params.tax_rates ?? []),
    test_clock: idOf(customer.test_clock),
  });
}

function priceOf(
  ctx: Context,
  params: Pick<CreateValues, 'pricing' | 'price' | 'price_data'>,
): Stripe.Price | null {
  if (params.price_data !== undefined) {
    const { product, product_data, ...amounts } = params.price_data;
    const id = product ?? (product_data === undefined ? undefined : productFor(ctx, product_data));
    if (id === undefined)
      throw invalidRequest('Missing required param: price_data[product].', {
        param: 'price_data[product]',
        code: 'parameter_missing',
      });
    return createInlinePrice(ctx, { ...amounts, product: id });
  }
  const id = params.pricing?.price ?? params.price;
  if (id === undefined) return null;
  const price = needPrice(ctx, id, 'pricing[price]');
  if (price.type !== 'one_time') {
    throw invalidRequest(
      'The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`.',
      { param: 'pricing[price]' },
    );
  }
  return price;
}

function amountOf(
  ctx: Context,
  of: {
    params: Pick<CreateValues, 'amount'>;
    price: Stripe.Price | null;
    quantity: number;
    unit: string | undefined;
    currency: string;
  },
): number {
  if (of.params.amount !== undefined) return of.params.amount;
  if (of.unit !== undefined) return rounded(Number(of.unit) * of.quantity);
  if (of.price !== null) return fullAmount(ctx, of.price, of);
  throw invalidRequest(
    'You must pass one of `amount`, `pricing`, `price_data` or `unit_amount_decimal`.',
    { param: 'amount', code: 'parameter_missing' },
  );
}

function create(ctx: Context, params: CreateValues): Stripe.InvoiceItem {
  const invoice =
    params.invoice === undefined ? null : ctx.store.need('invoice', params.invoice, 'invoice');
  if (invoice !== null && invoice.status !== 'draft') throw notDraft();
  const item = newInvoiceItem(ctx, params);
  if (params.discounts !== undefined && params.discounts !== null) {
    item.discounts = ctx.services.discounts.create(ctx, params.discounts, {
      customer: idOf(item.customer),
      subscription: null,
      subscriptionItem: null,
      invoice: null,
      invoiceItem: item.id,
      at: item.date,
    });
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
  const unit =
    params.unit_amount_decimal ??
    (params.unit_amount === undefined ? undefined : String(params.unit_amount));
  const apply = () => {
    if (params.description !== undefined) item.description = params.description;
    item.discountable = params.discountable ?? item.discountable;
    item.period = params.period ?? item.period;
    item.quantity = params.quantity ?? item.quantity;
    item.quantity_decimal = decimalOf(item.quantity);
    if (params.amount !== undefined) item.amount = params.amount;
    else if (unit !== undefined) item.amount = rounded(Number(unit) * item.quantity);
    else if (params.quantity !== undefined)
      item.amount = rounded(Number(String(item.pricing?.unit_amount_decimal ?? 0)) * item.quantity);
    if (params.tax_rates !== undefined) item.tax_rates = taxRates(ctx, params.tax_rates ?? []);
    item.metadata = mergeMetadata(item.metadata ?? {}, params.metadata);
  };
  ctx.update('invoiceitem', item, { event: null, apply });
  if (invoice === null) return item;
  const line = lineOf(invoice, item);
  if (line !== undefined) {
    line.amount = item.amount;
    line.subtotal = item.amount;
    line.quantity = item.quantity;
    line.quantity_decimal = decimalOf(item.quantity);
    line.description = item.description;
    line.period = item.period;
  }
  recompute(ctx, invoice);
  return item;
}

function lineOf(
  invoice: Stripe.Invoice,
  item: Stripe.InvoiceItem,
): Stripe.InvoiceLineItem | undefined {
  return invoice.lines.data.find(
    ({ parent }) =>
      parent?.invoice_item_details?.invoice_item === item.id ||
      parent?.subscription_item_details?.invoice_item === item.id,
  );
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
