import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import { invoiceOf, itemOf, recurringPrice, traveller } from './clock.ts';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
});
afterAll(() => account.close());

const MODES = ['classic', 'flexible'] as const;
const amounts = (invoice: Stripe.Invoice) => invoice.lines.data.map((line) => line.amount);

async function half(params: Partial<Stripe.SubscriptionCreateParams> & { price: string }) {
  const { price, ...rest } = params;
  const coupon = await stripe.coupons.create({ percent_off: 50, duration: 'forever' });
  const { customer, to } = await traveller(stripe, '2026-04-01');
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price }],
    discounts: [{ coupon: coupon.id }],
    ...rest,
  });
  await to('2026-04-16');
  return { subscription, to };
}

/** The same change, asked for and then made. */
async function quoted(
  subscription: Stripe.Subscription,
  change: Pick<Stripe.SubscriptionUpdateParams, 'items'>,
): Promise<Stripe.Invoice> {
  const proration_behavior = 'always_invoice';
  const quote = await stripe.invoices.createPreview({
    subscription: subscription.id,
    subscription_details: { items: change.items, proration_behavior },
  });
  const after = await stripe.subscriptions.update(subscription.id, {
    ...change,
    proration_behavior,
    expand: ['latest_invoice'],
  });
  const invoice = invoiceOf(after);
  expect(amounts(quote)).toEqual(amounts(invoice));
  expect([quote.subtotal, quote.total]).toEqual([invoice.subtotal, invoice.total]);
  return invoice;
}

describe.each(MODES)('E-1: prorations are net of discounts, %s', (type) => {
  it('20.00 to 50.00 under half off, at half a month, is -5.00 and 12.50', async () => {
    const [low, high] = [await recurringPrice(stripe, 2000), await recurringPrice(stripe, 5000)];
    const { subscription } = await half({ price: low, billing_mode: { type } });
    const invoice = await quoted(subscription, {
      items: [{ id: itemOf(subscription).id, price: high }],
    });
    expect(amounts(invoice)).toEqual([-500, 1250]);
    expect(invoice.total).toBe(750);
    expect(invoice.total_discount_amounts).toEqual([]);
  });

  it('a second seat at half a month is 5.00, and the way back gives 5.00', async () => {
    const price = await recurringPrice(stripe, 2000);
    const { subscription } = await half({ price, billing_mode: { type } });
    const { id } = itemOf(subscription);
    const up = await quoted(subscription, { items: [{ id, quantity: 2 }] });
    expect(up.total).toBe(500);
    const down = await quoted(subscription, { items: [{ id, quantity: 1 }] });
    expect(down.total).toBe(-500);
  });

  it('canceling at half a month gives half of what was paid', async () => {
    const price = await recurringPrice(stripe, 2000);
    const { subscription } = await half({ price, billing_mode: { type } });
    const ended = await stripe.subscriptions.cancel(subscription.id, {
      prorate: true,
      invoice_now: true,
      expand: ['latest_invoice'],
    });
    expect(invoiceOf(ended).total).toBe(-500);
  });

  it("Stripe's example: 5.00 off 10.00 and 20.00, the 10.00 deleted at half", async () => {
    const coupon = await stripe.coupons.create({
      amount_off: 500,
      currency: 'usd',
      duration: 'forever',
    });
    const [ten, twenty] = [await recurringPrice(stripe, 1000), await recurringPrice(stripe, 2000)];
    const { customer, to } = await traveller(stripe, '2026-04-01');
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: ten }, { price: twenty }],
      discounts: [{ coupon: coupon.id }],
      billing_mode: { type },
    });
    await to('2026-04-16');
    const invoice = await quoted(subscription, {
      items: [{ id: itemOf(subscription).id, deleted: true }],
    });
    expect(invoice.total).toBe({ classic: -250, flexible: -417 }[type]);
  });
});

describe('E-1: how discounts of prorations are shown', () => {
  it('included: net amounts, and the discounts named with 0', async () => {
    const [low, high] = [await recurringPrice(stripe, 2000), await recurringPrice(stripe, 5000)];
    const { subscription } = await half({ price: low });
    const invoice = await quoted(subscription, {
      items: [{ id: itemOf(subscription).id, price: high }],
    });
    for (const line of invoice.lines.data)
      expect(line.discount_amounts?.map((share) => share.amount)).toEqual([0]);
    const items = await stripe.invoiceItems.list({ invoice: invoice.id });
    expect(items.data.map((item) => [item.amount, item.net_amount])).toEqual([
      [1250, 1250],
      [-500, -500],
    ]);
  });

  it('itemized: gross amounts with what is off them', async () => {
    const [low, high] = [await recurringPrice(stripe, 2000), await recurringPrice(stripe, 5000)];
    const { subscription } = await half({
      price: low,
      billing_mode: { type: 'flexible', flexible: { proration_discounts: 'itemized' } },
    });
    const invoice = await quoted(subscription, {
      items: [{ id: itemOf(subscription).id, price: high }],
    });
    expect(amounts(invoice)).toEqual([-1000, 2500]);
    expect(
      invoice.lines.data.map((line) => line.discount_amounts?.map((share) => share.amount)),
    ).toEqual([[-500], [1250]]);
    expect(invoice.subtotal).toBe(1500);
    expect(invoice.total).toBe(750);
    expect(invoice.total_discount_amounts?.map((share) => share.amount)).toEqual([750]);
    const items = await stripe.invoiceItems.list({ invoice: invoice.id });
    expect(items.data.map((item) => [item.amount, item.net_amount])).toEqual([
      [2500, 1250],
      [-1000, -500],
    ]);
  });
});
