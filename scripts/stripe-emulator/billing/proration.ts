import { Stripe } from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import type { Debit } from '../kernel/objects.ts';
import { addDebit, closeDebits, openDebits } from './ledger.ts';
import { rounded } from './money.ts';
import { decimalOf, fullAmount, isMetered, productName } from './prices.ts';
import { isFlexible } from './subscription-object.ts';

/** A moment from which an item's time is credited or charged. */
interface Share {
  amount: number;
  /** Full amount of one period. */
  full: number;
  from: number;
  to: number;
  quantity: number;
  price: Stripe.Price;
  credited: { invoice: string; lines: string[] } | null;
}

/** Money back for the time an item has paid and will not use, as pending invoice items (events by the caller). */
export function creditUnused(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: { item: Stripe.SubscriptionItem; at: number },
): Stripe.InvoiceItem[] {
  const { item, at } = change;
  if (isMetered(item.price)) return [];
  const debits = openDebits(ctx, item.id, at);
  if (debits.length === 0) return [];
  const shares = isFlexible(subscription)
    ? debits.map((debit) => shareOfDebit(ctx, debit, at))
    : [shareOfPrice(ctx, subscription, change)];
  closeDebits(ctx, item.id, at);
  return shares
    .filter((share) => share.amount !== 0)
    .map((share) => prorationItem(ctx, subscription, { ...share, item, at }));
}

/** Flexible mode credits what was debited, at the debit's own rate. */
function shareOfDebit(ctx: Context, debit: Debit, at: number): Share {
  const { basis } = debit;
  const price = ctx.store.need('price', debit.price);
  const share = (debit.to - Math.max(at, debit.from)) / (basis.end - basis.start);
  const credited =
    debit.invoice !== null && debit.line !== null
      ? { invoice: debit.invoice, lines: [debit.line] }
      : null;
  return {
    amount: rounded(-basis.amount * share),
    full: basis.amount,
    from: Math.max(at, debit.from),
    to: debit.to,
    quantity: debit.quantity,
    price,
    credited,
  };
}

/** Classic mode credits the rest of the period at the present price. */
function shareOfPrice(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: { item: Stripe.SubscriptionItem; at: number },
): Share {
  const { item, at } = change;
  const quantity = item.quantity ?? 1;
  const full = fullAmount(ctx, item.price, { quantity, currency: subscription.currency });
  const length = item.current_period_end - item.current_period_start;
  const share = (item.current_period_end - at) / length;
  return {
    amount: rounded(-full * share),
    full,
    from: at,
    to: item.current_period_end,
    quantity,
    price: item.price,
    credited: null,
  };
}

/** The charge for the rest of an item's period at its present price, as a pending invoice item. */
export function debitRemaining(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: { item: Stripe.SubscriptionItem; at: number },
): Stripe.InvoiceItem[] {
  const { item, at } = change;
  if (isMetered(item.price)) return [];
  const quantity = item.quantity ?? 1;
  const full = fullAmount(ctx, item.price, { quantity, currency: subscription.currency });
  const { current_period_start: start, current_period_end: end } = item;
  const amount = rounded((full * (end - at)) / (end - start));
  const share = { amount, full, from: at, to: end, quantity, price: item.price, credited: null };
  const made = prorationItem(ctx, subscription, { ...share, item, at });
  addDebit(ctx, item, {
    from: at,
    to: end,
    basis: { amount: full, start, end },
    invoice: null,
    line: made.id,
  });
  ctx.note('debit_of', made.id)['item'] = item.id;
  return [made];
}

function prorationItem(
  ctx: Context,
  subscription: Stripe.Subscription,
  share: Share & { item: Stripe.SubscriptionItem; at: number },
): Stripe.InvoiceItem {
  const { price, quantity, amount } = share;
  const times = quantity === 1 ? '' : `${quantity} × `;
  const word = amount < 0 ? 'Unused' : 'Remaining';
  const unit = Stripe.Decimal.from(String(quantity === 0 ? 0 : amount / quantity));
  return ctx.add('invoiceitem', {
    id: ctx.store.newId('invoiceitem'),
    object: 'invoiceitem',
    amount,
    currency: subscription.currency,
    customer: idOf(subscription.customer),
    customer_account: null,
    date: ctx.nowFor(idOf(subscription.customer)),
    description: `${word} time on ${times}${productName(ctx, price)} after ${shownDate(share.at)}`,
    discountable: false,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: {},
    net_amount: amount,
    parent: {
      subscription_details: { subscription: subscription.id, subscription_item: share.item.id },
      type: 'subscription_details',
    },
    period: { start: share.from, end: share.to },
    pricing: {
      price_details: { price: price.id, product: idOf(price.product) },
      type: 'price_details',
      unit_amount_decimal: unit,
    },
    proration: true,
    proration_details: {
      credited_items: share.credited === null ? null : creditedItems(share.credited),
      discount_amounts: [],
    },
    quantity,
    quantity_decimal: decimalOf(quantity),
    tax_rates: share.item.tax_rates ?? [],
    test_clock: idOf(subscription.test_clock),
  });
}

function creditedItems(credited: {
  invoice: string;
  lines: string[];
}): Stripe.InvoiceItem.ProrationDetails.CreditedItems {
  return {
    invoice_line_item_details: { invoice: credited.invoice, invoice_line_items: credited.lines },
    type: 'invoice_line_items',
  };
}

const DAY_FORMAT = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});

/** `11 Nov 2025` */
function shownDate(at: number): string {
  return DAY_FORMAT.format(new Date(at * 1000));
}
