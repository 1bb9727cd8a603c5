import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';
import { verified, webhookSink, type WebhookSink } from './webhook-sink.ts';

const VERSIONS = [
  '2026-10-28.endive',
  '2026-08-26.dahlia',
  '2025-11-17.clover',
  '2025-06-30.basil',
  '2024-04-10',
  '2020-03-02',
] as const;
type Shape = Record<string, unknown>;

let account: EmulatedAccount;
let stripe: Stripe;
const sinks = new Map<string, WebhookSink>();

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
  for (const version of VERSIONS) {
    const sink = await webhookSink();
    sinks.set(version, sink);
    const params = { url: sink.url, enabled_events: ['*' as const], api_version: version };
    const made = await account.cli('/v1/webhook_endpoints', {
      url: params.url,
      'enabled_events[]': '*',
      api_version: version,
    });
    secrets.set(version, String(made.body['secret']));
  }
  const product = await stripe.products.create({
    name: 'Plan',
    marketing_features: [{ name: 'Fast' }],
  });
  const price = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 2000,
    recurring: { interval: 'month' },
  });
  const coupon = await stripe.coupons.create({
    id: 'QUARTER',
    percent_off: 25,
    duration: 'forever',
  });
  await stripe.promotionCodes.create({
    promotion: { type: 'coupon', coupon: coupon.id },
    code: 'Q',
  });
  const customer = await stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: price.id, quantity: 2 }],
    discounts: [{ coupon: coupon.id }],
    metadata: { uid: '7' },
  });
  await stripe.subscriptions.update(subscription.id, {
    items: [{ id: subscription.items.data[0]?.id, quantity: 3 }],
  });
});
afterAll(async () => {
  for (const sink of sinks.values()) await sink.close();
  await account.close();
});
const secrets = new Map<string, string>();

/** The first event of a type as the endpoint of a version received it. */
async function received(
  version: string,
  type: string,
): Promise<{ version: unknown; object: Shape; previous: Shape }> {
  const sink = sinks.get(version);
  if (sink === undefined) throw new Error(version);
  const [first] = await sink.waitFor(1, (each) => each.type === type);
  if (first === undefined) throw new Error(type);
  verified(first, secrets.get(version) ?? '');
  const body: { api_version: unknown; data: { object: Shape; previous_attributes?: Shape } } =
    JSON.parse(first.body);
  return {
    version: body.api_version,
    object: body.data.object,
    previous: body.data.previous_attributes ?? {},
  };
}

const BASIL_OR_LATER = VERSIONS.filter((version) => version >= '2025-03-31');
const OLDER = VERSIONS.filter((version) => version < '2025-03-31');

