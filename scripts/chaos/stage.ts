import { randomBytes } from 'node:crypto';
import { Stripe } from 'stripe';
import { advanceDays } from '../testing/clock.ts';
import type { StripeEvent, Who } from './host.ts';

export interface StageOptions {
  /** Address of the emulator. */
  apiBase: string;
  secretKey: string;
  /** What is sold; null makes a monthly price. */
  price: string | null;
}

/** A customer on a test clock of their own, and what has happened to them. */
export interface Life extends Who {
  stripe: Stripe;
  subscribe: (params?: Partial<Stripe.SubscriptionCreateParams>) => Promise<Stripe.Subscription>;
  /** Replaces the card that is charged. */
  useCard: (card: string) => Promise<void>;
  payOpenInvoices: () => Promise<void>;
  days: (days: number) => Promise<void>;
  /** The events since the last call, in the order in which they were made. */
  news: () => Promise<StripeEvent[]>;
}

/** The account that the lives are played in. */
export interface Stage {
  life: (user: string) => Promise<Life>;
  /** The next read of a subscription is answered late, with what was true when it was asked. */
  holdNextRead: (ms: number) => Promise<void>;
  /** Takes back what no read has met. */
  calm: () => Promise<void>;
  /** Gives the account back as it was. */
  leave: () => Promise<void>;
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const { hostname: host, port } = new URL(options.apiBase);
  const stripe = new Stripe(options.secretKey, { host, port, protocol: 'http', telemetry: false });
  const headers = { authorization: `Bearer ${options.secretKey}` };
  const faults = `${options.apiBase}/_emulator/faults`;
  const price = options.price ?? (await makePrice(stripe));
  // Only what is sent on purpose reaches the handler.
  const endpoints = (await stripe.webhookEndpoints.list({ limit: 100 })).data.filter(
    ({ status }) => status === 'enabled',
  );
  const disable = (disabled: boolean) =>
    Promise.all(endpoints.map(({ id }) => stripe.webhookEndpoints.update(id, { disabled })));
  await disable(true);

  return {
    life: (user) => beginLife({ ...options, price }, stripe, user),
    async holdNextRead(ms) {
      const fault = {
        type: 'late_answer',
        path: '/v1/subscriptions*',
        method: 'GET',
        times: 1,
        ms,
      };
      await fetch(faults, { method: 'POST', headers, body: JSON.stringify(fault) });
    },
    calm: async () => void (await fetch(faults, { method: 'DELETE', headers })),
    leave: async () => void (await disable(false)),
  };
}

async function makePrice(stripe: Stripe): Promise<string> {
  const product = await stripe.products.create({ name: 'Chaos' });
  const price = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 2000,
    recurring: { interval: 'month' },
  });
  return price.id;
}

async function beginLife(
  options: StageOptions & { price: string },
  stripe: Stripe,
  name: string,
): Promise<Life> {
  const user = `${name}_${randomBytes(4).toString('hex')}`;
  const clock = await stripe.testHelpers.testClocks.create({
    frozen_time: Math.floor(Date.now() / 1000),
  });
  const customer = await stripe.customers.create({
    test_clock: clock.id,
    email: `${user}@example.com`,
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
    metadata: { user_id: user },
  });
  const seen = new Set<string>();
  return {
    stripe,
    customer: customer.id,
    user,
    subscribe: (params = {}) =>
      stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: options.price }],
        metadata: { user_id: user },
        ...params,
      }),
    async useCard(card) {
      const method = await stripe.paymentMethods.attach(card, { customer: customer.id });
      await stripe.customers.update(customer.id, {
        invoice_settings: { default_payment_method: method.id },
      });
    },
    async payOpenInvoices() {
      const open = await stripe.invoices.list({ customer: customer.id, status: 'open' });
      for (const { id } of open.data) await stripe.invoices.pay(id ?? '');
    },
    days: async (days) => void (await advanceDays(stripe, clock.id, days)),
    async news() {
      const all = await eventsOf(options, customer.id);
      const fresh = all.filter(({ id }) => !seen.has(id));
      for (const { id } of fresh) seen.add(id);
      return fresh;
    },
  };
}

/** As the API answers them, which is what their webhooks say. */
async function eventsOf(options: StageOptions, customer: string): Promise<StripeEvent[]> {
  const found: StripeEvent[] = [];
  for (let after = ''; ;) {
    const page = await fetch(`${options.apiBase}/v1/events?limit=100${after}`, {
      headers: { authorization: `Bearer ${options.secretKey}` },
    });
    const { data, has_more } = (await page.json()) as { data: StripeEvent[]; has_more: boolean };
    for (const event of data) {
      const { object } = event.data;
      // The customer's first event is the oldest that concerns them.
      if (object['id'] === customer && event.type === 'customer.created') return found.toReversed();
      if (object['customer'] === customer) found.push(event);
    }
    const last = data.at(-1);
    if (!has_more || last === undefined) return found.toReversed();
    after = `&starting_after=${last.id}`;
  }
}
