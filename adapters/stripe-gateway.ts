import { catalogueCalls } from './stripe-gateway/catalogue.ts';
import { checkoutCalls } from './stripe-gateway/checkout.ts';
import { createStripeClient, type GatewayOptions } from './stripe-gateway/client.ts';
import { customerCalls } from './stripe-gateway/customers.ts';
import { eventCalls } from './stripe-gateway/events.ts';
import { invoiceCalls } from './stripe-gateway/invoices.ts';
import { subscriptionCalls } from './stripe-gateway/subscriptions.ts';

export { API_VERSION, type GatewayOptions } from './stripe-gateway/client.ts';
export { GatewayError, isGatewayError, type GatewayErrorKind } from './stripe-gateway/errors.ts';

/**
 * The only way to Stripe: thin named calls over the SDK. Each throws a GatewayError and nothing
 * else. Whatever a job may run again takes an idempotency key.
 */
export function createStripeGateway(options: GatewayOptions) {
  const stripe = createStripeClient(options);
  return {
    ...catalogueCalls(stripe),
    ...checkoutCalls(stripe),
    ...customerCalls(stripe),
    ...eventCalls(stripe),
    ...invoiceCalls(stripe),
    ...subscriptionCalls(stripe),
  };
}

export type StripeGateway = ReturnType<typeof createStripeGateway>;
