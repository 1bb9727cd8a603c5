import type { Stripe } from 'stripe';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emulatedAccount, refusal, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;

beforeAll(async () => {
  account = await emulatedAccount();
});
afterAll(() => account.close());

/** All that the account holds, but for the answers kept under idempotency keys. */
async function state(): Promise<unknown> {
  const headers = { Authorization: `Bearer ${account.key}` };
  const answer = await fetch(`${account.emulator.url}/_emulator/snapshot`, { headers });
  const { idempotency: _answers, ...kept }: Record<string, unknown> = JSON.parse(
    await answer.text(),
  );
  return kept;
}

interface Shop {
  customer: string;
  stranger: string;
  product: string;
  price: string;
  once: string;
  subscription: string;
  item: string;
  draft: string;
  open: string;
  intent: string;
  coupon: string;
}

async function shop(stripe: Stripe): Promise<Shop> {
  const { id: product } = await stripe.products.create({ name: 'Plan' });
  const { id: price } = await stripe.prices.create({
    product,
    currency: 'usd',
    unit_amount: 1000,
    recurring: { interval: 'month' },
    currency_options: { eur: { unit_amount: 900 } },
  });
  const { id: once } = await stripe.prices.create({ product, currency: 'usd', unit_amount: 300 });
  const { id: customer } = await stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  const { id: stranger } = await stripe.customers.create();
  const subscription = await stripe.subscriptions.create({ customer, items: [{ price }] });
  await stripe.invoiceItems.create({ customer, amount: 500, currency: 'usd' });
  const { id: draft } = await stripe.invoices.create({ customer });
  const open = await stripe.invoices.create({ customer: stranger });
  await stripe.invoiceItems.create({
    customer: stranger,
    invoice: open.id,
    amount: 700,
    currency: 'usd',
  });
  await stripe.invoices.finalizeInvoice(open.id);
  const { id: intent } = await stripe.paymentIntents.create({ amount: 500, currency: 'usd' });
  const { id: coupon } = await stripe.coupons.create({ percent_off: 10, max_redemptions: 1 });
  await stripe.subscriptions.update(subscription.id, { discounts: [{ coupon }] });
  return {
    customer,
    stranger,
    product,
    price,
    once,
    subscription: subscription.id,
    item: subscription.items.data[0]?.id ?? '',
    draft,
    open: open.id,
    intent,
    coupon,
  };
}

