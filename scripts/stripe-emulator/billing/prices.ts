import { Stripe } from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { amountFor } from '../usage/tiers.ts';
import { shownAmount } from './money.ts';
import type { Every } from './periods.ts';

/** The price with its tiers, and with the amounts of another currency where it has them. */
export function pricedIn(ctx: Context, price: Stripe.Price, currency: string): Stripe.Price {
  const details = ctx.account.priceDetails.get(price.id);
  if (price.currency === currency)
    return details?.tiers === undefined || details.tiers === null
      ? price
      : { ...price, tiers: details.tiers };
  const option = details?.currencyOptions[currency];
  if (option === undefined) throw wrongCurrency(price, currency);
  const { unit_amount, unit_amount_decimal, tiers } = option;
  return { ...price, currency, unit_amount, unit_amount_decimal, tiers };
}

/** True when the price can be billed in the currency. */
export function hasCurrency(ctx: Context, price: Stripe.Price, currency: string): boolean {
  const options = ctx.account.priceDetails.get(price.id)?.currencyOptions ?? {};
  return price.currency === currency || options[currency] !== undefined;
}

export function wrongCurrency(price: Stripe.Price, currency: string): Error {
  return invalidRequest(
    `The price specified supports currencies of \`${price.currency}\`. This doesn't match the expected currency: \`${currency}\`.`,
    { param: 'items' },
  );
}

/** What `quantity` of a price costs for a whole period, in minor units. */
export function fullAmount(
  ctx: Context,
  price: Stripe.Price,
  order: { quantity: number; currency: string },
): number {
  return amountFor(pricedIn(ctx, price, order.currency), order.quantity);
}

export function isMetered(price: Stripe.Price): boolean {
  return price.recurring?.usage_type === 'metered';
}

/** The interval of a recurring price; one-time prices are refused. */
export function everyOf(price: Stripe.Price): Every {
  if (price.recurring === null) {
    throw invalidRequest(
      `The price specified is set to \`type=one_time\` but this field only accepts prices with \`type=recurring\`.`,
      { param: 'items[0][price]' },
    );
  }
  return price.recurring;
}

/** The name of a price's product. */
export function productName(ctx: Context, price: Stripe.Price): string {
  return ctx.store.find('product', idOf(price.product))?.name ?? 'Product';
}

/** ` / month`, ` / every 3 months`. */
export function perInterval(every: Every): string {
  if (every.interval_count === 1) return ` / ${every.interval}`;
  return ` / every ${every.interval_count} ${every.interval}s`;
}

/** `2 × Pro (at $20.00 / month)` */
export function lineText(
  ctx: Context,
  price: Stripe.Price,
  part: { quantity: number; unitAmount: string | null; currency: string; tier: number },
): string {
  const amount = shownAmount(Number(part.unitAmount ?? 0), part.currency);
  const every = price.recurring === null ? '' : perInterval(price.recurring);
  const at = part.tier === 0 ? 'at' : `Tier ${part.tier} at`;
  return `${countedName(ctx, price, part.quantity)} (${at} ${amount}${every})`;
}

/** `2 seat × Pro`, as lines and trials name what they are for. */
export function countedName(ctx: Context, price: Stripe.Price, quantity: number): string {
  const label = ctx.store.find('product', idOf(price.product))?.unit_label ?? null;
  return `${quantity}${label === null ? '' : ` ${label}`} × ${productName(ctx, price)}`;
}

/** The legacy plan that mirrors a recurring price. */
export function planOf(ctx: Context, price: Stripe.Price): Stripe.Plan {
  return {
    id: price.id,
    object: 'plan',
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: price.billing_scheme,
    created: price.created,
    currency: price.currency,
    interval: price.recurring?.interval ?? 'month',
    interval_count: price.recurring?.interval_count ?? 1,
    livemode: false,
    metadata: price.metadata,
    meter: price.recurring?.meter ?? null,
    nickname: price.nickname,
    product: idOf(price.product),
    tiers_mode: price.tiers_mode,
    transform_usage: price.transform_quantity,
    trial_period_days: price.recurring?.trial_period_days ?? null,
    usage_type: price.recurring?.usage_type ?? 'licensed',
  };
}

/** Remembers that a price or product was made for one purchase only. */
export function markInline(ctx: Context, id: string): void {
  ctx.note('inline', id)['inline'] = true;
}

/** Lets a price that was made on the spot be sold again, by the sessions of its payment link. */
export function keepForLink(ctx: Context, id: string): void {
  if (isInline(ctx, id)) ctx.note('linked', id)['linked'] = true;
}

/** True for prices that new purchases can name. */
export const isOnSale = (ctx: Context, price: Stripe.Price): boolean =>
  price.active || ctx.store.find('_note', `linked:${price.id}`) !== undefined;

/** True for prices and products of one purchase: they are not active, and lists leave them out. */
export const isInline = (ctx: Context, id: string): boolean =>
  ctx.store.find('_note', `inline:${id}`) !== undefined;

/** A price that may be put on a subscription: it exists, is active and recurring. */
export function needPrice(ctx: Context, id: string, param: string): Stripe.Price {
  const price = ctx.store.need('price', id, param);
  if (!price.active && !isInline(ctx, id)) {
    throw invalidRequest(
      'The price specified is inactive. This field only accepts active prices.',
      { param },
    );
  }
  return price;
}

/** Decimal of an integer amount. */
export function decimalOf(amount: number): Stripe.Decimal {
  return Stripe.Decimal.from(String(amount));
}
