import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import { itemOf, traveller, utc } from './clock.ts';
import { emulatedAccount, idIn, postForm, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
});
afterAll(() => account.close());

describe('E-20: changes in the portal that wait for the end of the period', () => {
  async function sold() {
    const product = await stripe.products.create({ name: 'Plan' });
    const price = (unit_amount: number, interval: 'month' | 'year') =>
      stripe.prices.create({
        product: product.id,
        currency: 'usd',
        unit_amount,
        recurring: { interval },
      });
    const prices = {
      small: (await price(1000, 'month')).id,
      big: (await price(3000, 'month')).id,
      bigger: (await price(5000, 'month')).id,
    };
    const configuration = await stripe.billingPortal.configurations.create({
      features: {
        subscription_update: {
          enabled: true,
          default_allowed_updates: ['price'],
          proration_behavior: 'always_invoice',
          products: [{ product: product.id, prices: Object.values(prices) }],
          schedule_at_period_end: { conditions: [{ type: 'decreasing_item_amount' }] },
        },
      },
    });
    const { customer, to } = await traveller(stripe, '2026-04-01');
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: prices.big }],
    });
    await to('2026-04-16');
    const session = await stripe.billingPortal.sessions.create({
      customer: customer.id,
      configuration: configuration.id,
      return_url: 'https://a.test/',
    });
    const choose = (to: string) =>
      postForm(
        new URL(`/p/session/${session.id}/subscriptions/${subscription.id}/update`, session.url)
          .href,
        { price: to },
      );
    return { prices, subscription, choose, to };
  }

  it('a downgrade becomes a schedule', async () => {
    const { prices, subscription, choose, to } = await sold();
    expect((await choose(prices.small)).status).toBe(303);
    const waiting = await stripe.subscriptions.retrieve(subscription.id);
    expect(itemOf(waiting).price.id).toBe(prices.big);
    const schedule = await stripe.subscriptionSchedules.retrieve(idIn(waiting.schedule));
    expect(schedule.phases).toMatchObject([
      { items: [{ price: prices.big }], end_date: utc('2026-05-01') },
      { items: [{ price: prices.small }], start_date: utc('2026-05-01') },
    ]);
    await to('2026-05-01T02:00:00');
    expect(itemOf(await stripe.subscriptions.retrieve(subscription.id)).price.id).toBe(
      prices.small,
    );
  });

  it('an upgrade happens at once', async () => {
    const { prices, subscription, choose } = await sold();
    await choose(prices.bigger);
    const after = await stripe.subscriptions.retrieve(subscription.id);
    expect([itemOf(after).price.id, after.schedule]).toEqual([prices.bigger, null]);
  });
});
