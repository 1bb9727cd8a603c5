import type Stripe from 'stripe';
import type { DiscountTarget } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { withValidity } from '../resources/coupons.ts';
import { orderOf, refuseCode, refuseCurrency, refuseInvalid } from './restrictions.ts';

type Given = { coupon?: string; promotion_code?: string; discount?: string };

/** Turns `discounts` parameters into discounts on a target; each redemption is counted on its coupon and code. */
export function createDiscounts(ctx: Context, given: Given[], target: DiscountTarget): string[] {
  return given.flatMap((entry, index) => {
    if (entry.discount !== undefined) {
      return [ctx.store.need('discount', entry.discount, `discounts[${index}][discount]`).id];
    }
    const code = promotionCode(ctx, entry, {
      target,
      param: `discounts[${index}][promotion_code]`,
    });
    const coupon = code === null ? entry.coupon : (idOf(code.promotion.coupon) ?? undefined);
    if (coupon === undefined) return [];
    return [redeem(ctx, { coupon, code, target, param: `discounts[${index}][coupon]` }).id];
  });
}

function promotionCode(
  ctx: Context,
  entry: Given,
  where: { target: DiscountTarget; param: string },
): Stripe.PromotionCode | null {
  if (entry.promotion_code === undefined) return null;
  const code = ctx.store.need('promotion_code', entry.promotion_code, where.param);
  refuseCode(ctx, code, { order: orderOf(ctx, where.target), param: where.param });
  return code;
}

interface Redemption {
  coupon: string;
  code: Stripe.PromotionCode | null;
  target: DiscountTarget;
  param: string;
}

function redeem(ctx: Context, { coupon: id, code, target, param }: Redemption): Stripe.Discount {
  const coupon = ctx.store.need('coupon', id, param);
  refuseInvalid(ctx, coupon, param);
  refuseCurrency(ctx, coupon, { order: orderOf(ctx, target), param });
  const discount = ctx.add('discount', {
    id: ctx.store.newId('discount'),
    object: 'discount',
    checkout_session: null,
    customer: target.customer,
    customer_account: null,
    end: endOf(coupon, target.at),
    invoice: target.invoice,
    invoice_item: target.invoiceItem ?? null,
    promotion_code: code?.id ?? null,
    source: { coupon: id, type: 'coupon' },
    start: target.at,
    subscription: target.subscription,
    subscription_item: target.subscriptionItem,
  });
  ctx.update('coupon', coupon, { event: null, apply: () => (coupon.times_redeemed += 1) });
  withValidity(ctx, coupon);
  if (code !== null)
    ctx.update('promotion_code', code, { event: null, apply: () => (code.times_redeemed += 1) });
  announce(ctx, discount);
  return discount;
}

function endOf(coupon: Stripe.Coupon, start: number): number | null {
  return coupon.duration === 'repeating' ? addMonths(start, coupon.duration_in_months ?? 1) : null;
}

/** The same day and time some months later (the month's last day if it is shorter); Unix seconds, UTC. */
export function addMonths(from: number, months: number): number {
  const start = new Date(from * 1000);
  const monthEnd = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + months + 1, 0));
  const day = Math.min(start.getUTCDate(), monthEnd.getUTCDate());
  const time = from % 86_400;
  return Date.UTC(monthEnd.getUTCFullYear(), monthEnd.getUTCMonth(), day) / 1000 + time;
}

/** A customer shows one discount of its own; a second takes its place. Invoices' discounts are not announced. */
function announce(ctx: Context, discount: Stripe.Discount): void {
  if (discount.invoice !== null || discount.invoice_item !== null || discount.customer === null)
    return;
  const own = discount.subscription === null && discount.subscription_item === null;
  const customer = own ? ctx.store.find('customer', idOf(discount.customer)) : undefined;
  if (customer === undefined) {
    ctx.emit('customer.discount.created', discount);
    return;
  }
  const replaced = customer.discount ?? null;
  ctx.update('customer', customer, { event: null, apply: () => (customer.discount = discount) });
  ctx.emit(replaced === null ? 'customer.discount.created' : 'customer.discount.updated', discount);
}

/** Takes the customer's own discount away. */
export function removeFromCustomer(
  ctx: Context,
  customer: Stripe.Customer,
): Stripe.DeletedDiscount | null {
  const discount = customer.discount ?? null;
  if (discount === null) return null;
  ctx.update('customer', customer, { event: null, apply: () => (customer.discount = null) });
  return endDiscount(ctx, discount);
}

/** Removes a discount from the store and says so. */
export function endDiscount(ctx: Context, discount: Stripe.Discount): Stripe.DeletedDiscount {
  const { end: _end, deleted: _deleted, ...rest } = discount;
  ctx.store.remove('discount', discount.id);
  ctx.emit('customer.discount.deleted', discount);
  return { ...rest, deleted: true };
}
