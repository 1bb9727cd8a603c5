import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Stripe } from 'stripe';
import {
  emulatedAccount,
  openPage,
  postForm,
  refusal,
  typedCard,
  type EmulatedAccount,
} from './emulated-account.ts';

/** What a Checkout Session lets its page ask, offer and show. */

let account: EmulatedAccount;
let stripe: Stripe;
let price: string;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
  const made = await stripe.prices.create({
    currency: 'usd',
    unit_amount: 2000,
    product_data: { name: 'Book' },
  });
  price = made.id;
});
afterAll(() => account.close());

const order = (more: Partial<Stripe.Checkout.SessionCreateParams>) =>
  stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price, quantity: 1 }],
    success_url: 'https://a.test/ok',
    ...more,
  });

test('shipping: the first option is added to the total, and paid', async () => {
  const rate = await stripe.shippingRates.create({
    display_name: 'Post',
    type: 'fixed_amount',
    fixed_amount: { amount: 500, currency: 'usd' },
  });
  const fast = { display_name: 'Fast', fixed_amount: { amount: 900, currency: 'usd' } };
  const session = await order({
    shipping_options: [{ shipping_rate: rate.id }, { shipping_rate_data: fast }],
  });
  expect(session).toMatchObject({
    amount_subtotal: 2000,
    amount_total: 2500,
    total_details: { amount_shipping: 500 },
    shipping_cost: { amount_subtotal: 500, amount_tax: 0, amount_total: 500 },
    shipping_options: [
      { shipping_amount: 500, shipping_rate: rate.id },
      { shipping_amount: 900, shipping_rate: expect.stringMatching(/^shr_/) },
    ],
  });
  const page = await openPage(session.url ?? '');
  expect(page.text).toContain('Shipping');
  await postForm(session.url ?? '', typedCard('4242424242424242'));
  const paid = await stripe.checkout.sessions.retrieve(session.id, { expand: ['payment_intent'] });
  expect(paid.payment_intent).toMatchObject({ amount: 2500, status: 'succeeded' });
});

test('shipping: an unknown or inactive rate is refused', async () => {
  expect(await refusal(order({ shipping_options: [{ shipping_rate: 'shr_x' }] }))).toMatchObject({
    message: "No such shipping rate: 'shr_x'",
    param: 'shipping_options[0][shipping_rate]',
  });
  const rate = await stripe.shippingRates.create({
    display_name: 'Old',
    fixed_amount: { amount: 500, currency: 'usd' },
  });
  await stripe.shippingRates.update(rate.id, { active: false });
  const error = await refusal(order({ shipping_options: [{ shipping_rate: rate.id }] }));
  expect(error.statusCode).toBe(400);
});

const asked: Stripe.Checkout.SessionCreateParams.CustomField[] = [
  { key: 'engraving', label: { type: 'custom', custom: 'Engraving' }, type: 'text' },
  {
    key: 'size',
    label: { type: 'custom', custom: 'Size' },
    type: 'dropdown',
    dropdown: {
      options: [
        { label: 'Small', value: 's' },
        { label: 'Large', value: 'l' },
      ],
    },
  },
  { key: 'age', label: { type: 'custom', custom: 'Age' }, type: 'numeric', optional: true },
];

test('custom fields are asked on the page, and answered in the completed session', async () => {
  const session = await order({
    custom_fields: asked,
    consent_collection: { terms_of_service: 'required' },
  });
  expect(session.custom_fields[0]).toEqual({
    key: 'engraving',
    label: { custom: 'Engraving', type: 'custom' },
    optional: false,
    text: { default_value: null, maximum_length: null, minimum_length: null, value: null },
    type: 'text',
  });
  expect(session.consent_collection).toEqual({
    payment_method_reuse_agreement: null,
    promotions: 'none',
    terms_of_service: 'required',
  });
  const url = session.url ?? '';
  const page = await openPage(url);
  for (const text of ['Engraving', 'Large', 'Age (optional)', 'terms of service'])
    expect(page.text).toContain(text);

  const empty = await postForm(url, typedCard('4242424242424242'));
  expect(empty.text).toContain('Please fill in “Engraving”.');
  const card = typedCard('4242424242424242');
  const wrong = await postForm(url, { ...card, custom_engraving: 'Ada', custom_size: 'xl' });
  expect(wrong.text).toContain('Please choose one of the options of “Size”.');
  const done = await postForm(url, { ...card, custom_engraving: 'Ada', custom_size: 'l' });
  expect(done.location).toBe('https://a.test/ok');

  const completed = await stripe.checkout.sessions.retrieve(session.id);
  const values = completed.custom_fields.map(
    ({ text, numeric, dropdown }) => (text ?? numeric ?? dropdown)?.value,
  );
  expect(values).toEqual(['Ada', 'l', null]);
  expect(completed.consent).toEqual({ promotions: null, terms_of_service: 'accepted' });
});

