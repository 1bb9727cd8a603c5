import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { nestedList } from '../kernel/lists.ts';
import type { Registry } from '../kernel/registry.ts';

/** What a customer shows only when the caller expands it. */
export function registerCustomerIncludes(registry: Registry): void {
  registry.includable('customer', 'subscriptions', (ctx, id) => {
    const live = ctx.store
      .by('subscription', 'customer', id)
      .filter((subscription) => !/canceled|incomplete_expired/.test(subscription.status));
    return nestedList(live.toReversed(), `/v1/customers/${id}/subscriptions`);
  });
  registry.includable('customer', 'sources', (ctx, id) =>
    nestedList(ctx.store.by('card', 'customer', id).toReversed(), `/v1/customers/${id}/sources`),
  );
  registry.includable('customer', 'tax', (ctx, id) => tax(ctx, ctx.store.need('customer', id)));
  registry.includable('customer', 'invoice_credit_balance', (ctx, id) => {
    // A credit is negative in `balance` and positive here.
    const { balance, currency } = ctx.store.need('customer', id);
    return currency === null || currency === undefined || balance === 0
      ? {}
      : { [currency]: -balance };
  });
}

/** Where the customer is for tax: known by the billing address, else by the address of shipping. */
function tax(ctx: Context, customer: Stripe.Customer): Stripe.Customer.Tax {
  const billing = customer.address?.country ?? null;
  const shipping = customer.shipping?.address?.country ?? null;
  const country = billing ?? shipping;
  const note = ctx.note('customer_tax', customer.id);
  const ip = typeof note['ip'] === 'string' ? note['ip'] : null;
  if (country === null)
    return {
      automatic_tax: 'unrecognized_location',
      ip_address: ip,
      location: null,
      provider: 'stripe',
    };
  const state = (billing === null ? customer.shipping?.address : customer.address)?.state ?? null;
  return {
    automatic_tax: 'not_collecting',
    ip_address: ip,
    location: {
      country,
      source: billing === null ? 'shipping_destination' : 'billing_address',
      state,
    },
    provider: 'stripe',
  };
}
