import { Stripe } from 'stripe';
import type { DiscountShare } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import type { Debit } from '../kernel/objects.ts';
import { discountsOnItem } from './discounted.ts';
import { addDebit, closeDebits, openDebits } from './ledger.ts';
import { rounded } from './money.ts';
import { decimalOf, fullAmount, isMetered, productName } from './prices.ts';
import { isFlexible, wholePeriod } from './subscription-object.ts';

/** A moment from which an item's time is credited or charged. */
interface Share {
  /** Amount of one whole period before discounts, and what they take off it; both negative for a credit. */
  gross: number;
  off: DiscountShare[];
  /** The part of a whole period that is credited or charged. */
  part: number;
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
    .map((share) => ({ ...share, ...shownAmounts(subscription, share) }))
    .filter((share) => share.amount !== 0)
    .map((share) => prorationItem(ctx, subscription, { ...share, word: 'Unused', item, at }));
}

/** Flexible mode credits what was debited, at the debit's own rate. */
function shareOfDebit(ctx: Context, debit: Debit, at: number): Share {
  const { basis } = debit;
  const price = ctx.store.need('price', debit.price);
  const off = debit.off ?? [];
  const credited =
    debit.invoice !== null && debit.line !== null
      ? { invoice: debit.invoice, lines: [debit.line] }
      : null;
  return {
    gross: -(basis.amount + totalOf(off)),
    off: off.map((share) => ({ ...share, amount: -share.amount })),
    part: (debit.to - Math.max(at, debit.from)) / (basis.end - basis.start),
    from: Math.max(at, debit.from),
    to: debit.to,
    quantity: debit.quantity,
    price,
    credited,
  };
}

/** Classic mode credits the rest of the period at the present price, after the present discounts. */
function shareOfPrice(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: { item: Stripe.SubscriptionItem; at: number },
): Share {
  const { gross, off, ...share } = remainingShare(ctx, subscription, change);
  return {
    ...share,
    gross: -gross,
    off: off.map(({ discount, amount }) => ({ discount, amount: -amount })),
  };
}

/** The rest of an item's period, at its present price and discounts. */
function remainingShare(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: { item: Stripe.SubscriptionItem; at: number },
): Share {
  const { item, at } = change;
  const quantity = item.quantity ?? 1;
  const { start, end } = wholePeriod(subscription, item);
  return {
    gross: fullAmount(ctx, item.price, { quantity, currency: subscription.currency }),
    off: discountsOnItem(ctx, subscription, item),
    part: (item.current_period_end - at) / (end - start),
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
  const share = remainingShare(ctx, subscription, change);
  const amounts = shownAmounts(subscription, share);
  const word = 'Remaining' as const;
  const made = prorationItem(ctx, subscription, { ...share, ...amounts, word, item, at });
  addDebit(ctx, item, {
    from: at,
    to: share.to,
    basis: { amount: share.gross - totalOf(share.off), ...wholePeriod(subscription, item) },
    off: share.off,
    invoice: null,
    line: made.id,
  });
  ctx.note('debit_of', made.id)['item'] = item.id;
  return [made];
}

function totalOf(shares: readonly DiscountShare[]): number {
  return shares.reduce((total, share) => total + share.amount, 0);
}

/** What an invoice shows: `itemized` the gross amount and what is off it, else the net amount and zeros. */
function shownAmounts(
  subscription: Stripe.Subscription,
  share: Share,
): { amount: number; net: number; shown: DiscountShare[] } {
  const { gross, off, part } = share;
  const net = rounded((gross - totalOf(off)) * part);
  if (subscription.billing_mode.flexible?.proration_discounts !== 'itemized')
    return { amount: net, net, shown: off.map((one) => ({ ...one, amount: 0 })) };
  const amount = rounded(gross * part);
  const shown = off.map((one) => ({ ...one, amount: rounded(one.amount * part) }));
  return { amount, net: amount - totalOf(shown), shown };
}

function prorationItem(
  ctx: Context,
  subscription: Stripe.Subscription,
  share: Share & {
    amount: number;
    net: number;
    shown: DiscountShare[];
    word: 'Unused' | 'Remaining';
    item: Stripe.SubscriptionItem;
    at: number;
  },
): Stripe.InvoiceItem {
  const { price, quantity, amount, word } = share;
  const times = quantity === 1 ? '' : `${quantity} × `;
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
    discounts: share.item.discounts.map((discount) => idOf(discount)),
    invoice: null,
    livemode: false,
    metadata: {},
    net_amount: share.net,
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
      discount_amounts: isFlexible(subscription) ? share.shown : [],
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