test('what the page shows comes back in the session', async () => {
  const session = await order({
    branding_settings: { display_name: 'Books', button_color: '#ff0000' },
    saved_payment_method_options: { payment_method_save: 'enabled' },
    shipping_address_collection: { allowed_countries: ['DE', 'AT'] },
    tax_id_collection: { enabled: true },
    name_collection: { individual: { enabled: true, optional: true } },
  });
  expect(session).toMatchObject({
    branding_settings: { display_name: 'Books', button_color: '#ff0000' },
    saved_payment_method_options: {
      allow_redisplay_filters: ['always'],
      payment_method_remove: 'disabled',
      payment_method_save: 'enabled',
    },
    shipping_address_collection: { allowed_countries: ['DE', 'AT'] },
    tax_id_collection: { enabled: true, required: 'never' },
    name_collection: { individual: { enabled: true, optional: true } },
  });
});

test('automatic tax collects nothing, and says whether it knows where the payer is', async () => {
  const session = await order({ automatic_tax: { enabled: true } });
  expect(session.automatic_tax).toEqual({
    enabled: true,
    liability: { type: 'self' },
    provider: 'stripe',
    status: 'requires_location_inputs',
  });
  await postForm(session.url ?? '', typedCard('4242424242424242'));
  const { automatic_tax: tax } = await stripe.checkout.sessions.retrieve(session.id);
  expect(tax.status).toBe('complete');
});

test('a subscription with automatic tax needs a customer whose country is known', async () => {
  const monthly = await stripe.prices.create({
    currency: 'usd',
    unit_amount: 1000,
    recurring: { interval: 'month' },
    product_data: { name: 'Plan' },
  });
  const { id: customer } = await stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  const subscribe = () =>
    stripe.subscriptions.create({
      customer,
      items: [{ price: monthly.id }],
      automatic_tax: { enabled: true },
      expand: ['latest_invoice'],
    });
  expect(await refusal(subscribe())).toMatchObject({ code: 'customer_tax_location_invalid' });
  expect((await stripe.subscriptions.list({ customer })).data).toEqual([]);

  await stripe.customers.update(customer, { address: { country: 'DE' } });
  const subscription = await subscribe();
  expect(subscription.automatic_tax).toEqual({
    disabled_reason: null,
    enabled: true,
    liability: { type: 'self' },
  });
  expect(subscription.latest_invoice).toMatchObject({
    total: 1000,
    automatic_tax: { enabled: true, provider: 'stripe', status: 'complete' },
  });
});

test('payment links ask what their sessions ask', async () => {
  const link = await stripe.paymentLinks.create({
    line_items: [{ price, quantity: 1 }],
    custom_fields: asked,
    automatic_tax: { enabled: true },
  });
  expect(link.custom_fields.map(({ key }) => key)).toEqual(['engraving', 'size', 'age']);
  expect(link.automatic_tax).toEqual({ enabled: true, liability: { type: 'self' } });
  const { location } = await openPage(link.url);
  expect((await openPage(location)).text).toContain('Engraving');
});

