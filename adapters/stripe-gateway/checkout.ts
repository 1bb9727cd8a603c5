import type Stripe from 'stripe';
import { call } from './errors.ts';
import type { OwnerMetadata } from './client.ts';

/** How a page of Checkout looks, where it leads, and what it asks for. */
export interface CheckoutPage {
  /** One of Stripe's; null is that of the browser. */
  locale: string | null;
  successUrl: string;
  cancelUrl: string;
  /** The host's own. */
  metadata: Record<string, string>;
  /** Asks for a promotion code, unless one is there. */
  promotionCodes: boolean;
  /** Asks for a tax id. */
  taxIds: boolean;
}

export interface SubscriptionCheckout {
  page: CheckoutPage;
  customerId: string;
  userId: string;
  priceId: string;
  /** Null for metered prices, which take no quantity. */
  quantity: number | null;
  /** Metered prices that come with it. */
  meterPrices: string[];
  addons: { price: string; quantity: number }[];
  /** Null for the one that Stripe chooses: that of the customer, or of the price. */
  currency: string | null;
  /** Null when this customer gets no trial. */
  trialDays: number | null;
  trialEnd: 'cancel' | 'pause';
  promotionCodeId: string | null;
  automaticTax: boolean;
  /** Kept in the session's metadata, to know the same checkout again. */
  wish: string;
}

export interface PortalRequest {
  customerId: string;
  returnUrl: string;
  /** Null is the one that was saved in the Dashboard. */
  configuration: string | null;
  flow: Stripe.BillingPortal.SessionCreateParams.FlowData | null;
}

/** Pages that Stripe hosts: Checkout and the billing portal. */
export function checkoutCalls(stripe: Stripe, ownerMetadata: OwnerMetadata) {
  return {
    createSubscriptionCheckout: (
      input: SubscriptionCheckout,
      idempotencyKey: string,
    ): Promise<Stripe.Checkout.Session> =>
      call(() =>
        stripe.checkout.sessions.create(subscriptionParams(input, ownerMetadata(input.userId)), {
          idempotencyKey,
        }),
      ),

    retrieveCheckout: (id: string): Promise<Stripe.Checkout.Session> =>
      call(() => stripe.checkout.sessions.retrieve(id)),

    /** With the payment, which names its charge. */
    retrievePaidCheckout: (id: string): Promise<Stripe.Checkout.Session> =>
      call(() =>
        stripe.checkout.sessions.retrieve(id, { expand: ['payment_intent.latest_charge'] }),
      ),

    /** The sessions that a subscription was bought in: one, or none. */
    checkoutsOf: async (subscriptionId: string): Promise<Stripe.Checkout.Session[]> =>
      (await call(() => stripe.checkout.sessions.list({ subscription: subscriptionId, limit: 10 })))
        .data,

    /** Sessions of this customer that can still be paid, newest first. */
    openCheckouts: (customerId: string): Promise<Stripe.Checkout.Session[]> =>
      call(() =>
        stripe.checkout.sessions
          .list({ customer: customerId, status: 'open', limit: 100 })
          .autoPagingToArray({ limit: 500 }),
      ),

    /** The newest paid or payment-pending sessions of this customer; at most 100. */
    completedCheckouts: async (customerId: string): Promise<Stripe.Checkout.Session[]> =>
      (
        await call(() =>
          stripe.checkout.sessions.list({ customer: customerId, status: 'complete', limit: 100 }),
        )
      ).data,

    /** Fails as `invalid` when the session is complete or expired already. */
    expireCheckout: (id: string): Promise<Stripe.Checkout.Session> =>
      call(() => stripe.checkout.sessions.expire(id)),

    createPortalSession: (input: PortalRequest): Promise<Stripe.BillingPortal.Session> =>
      call(() =>
        stripe.billingPortal.sessions.create({
          customer: input.customerId,
          return_url: input.returnUrl,
          configuration: input.configuration ?? undefined,
          flow_data: input.flow ?? undefined,
        }),
      ),
  };
}

function subscriptionParams(
  input: SubscriptionCheckout,
  owner: Record<string, string>,
): Stripe.Checkout.SessionCreateParams {
  const { page } = input;
  const metadata = { ...page.metadata, ...owner, wish: input.wish };
  const trial = input.trialDays === null ? {} : trialParams(input.trialDays, input.trialEnd);
  return {
    mode: 'subscription',
    customer: input.customerId,
    client_reference_id: input.userId,
    line_items: [
      { price: input.priceId, quantity: input.quantity ?? undefined },
      ...input.addons,
      ...input.meterPrices.map((price) => ({ price })),
    ],
    currency: input.currency ?? undefined,
    discounts: input.promotionCodeId ? [{ promotion_code: input.promotionCodeId }] : undefined,
    ...pageParams(page, { hasCode: input.promotionCodeId !== null }),
    ...taxParams(input.automaticTax, page.taxIds),
    subscription_data: { metadata: { ...page.metadata, ...owner }, ...trial },
    metadata,
  };
}

/** What a page says of itself. Stripe takes a code or asks for one. */
export function pageParams(
  { locale, promotionCodes, successUrl, cancelUrl }: CheckoutPage,
  { hasCode }: { hasCode: boolean },
): Partial<Stripe.Checkout.SessionCreateParams> {
  return {
    success_url: successUrl,
    cancel_url: cancelUrl,
    ...(locale === null ? {} : { locale }),
    ...(promotionCodes && !hasCode ? { allow_promotion_codes: true } : {}),
  };
}

/** Stripe Tax needs an address; Checkout asks for it and keeps it with the customer. */
export function taxParams(
  automatic: boolean,
  taxIds: boolean,
): Partial<Stripe.Checkout.SessionCreateParams> {
  if (!automatic) {
    // A tax id comes with the name that it is registered under.
    return taxIds
      ? { tax_id_collection: { enabled: true }, customer_update: { name: 'auto' } }
      : {};
  }
  return {
    automatic_tax: { enabled: true },
    billing_address_collection: 'required',
    customer_update: { address: 'auto', name: 'auto' },
    tax_id_collection: { enabled: true },
  };
}

function trialParams(
  days: number,
  whenUnpayable: 'cancel' | 'pause',
): Partial<Stripe.Checkout.SessionCreateParams.SubscriptionData> {
  return {
    trial_period_days: days,
    trial_settings: { end_behavior: { missing_payment_method: whenUnpayable } },
  };
}

export type CheckoutCalls = ReturnType<typeof checkoutCalls>;
