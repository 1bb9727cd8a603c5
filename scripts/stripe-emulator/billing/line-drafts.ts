import { Stripe } from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { pricedParts, type PricedPart } from '../usage/tiers.ts';
import { rounded } from './money.ts';
import { decimalOf, isMetered, lineText, pricedIn } from './prices.ts';

/** A line before it is on an invoice. */
export interface LineDraft {
  amount: number;
  description: string | null;
  discountable: boolean;
  /** Discounts of the line itself; those of the invoice come on top. */
  discounts: string[];
  metadata: Record<string, string>;
  period: { start: number; end: number };
  price: Stripe.Price | null;
  unitAmount: Stripe.Decimal | null;
  quantity: number;
  subscription: string | null;
  parent: Stripe.InvoiceLineItem.Parent;
  taxRates: string[];
  /** The full amount and period that a later proration takes its share of; null for prorations and one-off lines. */
  basis: { item: string; amount: number; start: number; end: number } | null;
}

/** The lines of one subscription item for one period: one per tier; none for metered usage that is not there yet. */
export function itemLines(
  ctx: Context,
  subscription: Stripe.Subscription,
  span: { item: Stripe.SubscriptionItem; start: number; end: number; share?: number },
): LineDraft[] {
  const { item, start, end } = span;
  const { currency } = subscription;
  const price = pricedIn(ctx, item.price, currency);
  const quantity = isMetered(price)
    ? ctx.services.usage.quantity(ctx, {
        customer: idOf(subscription.customer),
        price,
        from: start,
        until: end,
      })
    : (item.quantity ?? 1);
  const share = span.share ?? 1;
  return pricedParts(price, quantity).map((priced) => {
    const part =
      share === 1 || isMetered(price)
        ? priced
        : { ...priced, amount: rounded(priced.amount * share) };
    return itemLine(ctx, subscription, { ...span, part, price });
  });
}

function itemLine(
  ctx: Context,
  subscription: Stripe.Subscription,
  of: {
    item: Stripe.SubscriptionItem;
    start: number;
    end: number;
    price: Stripe.Price;
    part: PricedPart;
  },
): LineDraft {
  const { item, start, end, price, part } = of;
  const { currency } = subscription;
  return {
    amount: part.amount,
    description: lineText(ctx, price, { ...part, currency }),
    discountable: true,
    discounts: item.discounts.map((discount) => idOf(discount)),
    metadata: { ...item.metadata },
    period: { start, end },
    price,
    unitAmount: part.unitAmount === null ? null : Stripe.Decimal.from(part.unitAmount),
    quantity: part.quantity,
    subscription: subscription.id,
    parent: subscriptionParent(subscription.id, item.id),
    taxRates: taxRatesOf(subscription, item),
    basis: isMetered(price) ? null : { item: item.id, amount: part.amount, start, end },
  };
}

/** The zero line of a trial. */
export function trialLine(
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
  name: string,
): LineDraft {
  return {
    amount: 0,
    description: `Free trial for ${name}`,
    discountable: true,
    discounts: [],
    metadata: { ...item.metadata },
    period: { start: item.current_period_start, end: item.current_period_end },
    price: item.price,
    unitAmount: decimalOf(0),
    quantity: item.quantity ?? 1,
    subscription: subscription.id,
    parent: subscriptionParent(subscription.id, item.id),
    taxRates: [],
    basis: null,
  };
}

function subscriptionParent(subscription: string, item: string): Stripe.InvoiceLineItem.Parent {
  return {
    invoice_item_details: null,
    subscription_item_details: {
      invoice_item: null,
      proration: false,
      proration_details: { credited_items: null },
      subscription,
      subscription_item: item,
    },
    type: 'subscription_item_details',
  };
}

function taxRatesOf(subscription: Stripe.Subscription, item: Stripe.SubscriptionItem): string[] {
  const own = item.tax_rates ?? [];
  return (own.length > 0 ? own : (subscription.default_tax_rates ?? [])).map((rate) => rate.id);
}

/** The line that a pending invoice item becomes. */
export function pendingLine(ctx: Context, item: Stripe.InvoiceItem): LineDraft {
  const details = item.parent?.subscription_details;
  const price = ctx.store.find('price', idOf(item.pricing?.price_details?.price));
  return {
    amount: item.amount,
    description: item.description,
    discountable: item.discountable,
    discounts: (item.discounts ?? []).map((discount) => idOf(discount)),
    metadata: { ...item.metadata },
    period: item.period,
    price: price ?? null,
    unitAmount: item.proration ? null : (item.pricing?.unit_amount_decimal ?? null),
    quantity: item.quantity,
    subscription: details?.subscription ?? null,
    parent: pendingParent(item),
    taxRates: (item.tax_rates ?? []).map((rate) => rate.id),
    basis: null,
  };
}

function pendingParent(item: Stripe.InvoiceItem): Stripe.InvoiceLineItem.Parent {
  const details = item.parent?.subscription_details;
  const subscription = details?.subscription ?? null;
  const proration_details = { credited_items: creditedItems(item) };
  if (subscription !== null && details?.subscription_item !== undefined && item.proration) {
    return {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: item.id,
        proration: true,
        proration_details,
        subscription,
        subscription_item: details.subscription_item,
      },
      type: 'subscription_item_details',
    };
  }
  return {
    invoice_item_details: {
      invoice_item: item.id,
      proration: item.proration,
      proration_details,
      subscription,
    },
    subscription_item_details: null,
    type: 'invoice_item_details',
  };
}

function creditedItems(
  item: Stripe.InvoiceItem,
): Stripe.InvoiceLineItem.Parent.InvoiceItemDetails.ProrationDetails.CreditedItems | null {
  const credited = item.proration_details?.credited_items?.invoice_line_item_details;
  if (credited === undefined) return null;
  return { invoice: credited.invoice, invoice_line_items: [...credited.invoice_line_items] };
}

/** A line of a one-off invoice that no invoice item stands behind. */
export function plainLine(
  line: { amount: number; description: string; quantity: number; at: number },
  price: Stripe.Price | null,
): LineDraft {
  return {
    amount: line.amount,
    description: line.description,
    discountable: true,
    discounts: [],
    metadata: {},
    period: { start: line.at, end: line.at },
    price,
    unitAmount: price?.unit_amount_decimal ?? decimalOf(Math.round(line.amount / line.quantity)),
    quantity: line.quantity,
    subscription: null,
    parent: {
      invoice_item_details: {
        invoice_item: '',
        proration: false,
        proration_details: { credited_items: null },
        subscription: null,
      },
      subscription_item_details: null,
      type: 'invoice_item_details',
    },
    taxRates: [],
    basis: null,
  };
}