test('tax rates of a line are added, or taken out where they are inclusive', async () => {
  const tax = (inclusive: boolean, percentage: number) =>
    stripe.taxRates.create({ display_name: 'VAT', inclusive, percentage });
  const added = await tax(false, 20);
  const inside = await tax(true, 25);
  const session = await order({
    line_items: [
      { price, quantity: 1, tax_rates: [added.id] },
      { price, quantity: 1, tax_rates: [inside.id] },
    ],
    invoice_creation: { enabled: true, invoice_data: { description: 'Two books' } },
    customer_creation: 'always',
    expand: ['line_items'],
  });
  expect(session.line_items?.data.map((line) => [line.amount_tax, line.amount_total])).toEqual([
    [400, 2400],
    [400, 2000],
  ]);
  expect(session).toMatchObject({
    amount_subtotal: 4000,
    amount_total: 4400,
    total_details: { amount_tax: 800 },
  });
  await postForm(session.url ?? '', typedCard('4242424242424242'));
  const done = await stripe.checkout.sessions.retrieve(session.id, {
    expand: ['invoice', 'payment_intent'],
  });
  expect(done.payment_intent).toMatchObject({ amount: 4400 });
  expect(done.invoice).toMatchObject({ total: 4400, status: 'paid', description: 'Two books' });
});

test('a subscription takes over the tax rates of its session', async () => {
  const rate = await stripe.taxRates.create({
    display_name: 'VAT',
    inclusive: false,
    percentage: 19,
  });
  const monthly = await stripe.prices.create({
    currency: 'usd',
    unit_amount: 1000,
    recurring: { interval: 'month' },
    product_data: { name: 'Plan' },
  });
  const session = await order({
    mode: 'subscription',
    line_items: [{ price: monthly.id, quantity: 1 }],
    subscription_data: { default_tax_rates: [rate.id] },
  });
  expect(session.amount_total).toBe(1190);
  await postForm(session.url ?? '', typedCard('4242424242424242'));
  const done = await stripe.checkout.sessions.retrieve(session.id, {
    expand: ['subscription', 'invoice'],
  });
  expect(done.subscription).toMatchObject({ default_tax_rates: [{ id: rate.id }] });
  expect(done.invoice).toMatchObject({ total: 1190, status: 'paid' });
});

test('an accepted quote keeps its discount, its tax rates and how it is collected', async () => {
  const rate = await stripe.taxRates.create({
    display_name: 'VAT',
    inclusive: false,
    percentage: 10,
  });
  const { id: coupon } = await stripe.coupons.create({ percent_off: 50, duration: 'forever' });
  const { id: customer } = await stripe.customers.create({ email: 'ada@example.test' });
  const monthly = await stripe.prices.create({
    currency: 'usd',
    unit_amount: 1000,
    recurring: { interval: 'month' },
    product_data: { name: 'Plan' },
  });
  const { id } = await stripe.quotes.create({
    customer,
    line_items: [
      { price: monthly.id, quantity: 1 },
      { price, quantity: 1 },
    ],
    discounts: [{ coupon }],
    default_tax_rates: [rate.id],
    collection_method: 'send_invoice',
    invoice_settings: { days_until_due: 14 },
  });
  const quote = await stripe.quotes.finalizeQuote(id);
  expect(quote).toMatchObject({
    amount_subtotal: 3000,
    amount_total: 1650,
    total_details: { amount_discount: 1500, amount_tax: 150 },
  });
  const accepted = await stripe.quotes.accept(id, { expand: ['subscription', 'invoice'] });
  expect(accepted.subscription).toMatchObject({
    collection_method: 'send_invoice',
    days_until_due: 14,
  });
  expect(accepted.invoice).toMatchObject({ total: 1650 });
});

test('a link takes a price that is made for it', async () => {
  const link = await stripe.paymentLinks.create({
    line_items: [
      {
        price_data: { currency: 'usd', unit_amount: 700, product_data: { name: 'Card' } },
        quantity: 2,
      },
    ],
    expand: ['line_items'],
  });
  expect(link.line_items?.data).toMatchObject([{ amount_total: 1400, description: 'Card' }]);
  const { location } = await openPage(link.url);
  expect((await openPage(location)).text).toContain('$14.00');
});

test('what cannot be done faithfully is refused by name', async () => {
  const { id: customer } = await stripe.customers.create();
  const error = await refusal(
    stripe.invoices.create({ from_invoice: { action: 'revision', invoice: 'in_1' }, customer }),
  );
  expect(error).toMatchObject({
    statusCode: 400,
    message: 'This emulator does not serve `from_invoice`.',
  });
});
