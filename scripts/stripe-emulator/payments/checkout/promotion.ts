import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import { idOf } from '../../kernel/ids.ts';
import { findCode, minimumsOf, redeemable } from '../../resources/promotion-codes.ts';
import { pricedLines, totalsOf } from './amounts.ts';
import { keepPlan, planOf } from './plan.ts';

/** Why a code cannot be used here, or null. */
function problemWith(
  ctx: Context,
  session: Stripe.Checkout.Session,
  code: Stripe.PromotionCode | undefined,
): string | null {
  if (code === undefined || !redeemable(ctx, code)) return 'This code is invalid.';
  const { currency, amount_subtotal: amount } = session;
  const customer = planOf(ctx, session.id).customer;
  if (code.customer !== null && idOf(code.customer) !== customer)
    return 'This code cannot be used by this customer.';
  const least = minimumsOf(ctx, code)[currency ?? ''] ?? code.restrictions.minimum_amount;
  const first = code.restrictions.first_time_transaction;
  if (least !== null && (amount ?? 0) < least) return 'The order is too small for this code.';
  const paid =
    customer !== null && ctx.store.by('charge', 'customer', customer).some((charge) => charge.paid);
  if (first && paid) return 'This code is for first orders only.';
  const coupon = ctx.store.find('coupon', idOf(code.promotion.coupon));
  if (coupon?.amount_off && coupon.currency !== session.currency)
    return 'This code is for another currency.';
  return null;
}

/** Applies what a person typed (an empty text removes the code). Gives what is wrong with it, or null. */
export function applyCode(
  ctx: Context,
  session: Stripe.Checkout.Session,
  text: string,
): string | null {
  const code = text.trim() === '' ? undefined : findCode(ctx, text);
  if (text.trim() !== '') {
    const problem = problemWith(ctx, session, code);
    if (problem !== null) return problem;
  }
  const plan = {
    ...planOf(ctx, session.id),
    discounts: code === undefined ? [] : [{ promotion_code: code.id }],
  };
  keepPlan(ctx, session.id, plan);
  const totals = totalsOf(pricedLines(ctx, plan), session.shipping_options);
  const apply = () => {
    session.discounts = code === undefined ? [] : [{ coupon: null, promotion_code: code.id }];
    session.amount_subtotal = totals.subtotal;
    session.amount_total = totals.total;
    session.total_details = {
      amount_discount: totals.discount,
      amount_shipping: totals.shipping,
      amount_tax: totals.tax,
    };
    session.payment_status = totals.total === 0 ? 'no_payment_required' : 'unpaid';
  };
  ctx.update('checkout.session', session, { event: null, apply });
  return null;
}
