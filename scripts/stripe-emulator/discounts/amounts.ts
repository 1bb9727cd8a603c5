import type Stripe from 'stripe';
import type { DiscountableLine, DiscountShare } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { amountsOff, productsOf } from '../resources/coupons.ts';

/** What each discount takes off each line of one invoice; later discounts see what the earlier ones left. */
export function sharesOnLines(
  ctx: Context,
  lines: readonly DiscountableLine[],
  discounts: readonly string[],
): DiscountShare[][] {
  const left = lines.map((line) => (line.isProration ? 0 : Math.max(0, line.amount)));
  const shares: DiscountShare[][] = lines.map(() => []);
  for (const id of discounts) {
    const coupon = couponOf(ctx, id);
    if (coupon === null) continue;
    const products = productsOf(ctx, coupon.id);
    const open = left.map((amount, index) => (covers(products, lines[index]) ? amount : 0));
    const off =
      coupon.percent_off === null
        ? spread(open, amountOff(ctx, coupon, lines))
        : percentOf(open, coupon.percent_off);
    for (const [index, amount] of off.entries()) {
      if (open[index] === undefined || open[index] === 0) continue;
      left[index] = (left[index] ?? 0) - amount;
      shares[index]?.push({ discount: id, amount });
    }
  }
  return shares;
}

/** The coupon behind a discount; also of one that has ended, as long as its coupon is known. */
function couponOf(ctx: Context, discount: string): Stripe.Coupon | null {
  const found = ctx.store.find('discount', discount);
  const coupon = found?.source.coupon ?? null;
  return ctx.store.find('coupon', idOf(coupon)) ?? null;
}

function covers(products: readonly string[], line: DiscountableLine | undefined): boolean {
  return (
    products.length === 0 ||
    (line?.product !== null && line?.product !== undefined && products.includes(line.product))
  );
}

function amountOff(
  ctx: Context,
  coupon: Stripe.Coupon,
  lines: readonly DiscountableLine[],
): number {
  const currency = lines[0]?.currency ?? coupon.currency;
  if (currency === coupon.currency) return coupon.amount_off ?? 0;
  return amountsOff(ctx, coupon.id)[currency ?? '']?.amount_off ?? 0;
}

export function percentOf(amounts: readonly number[], percent: number): number[] {
  return amounts.map((amount) => Math.round(Number(((amount * percent) / 100).toFixed(6))));
}

/** An amount over lines in proportion to what they have left; the cents that rounding leaves go to the last lines. */
export function spread(amounts: readonly number[], off: number): number[] {
  const total = amounts.reduce((sum, amount) => sum + amount, 0);
  const capped = Math.min(off, total);
  const parts = amounts.map((amount) => (total === 0 ? 0 : Math.floor((capped * amount) / total)));
  let rest = capped - parts.reduce((sum, part) => sum + part, 0);
  for (const [index, amount] of [...amounts.entries()].toReversed()) {
    const room = Math.min(rest, amount - (parts[index] ?? 0));
    const extra = Math.min(room, 1);
    parts[index] = (parts[index] ?? 0) + extra;
    rest -= extra;
  }
  return parts;
}
