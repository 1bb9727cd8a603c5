import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import { idOf } from '../../kernel/ids.ts';
import { pricedIn } from '../../billing/prices.ts';
import { percentOf, spread } from '../../discounts/amounts.ts';
import { productsOf } from '../../resources/coupons.ts';
import { amountFor } from '../../usage/tiers.ts';
import type { LineTax } from '../../contracts.ts';
import type { CheckoutPlan, PlanLine } from './plan.ts';

/** A line of a session with what it costs today. */
export interface PricedLine {
  line: PlanLine;
  price: Stripe.Price;
  subtotal: number;
  discount: number;
  taxes: LineTax[];
}

const hasTrial = (plan: CheckoutPlan): boolean =>
  plan.subscription !== null &&
  (plan.subscription.trialEnd !== null || plan.subscription.trialPeriodDays !== null);

/** Today's price of a line: recurring prices cost nothing during a trial, usage is billed later. */
function subtotalOf(ctx: Context, plan: CheckoutPlan, line: PlanLine): number {
  const price = priceOf(ctx, plan, line);
  if (price.recurring?.usage_type === 'metered') return 0;
  if (price.type === 'recurring' && hasTrial(plan)) return 0;
  return amountFor(price, line.quantity ?? 1);
}

/** With the amounts of the session's currency. */
function priceOf(ctx: Context, plan: CheckoutPlan, line: PlanLine): Stripe.Price {
  const price = ctx.store.need('price', line.price, 'line_items');
  return pricedIn(ctx, price, plan.currency ?? price.currency);
}

function couponsOf(ctx: Context, plan: CheckoutPlan): Stripe.Coupon[] {
  return plan.discounts.flatMap((given) => {
    const code = ctx.store.find('promotion_code', given.promotion_code);
    const coupon = ctx.store.find('coupon', given.coupon ?? idOf(code?.promotion.coupon));
    return coupon === undefined ? [] : [coupon];
  });
}

function offLines(ctx: Context, coupon: Stripe.Coupon, lines: readonly PricedLine[]): number[] {
  const products = productsOf(ctx, coupon.id);
  const left = lines.map(({ price, subtotal, discount }) => {
    const covered = products.length === 0 || products.includes(idOf(price.product) ?? '');
    return covered ? subtotal - discount : 0;
  });
  return coupon.percent_off === null
    ? spread(left, coupon.amount_off ?? 0)
    : percentOf(left, coupon.percent_off);
}

function taxesOf(ctx: Context, plan: CheckoutPlan, each: PricedLine): LineTax[] {
  const rates = each.line.taxRates ?? plan.subscription?.defaultTaxRates ?? [];
  return ctx.services.taxes.onAmount(ctx, each.subtotal - each.discount, rates);
}

const sum = (amounts: readonly number[]): number =>
  amounts.reduce((total, amount) => total + amount, 0);

const taxed = (taxes: readonly LineTax[]): number => sum(taxes.map((tax) => tax.amount));

/** The taxes that come on top of the price. */
const onTop = (taxes: readonly LineTax[]): number => taxed(taxes.filter((tax) => !tax.inclusive));

/** The lines of a session with their amounts after discounts. */
export function pricedLines(ctx: Context, plan: CheckoutPlan): PricedLine[] {
  const lines = plan.lines.map((line): PricedLine => {
    const price = priceOf(ctx, plan, line);
    return { line, price, subtotal: subtotalOf(ctx, plan, line), discount: 0, taxes: [] };
  });
  for (const coupon of couponsOf(ctx, plan)) {
    const off = offLines(ctx, coupon, lines);
    for (const [index, each] of lines.entries()) each.discount += off[index] ?? 0;
  }
  for (const each of lines) each.taxes = taxesOf(ctx, plan, each);
  return lines;
}

export interface Totals {
  subtotal: number;
  discount: number;
  shipping: number;
  tax: number;
  total: number;
}

/** The totals of lines and of the shipping that is chosen, the first of the options. */
export function totalsOf(
  lines: readonly PricedLine[],
  options: Stripe.Checkout.Session['shipping_options'] = [],
): Totals {
  const subtotal = sum(lines.map((each) => each.subtotal));
  const discount = sum(lines.map((each) => each.discount));
  const taxes = lines.flatMap((each) => each.taxes);
  const shipping = options[0]?.shipping_amount ?? 0;
  const total = subtotal - discount + onTop(taxes) + shipping;
  return { subtotal, discount, shipping, tax: taxed(taxes), total };
}

/** A line as `session.line_items` shows it. */
export function lineItem(
  ctx: Context,
  { line, price, subtotal, discount, taxes }: PricedLine,
): Stripe.LineItem {
  const product = ctx.store.find('product', idOf(price.product));
  return {
    id: line.id,
    object: 'item',
    adjustable_quantity: line.adjustable,
    amount_discount: discount,
    amount_subtotal: subtotal,
    amount_tax: taxed(taxes),
    amount_total: subtotal - discount + onTop(taxes),
    currency: price.currency,
    description: product?.name ?? null,
    metadata: line.metadata,
    price: ctx.store.need('price', line.price),
    quantity: line.quantity,
  };
}
