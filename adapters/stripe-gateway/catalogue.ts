import type Stripe from 'stripe';
import { call, isGatewayError } from './errors.ts';

export interface NewPrice {
  product: string;
  currency: string;
  /** Minor units. */
  unitAmount: number;
  interval: Stripe.PriceCreateParams.Recurring.Interval;
  lookupKey: string;
}

/** Products, prices and test clocks. */
export function catalogueCalls(stripe: Stripe) {
  return {
    retrievePrice: (id: string): Promise<Stripe.Price> =>
      call(() => stripe.prices.retrieve(id, { expand: ['tiers'] })),

    pricesByLookupKey: (keys: string[]): Promise<Stripe.Price[]> =>
      call(() =>
        stripe.prices.list({ lookup_keys: keys, limit: 100 }).autoPagingToArray({ limit: 100 }),
      ),

    createProduct: (name: string, idempotencyKey: string): Promise<Stripe.Product> =>
      call(() => stripe.products.create({ name }, { idempotencyKey })),

    createPrice: (input: NewPrice, idempotencyKey: string): Promise<Stripe.Price> =>
      call(() =>
        stripe.prices.create(
          {
            product: input.product,
            currency: input.currency,
            unit_amount: input.unitAmount,
            recurring: { interval: input.interval },
            lookup_key: input.lookupKey,
          },
          { idempotencyKey },
        ),
      ),

    createTestClock: (frozenTime: number, name: string): Promise<Stripe.TestHelpers.TestClock> =>
      call(() => stripe.testHelpers.testClocks.create({ frozen_time: frozenTime, name })),

    retrieveTestClock: (id: string): Promise<Stripe.TestHelpers.TestClock> =>
      call(() => stripe.testHelpers.testClocks.retrieve(id)),

    /** The newest clocks of a sandbox, a hundred at most: there are few, each is deleted after a month. */
    listTestClocks: async (): Promise<Stripe.TestHelpers.TestClock[]> =>
      (await call(() => stripe.testHelpers.testClocks.list({ limit: 100 }))).data,

    testClockExists: async (id: string): Promise<boolean> => {
      try {
        await call(() => stripe.testHelpers.testClocks.retrieve(id));
        return true;
      } catch (error) {
        if (isGatewayError(error, 'not_found')) return false;
        throw error;
      }
    },

    /** `frozenTime` in seconds; Stripe answers `advancing` and works on. */
    advanceTestClock: (id: string, frozenTime: number): Promise<Stripe.TestHelpers.TestClock> =>
      call(() => stripe.testHelpers.testClocks.advance(id, { frozen_time: frozenTime })),
  };
}

export type CatalogueCalls = ReturnType<typeof catalogueCalls>;
