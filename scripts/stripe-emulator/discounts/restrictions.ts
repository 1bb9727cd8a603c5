import type Stripe from 'stripe';
import { fullAmount, isMetered } from '../billing/prices.ts';
import type { DiscountTarget } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { amountsOff, withValidity } from '../resources/coupons.ts';
import { minimumsOf, redeemable } from '../resources/promotion-codes.ts';

/** What a discount is to be taken off; `amount` in minor units, null where it is not known. */
export interface Order {
  customer: string | null;
  currency: string | null;
  amount: number | null;
}

/** The order that a discount's target stands for. */
export function orderOf(ctx: Context, target: DiscountTarget): Order {
  const { customer } = target;
  const subscription = ctx.store.find('subscription', target.subscription);
  const invoice = ctx.store.find('invoice', target.invoice);
  if (subscription !== undefined) {
    const { currency } = subscription;
    const items = subscription.items.data.filter((item) => !isMetered(item.price));
    const amounts = items.map((item) =>
      fullAmount(ctx, item.price, { quantity: item.quantity ?? 1, currency }),
    );
    return { customer, currency, amount: sum(amounts) };
  }
  if (invoice === undefined) return { customer, currency: null, amount: null };
  const lines = invoice.lines.data.map((line) => line.amount);
  return { customer, currency: invoice.currency, amount: lines.length === 0 ? null : sum(lines) };
}

const sum = (amounts: readonly number[]): number =>
  amounts.reduce((total, amount) => total + amount, 0);

/** Refuses a promotion code that this order may not use. Errors: 400 in Stripe's words. */
export function refuseCode(
  ctx: Context,
  code: Stripe.PromotionCode,
  use: { order: Order; param: string },
): void {
  const { order, param } = use;
  if (!redeemable(ctx, code)) {
    throw invalidRequest('This promotion code is not active.', {
      param,
      code: 'promotion_code_inactive',
    });
  }
  const problem = problemWith(ctx, code, order);
  if (problem !== null) throw invalidRequest(problem, { param });
}

function problemWith(ctx: Context, code: Stripe.PromotionCode, order: Order): string | null {
  const { customer, amount } = order;
  if (code.customer !== null && idOf(code.customer) !== customer)
    return 'This promotion code cannot be redeemed by this customer.';
  if (code.restrictions.first_time_transaction && customer !== null && hasPaid(ctx, customer))
    return 'This promotion code cannot be redeemed because the associated customer has prior transactions.';
  if (amount === null || order.currency === null) return null;
  const minimums = minimumsOf(ctx, code);
  if (Object.keys(minimums).length === 0) return null;
  const least = minimums[order.currency];
  if (least === undefined)
    return 'This promotion code cannot be redeemed because its minimum amount is in another currency.';
  return amount < least
    ? 'This promotion code cannot be redeemed because the order does not meet its minimum amount.'
    : null;
}

function hasPaid(ctx: Context, customer: string): boolean {
  return ctx.store
    .by('charge', 'customer', customer)
    .some((charge) => charge.status === 'succeeded');
}

/** Refuses a coupon that is over or used up. */
export function refuseInvalid(ctx: Context, coupon: Stripe.Coupon, param: string): void {
  if (withValidity(ctx, coupon).valid) return;
  throw invalidRequest(`Coupon expired: ${coupon.id}`, { param, code: 'coupon_expired' });
}

/** Refuses an amount off in a currency that the order is not in. */
export function refuseCurrency(
  ctx: Context,
  coupon: Stripe.Coupon,
  use: { order: Order; param: string },
): void {
  const { currency } = use.order;
  if (coupon.amount_off === null || currency === null || coupon.currency === currency) return;
  if (amountsOff(ctx, coupon.id)[currency] !== undefined) return;
  throw invalidRequest(
    `The coupon \`${coupon.id}\` cannot be applied because its currency, \`${coupon.currency ?? ''}\`, is not \`${currency}\`.`,
    { param: use.param },
  );
}
