import type Stripe from 'stripe';
import type { OwnerMark, OwnerMetadata } from './client.ts';
import { call } from './errors.ts';

export interface NewCustomer {
  userId: string;
  testClock: string | null;
}

export interface CustomerDetails {
  email: string | null;
  name: string | null;
}

/** Customers and their payment methods. */
export function customerCalls(
  stripe: Stripe,
  { owner, mark }: { owner: OwnerMetadata; mark: OwnerMark },
) {
  return {
    /** `wasMade`: an earlier request with this key made it. */
    createCustomer: async (
      input: NewCustomer,
      idempotencyKey: string,
    ): Promise<{ id: string; wasMade: boolean }> => {
      const { id, lastResponse } = await call(() =>
        stripe.customers.create(
          { test_clock: input.testClock ?? undefined, metadata: owner(input.userId) },
          { idempotencyKey },
        ),
      );
      return { id, wasMade: lastResponse.headers['idempotent-replayed'] === 'true' };
    },

    updateCustomer: (id: string, details: CustomerDetails): Promise<Stripe.Customer> =>
      call(() =>
        stripe.customers.update(id, {
          email: details.email ?? undefined,
          name: details.name ?? undefined,
        }),
      ),

    /** Writes whose it is, under keys of our own; what other programs wrote stays. */
    markCustomer: (id: string, accountId: string): Promise<Stripe.Customer> =>
      call(() => stripe.customers.update(id, { metadata: mark(accountId) })),

    /** The customer, or Stripe's stub with `deleted: true`. */
    retrieveCustomer: (id: string): Promise<Stripe.Customer | Stripe.DeletedCustomer> =>
      call(() =>
        stripe.customers.retrieve(id, { expand: ['invoice_settings.default_payment_method'] }),
      ),

    retrievePaymentMethod: (id: string): Promise<Stripe.PaymentMethod> =>
      call(() => stripe.paymentMethods.retrieve(id)),
  };
}

export type CustomerCalls = ReturnType<typeof customerCalls>;
