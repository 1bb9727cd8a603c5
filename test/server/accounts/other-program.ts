import type Stripe from 'stripe';
import { expect } from 'vitest';
import type { TestServer } from '../../support/server.ts';

interface LoggedRequest {
  id: string;
  method: string;
  path: string;
  requestBody: string;
}

/** Another program that sells in the same Stripe account, played by the SDK; it knows nothing of this server. */
export interface OtherProgram {
  /** A subscriber on a price of its own, with a card that works at first. */
  subscriber: (params?: Partial<Stripe.SubscriptionCreateParams>) => Promise<Subscriber>;
  /** Every call that this server made with an id of the program's objects in it. */
  touched: () => Promise<string[]>;
  /** That nothing of it was touched, mailed, counted or put into a history. */
  expectUntouched: () => Promise<void>;
}

export interface Subscriber {
  customerId: string;
  subscriptionId: string;
  useCard: (token: string) => Promise<void>;
}

const idOf = (object: string | { id: string }) => (typeof object === 'string' ? object : object.id);

export async function createOtherProgram(server: TestServer): Promise<OtherProgram> {
  const { stripe } = server;
  const ids = new Set<string>();
  const own = new Set<string>();
  stripe.on('response', (response: Stripe.ResponseEvent) => own.add(response.request_id));
  const product = await stripe.products.create({ name: 'Another program' });
  const price = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 9_900,
    recurring: { interval: 'month' },
  });

  async function touched(): Promise<string[]> {
    const response = await fetch(`${server.emulator.url}/_emulator/requests`, {
      headers: { authorization: `Bearer ${server.env['STRIPE_SECRET_KEY']}` },
    });
    const { data } = (await response.json()) as { data: LoggedRequest[] };
    return data
      .filter((request) => !own.has(request.id))
      .filter(({ path, requestBody }) =>
        [...ids].some((id) => path.includes(id) || requestBody?.includes(id)),
      )
      .map(({ method, path }) => `${method} ${path}`);
  }

  return {
    async subscriber(params = {}) {
      const customer = await stripe.customers.create({
        email: 'stranger@example.com',
        test_clock: server.env['STRIPE_TEST_CLOCK'],
        payment_method: 'pm_card_visa',
        invoice_settings: { default_payment_method: 'pm_card_visa' },
      });
      const subscription = await stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: price.id }],
        ...params,
      });
      const payer = idOf(subscription.customer);
      ids.add(subscription.id);
      if (payer === customer.id) ids.add(payer);
      return {
        customerId: payer,
        subscriptionId: subscription.id,
        async useCard(token) {
          const method = await stripe.paymentMethods.attach(token, { customer: payer });
          await stripe.customers.update(payer, {
            invoice_settings: { default_payment_method: method.id },
          });
        },
      };
    },
    touched,
    async expectUntouched() {
      await server.settled();
      expect(await touched()).toEqual([]);
      const { knex } = server.database;
      for (const id of ids) {
        expect(await knex('outbox').whereLike('payload', `%${id}%`)).toEqual([]);
        expect(await knex('transitions').where({ subscription_id: id })).toEqual([]);
        expect(await knex('trials').where({ subscription_id: id })).toEqual([]);
        expect(await knex('customers').where({ stripe_customer_id: id })).toEqual([]);
      }
    },
  };
}
