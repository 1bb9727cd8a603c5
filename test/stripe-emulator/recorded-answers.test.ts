import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Stripe } from 'stripe';
import { emulatedAccount, idIn, refusal, type EmulatedAccount } from './emulated-account.ts';

/** Answers that recordings of real accounts give, and that are easy to get wrong. */

let account: EmulatedAccount;
let stripe: Stripe;
let price: string;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
  const made = await stripe.prices.create({
    currency: 'usd',
    unit_amount: 1000,
    recurring: { interval: 'month' },
    product_data: { name: 'Plan' },
  });
  price = made.id;
});
afterAll(() => account.close());

const payer = (method?: string) =>
  stripe.customers.create(
    method === undefined
      ? {}
      : { payment_method: method, invoice_settings: { default_payment_method: method } },
  );

describe('an uncollectible invoice', () => {
  async function uncollectible(customer: string): Promise<string> {
    const { id } = await stripe.invoices.create({ customer });
    await stripe.invoiceItems.create({ customer, invoice: id, amount: 500, currency: 'usd' });
    await stripe.invoices.finalizeInvoice(id);
    const invoice = await stripe.invoices.markUncollectible(id);
    expect(invoice.status).toBe('uncollectible');
    return id;
  }

  test('can be paid', async () => {
    const id = await uncollectible((await payer('pm_card_visa')).id);
    expect(await stripe.invoices.pay(id)).toMatchObject({ status: 'paid', amount_paid: 500 });
  });

  test('can be voided', async () => {
    const id = await uncollectible((await payer()).id);
    expect((await stripe.invoices.voidInvoice(id)).status).toBe('void');
  });
});

describe('a trial that ends now, without a payment method', () => {
  const trial = async () =>
    stripe.subscriptions.create({
      customer: (await payer()).id,
      items: [{ price }],
      trial_period_days: 14,
    });

  test('is refused, and goes on', async () => {
    const { id } = await trial();
    expect(await refusal(stripe.subscriptions.update(id, { trial_end: 'now' }))).toMatchObject({
      statusCode: 400,
      code: 'resource_missing',
      message: expect.stringContaining('This customer has no attached payment source'),
    });
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('trialing');
  });

  test('leaves an open invoice where the caller says that it is paid later', async () => {
    const { id } = await trial();
    const ended = await stripe.subscriptions.update(id, {
      trial_end: 'now',
      payment_behavior: 'default_incomplete',
      expand: ['latest_invoice'],
    });
    expect(ended.status).not.toBe('trialing');
    expect(ended.latest_invoice).toMatchObject({ status: 'open', amount_due: 1000 });
  });
});

/** Test card, code, decline code, and what the card's network says: advice, code. */
const DECLINES: [string, string, string, string | null, string | null][] = [
  ['pm_card_chargeDeclined', 'card_declined', 'generic_decline', null, null],
  ['pm_card_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds', '02', '51'],
  [
    'pm_card_visa_chargeDeclinedVelocityLimitExceeded',
    'card_declined',
    'card_velocity_exceeded',
    '02',
    '61',
  ],
  ['pm_card_chargeDeclinedExpiredCard', 'expired_card', 'expired_card', '03', '54'],
  ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', 'incorrect_cvc', '03', 'N7'],
];

test.each(DECLINES)('%s is declined with %s (%s)', async (...row) => {
  const [payment_method, code, decline_code, advice, network] = row;
  const error = await refusal(
    stripe.paymentIntents.create({
      amount: 1000,
      currency: 'usd',
      payment_method,
      confirm: true,
      automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
      expand: ['latest_charge'],
    }),
  );
  expect(error).toMatchObject({ statusCode: 402, code, decline_code });
  const charge = idIn(error.payment_intent?.latest_charge);
  const { outcome } = await stripe.charges.retrieve(charge);
  if (advice !== null)
    expect(outcome).toMatchObject({ network_advice_code: advice, network_decline_code: network });
  expect(outcome).toMatchObject({ network_status: 'declined_by_network' });
});

test('a security code is unchecked until the bank has seen the card', async () => {
  const { id: customer } = await stripe.customers.create();
  const method = await stripe.paymentMethods.create({
    type: 'card',
    card: { number: '4242424242424242', exp_month: 12, exp_year: 2034, cvc: '123' },
  });
  expect(method.card?.checks?.cvc_check).toBe('unchecked');
  const attached = await stripe.paymentMethods.attach(method.id, { customer });
  expect(attached.card?.checks?.cvc_check).toBe('pass');
});

test('a charge of a card or a token shows the card as its source', async () => {
  const { id: customer } = await stripe.customers.create({ source: 'tok_visa' });
  const charge = await stripe.charges.create({ amount: 900, currency: 'usd', customer });
  expect(charge.source).toMatchObject({ object: 'card', last4: '4242', customer });
  const once = await stripe.charges.create({ amount: 900, currency: 'usd', source: 'tok_visa' });
  expect(once.source).toMatchObject({ object: 'card', last4: '4242', customer: null });
});

test('the products of a portal configuration are shown only when they are expanded', async () => {
  const { data } = await stripe.prices.list({ limit: 1 });
  const product = idIn(data[0]?.product);
  const { id } = await stripe.billingPortal.configurations.create({
    features: {
      subscription_update: {
        enabled: true,
        default_allowed_updates: ['price'],
        products: [{ product, prices: [price] }],
      },
    },
  });
  const plain = await stripe.billingPortal.configurations.retrieve(id);
  expect(plain.features.subscription_update).not.toHaveProperty('products');
  const shown = await stripe.billingPortal.configurations.retrieve(id, {
    expand: ['features.subscription_update.products'],
  });
  expect(shown.features.subscription_update.products).toMatchObject([{ product, prices: [price] }]);
});

test('an error shows its payment in the version of the call', async () => {
  const declined = async (version: string) => {
    const answer = await fetch(`${account.emulator.url}/v1/payment_intents`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${account.key}`, 'Stripe-Version': version },
      body: new URLSearchParams({
        amount: '1000',
        currency: 'usd',
        payment_method: 'pm_card_chargeDeclined',
        confirm: 'true',
        return_url: 'https://a.test',
      }),
    });
    const body: { error: { payment_intent: object } } = JSON.parse(await answer.text());
    return body;
  };
  const charges = { object: 'list', total_count: 1 };
  expect(await declined('2022-08-01')).toMatchObject({ error: { payment_intent: { charges } } });
  const now = await declined('2026-10-28.endive');
  expect(now.error.payment_intent).not.toHaveProperty('charges');
});

test('an invoice shows how it is to be rendered, and where it is shipped', async () => {
  const { id: customer } = await payer();
  const invoice = await stripe.invoices.create({
    customer,
    rendering: { amount_tax_display: 'exclude_tax', pdf: { page_size: 'a4' } },
    shipping_details: { name: 'Ada', address: { line1: 'Main St 1', country: 'DE' } },
  });
  expect(invoice.rendering).toEqual({
    amount_tax_display: 'exclude_tax',
    pdf: { page_size: 'a4' },
    template: null,
    template_version: null,
  });
  expect(invoice.shipping_details).toMatchObject({ name: 'Ada', address: { country: 'DE' } });
});