/** Calls that are refused after some of their work could have been done, by what is wrong with them. */
const refused: Record<string, (stripe: Stripe, has: Shop) => Promise<unknown>> = {
  'a customer with a method that does not exist': (stripe) =>
    stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_nothing' },
    }),
  'a customer whose card is declined': (stripe) =>
    stripe.customers.create({ payment_method: 'pm_card_visa_chargeDeclined', balance: -500 }),
  'a customer with a bad tax id': (stripe) =>
    stripe.customers.create({ tax_id_data: [{ type: 'eu_vat', value: 'nonsense' }] }),
  'a customer update with a token of a declined card': (stripe, { customer }) =>
    stripe.customers.update(customer, { name: 'New', source: 'tok_chargeDeclined' }),
  'an expansion that cannot be': (stripe) =>
    stripe.customers.create({ name: 'New', expand: ['nothing'] }),
  'a product whose default price is nonsense': (stripe) =>
    stripe.products.create({
      name: 'New',
      default_price_data: { currency: 'usd', unit_amount: -1 },
    }),
  'a product update with a price of another': async (stripe, { product }) =>
    stripe.products.update(product, { name: 'New', default_price: 'price_nothing' }),
  'a price for a product that is missing': (stripe) =>
    stripe.prices.create({ product: 'prod_nothing', currency: 'usd', unit_amount: 100 }),
  'a subscription of inline prices, the second of which is wrong': (stripe, has) =>
    stripe.subscriptions.create({
      customer: has.customer,
      items: [
        {
          price_data: {
            product: has.product,
            currency: 'usd',
            unit_amount: 100,
            recurring: { interval: 'month' },
          },
        },
        { price: 'price_nothing' },
      ],
    }),
  'a subscription with a used-up coupon': (stripe, { customer, price, coupon }) =>
    stripe.subscriptions.create({ customer, items: [{ price }], discounts: [{ coupon }] }),
  'a subscription that must be paid at once and cannot': (stripe, { stranger, price }) =>
    stripe.subscriptions.create({
      customer: stranger,
      items: [{ price }],
      payment_behavior: 'error_if_incomplete',
    }),
  'a subscription with an added item that recurs': (stripe, { customer, price }) =>
    stripe.subscriptions.create({
      customer,
      items: [{ price }],
      add_invoice_items: [{ price: 'price_nothing' }],
    }),
  'a subscription update, one of whose items is missing': (stripe, has) =>
    stripe.subscriptions.update(has.subscription, {
      metadata: { a: 'b' },
      items: [{ id: has.item, quantity: 3 }, { id: 'si_nothing' }],
    }),
  'a subscription update with a date in another period': (stripe, has) =>
    stripe.subscriptions.update(has.subscription, {
      items: [{ id: has.item, quantity: 5 }],
      proration_date: 1_000_000_000,
    }),
  'a subscription update with a used-up coupon': (stripe, { subscription, coupon }) =>
    stripe.subscriptions.update(subscription, {
      description: 'New',
      cancel_at_period_end: true,
      discounts: [{ coupon }, { coupon: 'nothing' }],
    }),
  'an item with a quantity of a missing price': (stripe, { subscription }) =>
    stripe.subscriptionItems.create({ subscription, price: 'price_nothing' }),
  'a schedule whose second phase is wrong': (stripe, { customer, price }) =>
    stripe.subscriptionSchedules.create({
      customer,
      start_date: 'now',
      phases: [
        { items: [{ price }], duration: { interval: 'month', interval_count: 1 } },
        { items: [{ price: 'price_nothing' }] },
      ],
    }),
  'paying without a method': (stripe, { open }) => stripe.invoices.pay(open),
  'paying with a stranger’s method': async (stripe, { open }) =>
    stripe.invoices.pay(open, { payment_method: 'pm_nothing' }),
  'voiding a draft': (stripe, { draft }) => stripe.invoices.voidInvoice(draft),
  'deleting a finalized invoice': (stripe, { open }) => stripe.invoices.del(open),
  'adding a line to a finalized invoice': (stripe, { stranger, open }) =>
    stripe.invoiceItems.create({ customer: stranger, invoice: open, amount: 5, currency: 'usd' }),
  'an invoice in a currency nobody knows': (stripe, { customer }) =>
    stripe.invoices.create({ customer, currency: 'zzz' }),
  'a credit note for more than the invoice': (stripe, { open }) =>
    stripe.creditNotes.create({ invoice: open, amount: 100_000 }),
  'confirming with a method that is missing': (stripe, { intent }) =>
    stripe.paymentIntents.confirm(intent, { payment_method: 'pm_nothing' }),
  'an intent below the minimum': (stripe) =>
    stripe.paymentIntents.create({ amount: 1, currency: 'usd', metadata: { a: 'b' } }),
  'a refund of an intent without a charge': (stripe, { intent }) =>
    stripe.refunds.create({ payment_intent: intent }),
  'a Checkout session with a missing price': (stripe, { customer, product }) =>
    stripe.checkout.sessions.create({
      mode: 'subscription',
      customer,
      success_url: 'https://a.test/ok',
      line_items: [
        {
          quantity: 1,
          price_data: {
            currency: 'usd',
            unit_amount: 5,
            recurring: { interval: 'month' },
            product,
          },
        },
        { price: 'price_nothing', quantity: 1 },
      ],
    }),
  'a payment link of nothing': (stripe) =>
    stripe.paymentLinks.create({ line_items: [{ price: 'price_nothing', quantity: 1 }] }),
  'a quote with a missing price': (stripe, { customer, price }) =>
    stripe.quotes.create({ customer, line_items: [{ price }, { price: 'price_nothing' }] }),
  'a portal session of a missing customer': (stripe) =>
    stripe.billingPortal.sessions.create({ customer: 'cus_nothing' }),
  'a promotion code for a missing coupon': (stripe) =>
    stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: 'nothing' } }),
};

test('a refused call leaves no object, no change and no event behind', async () => {
  const has = await shop(account.stripe);
  const before = await state();
  for (const [what, call] of Object.entries(refused)) {
    const error = await refusal(call(account.stripe, has)).catch((failure: unknown) => {
      throw new Error(`${what} was not refused`, { cause: failure });
    });
    expect(error.statusCode, `${what}: ${error.message}`).toBeLessThan(500);
    expect(await state(), what).toEqual(before);
  }
}, 60_000);

test('a decline leaves the payment that it tells of, and nothing else', async () => {
  const { stripe } = account;
  const count = (await stripe.events.list({ limit: 100 })).data.length;
  const error = await refusal(
    stripe.paymentIntents.create({
      amount: 900,
      currency: 'usd',
      payment_method: 'pm_card_visa_chargeDeclined',
      confirm: true,
      automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    }),
  );
  const intent = await stripe.paymentIntents.retrieve(error.payment_intent?.id ?? '');
  expect(intent.status).toBe('requires_payment_method');
  const events = await stripe.events.list({ limit: 100 });
  expect(events.data.slice(0, events.data.length - count).map((event) => event.type)).toEqual(
    expect.arrayContaining([
      'payment_intent.payment_failed',
      'charge.failed',
      'payment_intent.created',
    ]),
  );
});

test('a refused update is taken back in every list that shows the object', async () => {
  const { stripe } = account;
  const customer = await stripe.customers.create({ email: 'a@example.test' });
  await refusal(
    stripe.customers.update(customer.id, { email: 'b@example.test', expand: ['nothing'] }),
  );
  const listed = await stripe.customers.list({ email: 'a@example.test' });
  expect(listed.data.map(({ id }) => id)).toEqual([customer.id]);
  expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ email: 'a@example.test' });
});
