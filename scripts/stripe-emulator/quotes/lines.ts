import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { lineItem, pricedLines, type PricedLine } from '../payments/checkout/amounts.ts';
import { priceOf } from '../payments/checkout/create-session.ts';
import type { LineValues } from '../resources/checkout-params.ts';
import type { CheckoutPlan, PlanLine } from '../payments/checkout/plan.ts';

type Given = {
  price?: string;
  price_data?: LineValues['price_data'];
  quantity?: number;
  adjustable_quantity?: { enabled: boolean; minimum?: number; maximum?: number };
  tax_rates?: string[];
};

/** Lines of a quote or a payment link, from its `line_items` parameter. */
export function linesFrom(ctx: Context, given: readonly Given[]): PlanLine[] {
  return given.map((entry, index) => {
    const at = `line_items[${index}]`;
    if (entry.price === undefined && entry.price_data === undefined) {
      throw invalidRequest(`Missing required param: ${at}[price].`, {
        param: `${at}[price]`,
        code: 'parameter_missing',
      });
    }
    const price = priceOf(ctx, entry, at);
    const adjustable = entry.adjustable_quantity;
    return {
      id: newId('li'),
      price: price.id,
      quantity: price.recurring?.usage_type === 'metered' ? null : (entry.quantity ?? 1),
      adjustable:
        adjustable?.enabled === true
          ? { enabled: true, minimum: adjustable.minimum ?? 0, maximum: adjustable.maximum ?? 99 }
          : null,
      metadata: {},
      ...(entry.tax_rates === undefined ? {} : { taxRates: entry.tax_rates }),
    };
  });
}

/** The lines with today's amounts; `discounts` as coupon or promotion code ids. */
export function priced(
  ctx: Context,
  lines: PlanLine[],
  discounts: CheckoutPlan['discounts'],
): PricedLine[] {
  return pricedLines(ctx, {
    lines,
    discounts,
    subscription: null,
    payment: {
      captureMethod: 'automatic',
      description: null,
      metadata: {},
      receiptEmail: null,
      setupFutureUsage: null,
      shipping: null,
    },
    customer: null,
    intent: null,
    method: null,
  });
}

/** The lines as `line_items` shows them. */
export function shownLines(ctx: Context, lines: readonly PricedLine[]): Stripe.LineItem[] {
  return lines.map((line) => lineItem(ctx, line));
}

/** What is kept beside an object that does not show its lines. */
export function keepLines(ctx: Context, owner: string, lines: readonly PlanLine[]): void {
  ctx.note('line_items', owner)['json'] = JSON.stringify(lines);
}

export function keptLines(ctx: Context, owner: string): PlanLine[] {
  const text = ctx.note('line_items', owner)['json'];
  const lines: PlanLine[] = typeof text === 'string' ? JSON.parse(text) : [];
  return lines;
}

/** True for a line whose price recurs. */
export function recurs(line: PricedLine): boolean {
  return line.price.recurring !== null;
}

/** The interval that a quote's recurring part has. */
export function intervalOf(
  lines: readonly PricedLine[],
): { interval: Stripe.Price.Recurring.Interval; interval_count: number } | null {
  return lines.find(recurs)?.price.recurring ?? null;
}
