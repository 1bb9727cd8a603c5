import type { Stripe } from 'stripe';
import { markInline } from '../billing/prices.ts';
import type { Context } from '../kernel/context.ts';
import { createPrice, type PriceFields } from './price-create.ts';
import { newProduct } from './prices.ts';

/** A price made on the spot (`price_data`): never active, and left out of the list of prices. */
export function createInlinePrice(ctx: Context, given: PriceFields): Stripe.Price {
  const price = createPrice(ctx, { ...given, active: false });
  markInline(ctx, price.id);
  return price;
}

/**
 * The price that stands behind a plain amount on an invoice, with a product of that name. Equal amounts of
 * equal names share one; no event tells of it.
 */
export function priceOfAmount(
  ctx: Context,
  of: { unit: Stripe.Decimal; currency: string; name: string },
): Stripe.Price {
  const known = ctx.note('amount_price', `${of.currency} ${String(of.unit)} ${of.name}`);
  const found = typeof known['price'] === 'string' ? ctx.store.find('price', known['price']) : null;
  if (found) return found;
  const product = newProduct(ctx, { name: of.name, active: false });
  const whole = Number(String(of.unit));
  const price = ctx.add('price', {
    id: ctx.store.newId('price'),
    object: 'price',
    active: false,
    billing_scheme: 'per_unit',
    created: ctx.now(),
    currency: of.currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: null,
    metadata: {},
    nickname: null,
    product: product.id,
    recurring: null,
    tax_behavior: 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: 'one_time',
    unit_amount: Number.isInteger(whole) ? whole : null,
    unit_amount_decimal: of.unit,
  });
  markInline(ctx, price.id);
  markInline(ctx, product.id);
  known['price'] = price.id;
  return price;
}
