import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import { emulatedAccount, idIn, refusal, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;
let product: string;
let shirt: string;
let customer: string;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
  product = (await stripe.products.create({ name: 'Shirt' })).id;
  shirt = (await stripe.prices.create({ product, currency: 'usd', unit_amount: 1500 })).id;
});
afterAll(() => account.close());
beforeEach(async () => {
  customer = (
    await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    })
  ).id;
});

const draft = () => stripe.invoices.create({ customer, currency: 'usd' });
const amounts = (invoice: Stripe.Invoice) => invoice.lines.data.map((line) => line.amount);

describe('the lines of a draft', () => {
  it('are added, changed and removed, and the totals follow', async () => {
    const { id } = await draft();
    const made = await stripe.invoices.addLines(id, {
      lines: [
        { amount: 700, description: 'Setup' },
        { pricing: { price: shirt }, quantity: 2 },
      ],
    });
    expect(amounts(made)).toEqual([3000, 700]);
    expect(made).toMatchObject({ total: 3700, amount_due: 3700 });
    const [shirts, setup] = made.lines.data;
    const changed = await stripe.invoices.updateLineItem(id, shirts?.id ?? '', {
      quantity: 3,
      description: 'Three shirts',
    });
    expect(changed).toMatchObject({ amount: 4500, quantity: 3, description: 'Three shirts' });
    const both = await stripe.invoices.updateLines(id, {
      lines: [{ id: setup?.id ?? '', amount: 900 }],
      invoice_metadata: { seen: 'yes' },
    });
    expect(both).toMatchObject({ total: 5400, metadata: { seen: 'yes' } });
    const less = await stripe.invoices.removeLines(id, {
      lines: [{ id: setup?.id ?? '', behavior: 'delete' }],
    });
    expect(amounts(less)).toEqual([4500]);
    expect(await account.eventTypes()).toContain('invoice.updated');
  });

  it('that are unassigned wait for the next invoice', async () => {
    const { id } = await draft();
    const made = await stripe.invoices.addLines(id, { lines: [{ amount: 700 }] });
    await stripe.invoices.removeLines(id, {
      lines: [{ id: made.lines.data[0]?.id ?? '', behavior: 'unassign' }],
    });
    const next = await stripe.invoices.create({
      customer,
      pending_invoice_items_behavior: 'include',
    });
    expect(amounts(next)).toEqual([700]);
  });

  it('cannot be edited once the invoice is final', async () => {
    const { id } = await draft();
    await stripe.invoices.addLines(id, { lines: [{ amount: 700 }] });
    await stripe.invoices.finalizeInvoice(id);
    const refused = await refusal(stripe.invoices.addLines(id, { lines: [{ amount: 1 }] }));
    expect(refused).toMatchObject({ statusCode: 400, code: 'invoice_not_editable' });
  });
});

describe('a plain amount', () => {
  it('has an inactive price behind it that no list shows', async () => {
    const item = await stripe.invoiceItems.create({
      customer,
      amount: 1234,
      currency: 'usd',
      description: 'Onboarding',
    });
    const id = idIn(item.pricing?.price_details?.price);
    const price = await stripe.prices.retrieve(id, { expand: ['product'] });
    expect(price).toMatchObject({
      active: false,
      unit_amount: 1234,
      product: { name: 'Onboarding', active: false },
    });
    const listed = await stripe.prices.list({ limit: 100 });
    expect(listed.data.map((each) => each.id)).not.toContain(id);
  });

  it('of an item discount is taken off before the subtotal', async () => {
    const coupon = await stripe.coupons.create({ percent_off: 50, duration: 'once' });
    const { id } = await draft();
    await stripe.invoiceItems.create({
      customer,
      invoice: id,
      amount: 1900,
      currency: 'usd',
      discounts: [{ coupon: coupon.id }],
    });
    const invoice = await stripe.invoices.retrieve(id);
    expect(invoice).toMatchObject({ subtotal: 950, total: 950, amount_due: 950 });
    expect(invoice.lines.data[0]).toMatchObject({
      amount: 1900,
      discount_amounts: [{ amount: 950 }],
    });
  });
});

describe('add_invoice_items', () => {
  const monthly = async () =>
    (
      await stripe.prices.create({
        product,
        currency: 'usd',
        unit_amount: 1000,
        recurring: { interval: 'month' },
      })
    ).id;

  it('ride on the first invoice, in front, for the period', async () => {
    const subscription = await stripe.subscriptions.create({
      customer,
      items: [{ price: await monthly() }],
      add_invoice_items: [{ price: shirt, quantity: 2 }],
      expand: ['latest_invoice'],
    });
    const invoice = subscription.latest_invoice;
    if (invoice === null || typeof invoice === 'string') throw new Error('it was not expanded');
    expect(invoice).toMatchObject({ total: 4000, status: 'paid' });
    expect(invoice.lines.data).toMatchObject([
      {
        amount: 3000,
        description: 'Shirt',
        period: { end: subscription.items.data[0]?.current_period_end },
        parent: { invoice_item_details: { subscription: subscription.id } },
      },
      { amount: 1000 },
    ]);
  });

  it('of an update wait for the next invoice', async () => {
    const subscription = await stripe.subscriptions.create({
      customer,
      items: [{ price: await monthly() }],
    });
    await stripe.subscriptions.update(subscription.id, { add_invoice_items: [{ price: shirt }] });
    const waiting = await stripe.invoiceItems.list({ customer, pending: true });
    expect(waiting.data).toMatchObject([
      { amount: 1500, parent: { subscription_details: { subscription: subscription.id } } },
    ]);
  });
});
