import { Stripe } from 'stripe';
import { rounded } from '../billing/money.ts';
import { decimalOf, fullAmount, needPrice, productName } from '../billing/prices.ts';
import { taxRates } from '../billing/subscription-object.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, type Values } from '../kernel/params.ts';
import { createInlinePrice, priceOfAmount } from './inline-prices.ts';
import { priceData } from './price-create.ts';
import { productFor } from './prices.ts';
import { discountsParam } from './subscription-params.ts';

/** What an item and the line that it becomes may be told. */
export const lineChanges = {
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
  tax_rates: p.clearable(p.arr(p.str)),
};
/** What an item may be told, at creation and later. */
export const itemFields = {
  ...lineChanges,
  tax_behavior: p.oneOf(['inclusive', 'exclusive', 'unspecified']),
  tax_code: p.clearable(p.str),
  unit_amount_decimal: p.decimal,
  /** Legacy. */
  price: p.str,
  unit_amount: p.int,
};
type NewItem = Partial<Values<typeof itemFields>> & {
  customer: string;
  currency?: string;
  subscription?: string;
};

/** The fields of a pending item; previews use them too. */
export function newInvoiceItem(ctx: Context, params: NewItem): Stripe.InvoiceItem {
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
    ...((params.discountable ?? amount >= 0) ? {} : { net_amount: amount }),
    parent:
      subscription === null
        ? null
        : { subscription_details: { subscription: subscription.id }, type: 'subscription_details' },
    period: params.period ?? { start: now, end: now },
    pricing: pricingOf(behind, unitAmount),
    proration: false,
    quantity,
    quantity_decimal: Stripe.Decimal.from(params.quantity_decimal ?? String(quantity)),
    tax_rates: taxRates(ctx, params.tax_rates ?? []),
    test_clock: idOf(customer.test_clock),
  });
}

function priceOf(
  ctx: Context,
  params: Pick<NewItem, 'pricing' | 'price' | 'price_data'>,
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
    params: Pick<NewItem, 'amount'>;
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

/** Changes an item, and its line where it is on a draft already; the totals are up to the caller. */
export function changeItem(
  ctx: Context,
  params: Partial<Values<typeof itemFields>>,
  of: { item: Stripe.InvoiceItem; invoice: Stripe.Invoice | null },
): void {
  const { item, invoice } = of;
  const price = priceOf(ctx, params);
  const unit =
    params.unit_amount_decimal ??
    (params.unit_amount === undefined ? undefined : String(params.unit_amount));
  const discounts =
    params.discounts === undefined ? undefined : discountsFor(ctx, item, params.discounts ?? []);
  const apply = () => {
    if (params.description !== undefined) item.description = params.description;
    else if (price !== null) item.description = productName(ctx, price);
    item.discountable = params.discountable ?? item.discountable;
    item.period = params.period ?? item.period;
    item.quantity = params.quantity ?? item.quantity;
    item.quantity_decimal = decimalOf(item.quantity);
    reprice(ctx, item, { price, amount: params.amount, unit });
    if (discounts !== undefined) item.discounts = discounts;
    if (params.tax_rates !== undefined) item.tax_rates = taxRates(ctx, params.tax_rates ?? []);
    item.metadata = mergeMetadata(item.metadata ?? {}, params.metadata);
  };
  ctx.update('invoiceitem', item, { event: null, apply });
  if (invoice === null) return;
  const line = lineOf(invoice, item);
  if (line !== undefined) {
    line.amount = item.amount;
    line.subtotal = item.amount;
    line.quantity = item.quantity;
    line.quantity_decimal = decimalOf(item.quantity);
    line.description = item.description;
    line.period = item.period;
    line.discounts = (item.discounts ?? []).map((discount) => idOf(discount));
    if (item.pricing !== null) line.pricing = { ...item.pricing };
  }
}

/** A new price, amount or unit amount, and what it makes of the item. */
function reprice(
  ctx: Context,
  item: Stripe.InvoiceItem,
  to: { price: Stripe.Price | null; amount: number | undefined; unit: string | undefined },
): void {
  const { currency, quantity } = item;
  const unit =
    to.unit === undefined
      ? (to.price?.unit_amount_decimal ?? item.pricing?.unit_amount_decimal ?? decimalOf(0))
      : Stripe.Decimal.from(to.unit);
  if (to.price !== null) {
    item.amount = fullAmount(ctx, to.price, { quantity, currency });
    item.pricing = pricingOf(to.price, unit);
  } else if (to.amount !== undefined) {
    item.amount = to.amount;
    const per = decimalOf(to.amount);
    const name = item.description ?? 'Invoice item';
    item.pricing = pricingOf(priceOfAmount(ctx, { unit: per, currency, name }), per);
  } else {
    item.amount = rounded(Number(String(unit)) * quantity);
    if (item.pricing !== null) item.pricing.unit_amount_decimal = unit;
  }
}

function pricingOf(price: Stripe.Price, unit: Stripe.Decimal): Stripe.InvoiceItem.Pricing {
  return {
    price_details: { price: price.id, product: idOf(price.product) },
    type: 'price_details',
    unit_amount_decimal: unit,
  };
}

/** Discounts of one item; their ids. */
export function discountsFor(
  ctx: Context,
  item: Stripe.InvoiceItem,
  given: { coupon?: string; promotion_code?: string; discount?: string }[],
): string[] {
  return ctx.services.discounts.create(ctx, given, {
    customer: idOf(item.customer),
    subscription: null,
    subscriptionItem: null,
    invoice: null,
    invoiceItem: item.id,
    at: item.date,
  });
}

/** The line that an item is on a draft. */
export function lineOf(
  invoice: Stripe.Invoice,
  item: Stripe.InvoiceItem,
): Stripe.InvoiceLineItem | undefined {
  return invoice.lines.data.find(
    ({ parent }) =>
      parent?.invoice_item_details?.invoice_item === item.id ||
      parent?.subscription_item_details?.invoice_item === item.id,
  );
}
