import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import { invalidRequest } from '../../kernel/errors.ts';
import type { Choices } from '../../resources/checkout-choices.ts';
import { createShippingRate } from '../../resources/shipping-rates.ts';

type Session = Stripe.Checkout.Session;

/** The shipping options of a session; Errors: 400 for an unknown, inactive or foreign rate. */
export function shippingOptions(
  ctx: Context,
  given: Choices['shipping_options'],
  session: { mode: string; currency: string | null },
): Session['shipping_options'] {
  if (given === undefined || given.length === 0) return [];
  if (session.mode !== 'payment')
    throw invalidRequest('`shipping_options` can only be used in `payment` mode.', {
      param: 'shipping_options',
    });
  return given.map((option, index) => {
    const at = `shipping_options[${index}]`;
    const rate =
      option.shipping_rate_data === undefined
        ? ctx.store.need('shipping_rate', option.shipping_rate ?? '', `${at}[shipping_rate]`)
        : createShippingRate(ctx, option.shipping_rate_data);
    const amount = amountIn(rate, session.currency);
    if (!rate.active || amount === undefined)
      throw invalidRequest(
        rate.active
          ? `The shipping rate \`${rate.id}\` has no amount in \`${session.currency ?? ''}\`.`
          : `The shipping rate \`${rate.id}\` is not active.`,
        { param: `${at}[shipping_rate]` },
      );
    return { shipping_amount: amount, shipping_rate: rate.id };
  });
}

function amountIn(rate: Stripe.ShippingRate, currency: string | null): number | undefined {
  const fixed = rate.fixed_amount;
  if (fixed?.currency === currency) return fixed?.amount;
  return currency === null ? undefined : fixed?.currency_options?.[currency]?.amount;
}

/** What shipping costs: the first option, until another is chosen. */
export function shippingCost(options: Session['shipping_options']): Session['shipping_cost'] {
  const [first] = options;
  if (first === undefined) return null;
  const { shipping_amount: amount, shipping_rate } = first;
  return { amount_subtotal: amount, amount_tax: 0, amount_total: amount, shipping_rate };
}