describe('events in the shape of the endpoint', () => {
  it.each(VERSIONS)('name their version: %s', async (version) => {
    expect((await received(version, 'customer.subscription.created')).version).toBe(version);
  });

  it.each(BASIL_OR_LATER)(
    '%s keeps periods on the items and the subscription under parent',
    async (version) => {
      const { object: subscription } = await received(version, 'customer.subscription.created');
      expect(subscription).not.toHaveProperty('current_period_end');
      expect(subscription).toMatchObject({
        items: { data: [{ current_period_end: expect.any(Number) }] },
      });
      const { object: invoice } = await received(version, 'invoice.paid');
      expect(invoice).toMatchObject({
        parent: {
          subscription_details: { subscription: subscription['id'], metadata: { uid: '7' } },
        },
      });
      expect(invoice).not.toHaveProperty('paid');
    },
  );

  it.each(OLDER)('%s has the old places', async (version) => {
    const { object: subscription } = await received(version, 'customer.subscription.created');
    expect(subscription).toMatchObject({
      current_period_start: expect.any(Number),
      current_period_end: expect.any(Number),
      quantity: 2,
      plan: { amount: 2000 },
    });
    expect(subscription).toMatchObject({
      discount: { coupon: { id: 'QUARTER', percent_off: 25 } },
    });
    const { object: invoice } = await received(version, 'invoice.paid');
    expect(invoice).toMatchObject({
      subscription: subscription['id'],
      paid: true,
      subscription_details: { metadata: { uid: '7' } },
    });
    expect(invoice['payment_intent']).toMatch(/^pi_/);
    expect(invoice['charge']).toMatch(/^ch_/);
    expect(invoice).not.toHaveProperty('parent');
    expect(invoice).toMatchObject({
      lines: {
        data: [
          {
            type: 'subscription',
            proration: false,
            price: { unit_amount: 2000 },
            plan: { amount: 2000 },
          },
        ],
      },
    });
    const { object: intent } = await received(version, 'payment_intent.succeeded');
    expect(intent['invoice']).toBe(invoice['id']);
    const { object: code } = await received(version, 'promotion_code.created');
    expect(code).toMatchObject({ coupon: { id: 'QUARTER' } });
  });

  it('dates the move of the coupon to clover', async () => {
    expect((await received('2025-06-30.basil', 'promotion_code.created')).object).toMatchObject({
      coupon: { id: 'QUARTER' },
    });
    expect((await received('2025-11-17.clover', 'promotion_code.created')).object).toMatchObject({
      promotion: { coupon: 'QUARTER' },
    });
  });

  it('names product features and charges by their old names in 2020', async () => {
    expect((await received('2020-03-02', 'product.created')).object).toMatchObject({
      features: [{ name: 'Fast' }],
    });
    const { object: intent } = await received('2020-03-02', 'payment_intent.succeeded');
    expect(intent).toMatchObject({ charges: { object: 'list', total_count: 1 } });
    expect(intent).not.toHaveProperty('latest_charge');
  });

  it('previous_attributes name the keys of the version', async () => {
    const { previous: now } = await received('2026-10-28.endive', 'customer.subscription.updated');
    const { previous: old } = await received('2024-04-10', 'customer.subscription.updated');
    expect(now).not.toHaveProperty('quantity');
    expect(now).toMatchObject({ items: { data: [{ quantity: 2 }] } });
    expect(old).toMatchObject({ quantity: 2, items: { data: [{ quantity: 2 }] } });
  });
});

describe('answers in the shape of the call', () => {
  async function shown(version: string, path: string): Promise<Shape> {
    const headers = { Authorization: `Bearer ${account.key}`, 'Stripe-Version': version };
    const answer = await fetch(`${account.emulator.url}${path}`, { headers });
    expect(answer.headers.get('stripe-version')).toBe(version);
    const body: Shape = JSON.parse(await answer.text());
    return body;
  }
  async function subscriptionPath(): Promise<string> {
    const [subscription] = (await stripe.subscriptions.list({ limit: 1 })).data;
    return `/v1/subscriptions/${subscription?.id ?? ''}`;
  }

  it('keep to the types in the newest version, and show what Stripe also sends in older ones', async () => {
    const path = await subscriptionPath();
    expect(Object.keys(await shown('2026-10-28.endive', path))).not.toContain('quantity');
    expect(await shown('2026-03-25.dahlia', path)).toMatchObject({
      quantity: expect.any(Number),
      plan: { amount: 2000 },
      items: { total_count: 1 },
    });
  });

  it('E-11: show what was only added later, in every version', async () => {
    const path = await subscriptionPath();
    for (const version of ['2020-08-27', '2024-06-20', '2025-10-29.clover', '2026-03-25.dahlia']) {
      const subscription = await shown(version, path);
      expect(subscription).toHaveProperty('billing_schedules');
      expect(subscription).toHaveProperty('customer_account');
    }
  });

  it('expand the fields of the version', async () => {
    const path = `${await subscriptionPath()}?expand[]=latest_invoice.payment_intent`;
    expect(await shown('2024-04-10', path)).toMatchObject({
      current_period_end: expect.any(Number),
      latest_invoice: { paid: true, payment_intent: { status: 'succeeded' } },
    });
    expect(await shown('2025-06-30.basil', path)).toMatchObject({
      error: {
        message: 'This property cannot be expanded (latest_invoice.payment_intent).',
      },
    });
  });
});
