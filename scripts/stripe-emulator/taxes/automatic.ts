import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { p } from '../kernel/params.ts';

/** `automatic_tax` of a call. */
export const automaticTaxParam = p.obj({ enabled: p.required(p.bool), liability: p.ownAccount });

/** True when the customer's country is known, by the billing address or that of shipping. */
const located = (customer: Stripe.Customer): boolean =>
  (customer.address?.country ?? customer.shipping?.address?.country ?? null) !== null;

const liability = (enabled: boolean) => (enabled ? ({ type: 'self' } as const) : null);

/**
 * Automatic tax of a subscription. The account has no tax registrations, so nothing is collected anywhere.
 * Errors: 400 when the customer's country is unknown.
 */
export function subscriptionTax(
  ctx: Context,
  customer: string | { id: string },
  enabled: boolean,
): Stripe.Subscription.AutomaticTax {
  const id = typeof customer === 'string' ? customer : customer.id;
  if (enabled && !located(ctx.store.need('customer', id, 'customer')))
    throw invalidRequest(
      "The customer's location isn't recognized. Set a valid customer address in order to automatically calculate tax.",
      { code: 'customer_tax_location_invalid' },
    );
  return automaticTax(enabled);
}

/** Automatic tax of a subscription whose customer says elsewhere where it is. */
export const automaticTax = (enabled: boolean): Stripe.Subscription.AutomaticTax => ({
  disabled_reason: null,
  enabled,
  liability: liability(enabled),
});

/** Automatic tax of an invoice; `requires_location_inputs` while the customer's country is unknown. */
export function invoiceTax(
  customer: Stripe.Customer,
  enabled: boolean,
): Stripe.Invoice.AutomaticTax {
  return {
    disabled_reason: null,
    enabled,
    liability: liability(enabled),
    provider: enabled ? 'stripe' : null,
    status: !enabled ? null : located(customer) ? 'complete' : 'requires_location_inputs',
  };
}

/** Automatic tax of a Checkout Session: the page asks where the payer is. */
export function sessionTax(enabled: boolean, done: boolean): Stripe.Checkout.Session.AutomaticTax {
  return {
    enabled,
    liability: liability(enabled),
    provider: enabled ? 'stripe' : null,
    status: !enabled ? null : done ? 'complete' : 'requires_location_inputs',
  };
}
