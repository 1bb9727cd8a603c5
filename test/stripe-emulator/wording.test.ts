import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emulatedAccount, refusal, type EmulatedAccount } from './emulated-account.ts';

/** The words, codes and parameters of refusals, as recorded from Stripe's test mode. */

let account: EmulatedAccount;

beforeAll(async () => {
  account = await emulatedAccount();
});
afterAll(() => account.close());

interface Body {
  message?: string;
  code?: string;
  param?: string;
}

/** Sends a form as it is typed, and shows the error without what differs from call to call. */
async function refused(
  method: string,
  path: string,
  form: string,
): Promise<Body & { status: number }> {
  const url = `${account.emulator.url}${path}`;
  const answer = await fetch(method === 'GET' ? `${url}?${form}` : url, {
    method,
    headers: {
      Authorization: `Bearer ${account.key}`,
      'Content-Type': 'application/x-www-form-urlencoded',
    },
    ...(method === 'GET' ? {} : { body: form }),
  });
  const { error }: { error: Body } = JSON.parse(await answer.text());
  const { message, code, param } = error;
  return {
    status: answer.status,
    ...(message === undefined ? {} : { message }),
    ...(code === undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
  };
}

const PRODUCT = 'prod_worded';
const price = (rest: string) => `currency=usd&product=${PRODUCT}&${rest}`;
const monthly = 'unit_amount=1&recurring[interval]=month';
const long = 'k'.repeat(41);
const many = Array.from({ length: 51 }, (_, at) => `metadata[k${at}]=1`).join('&');

/** A call, and the answer that it gets. */
const WORDED: [string, string, string, Body][] = [
  [
    'GET',
    '/v1/customers',
    'starting_after=cus_a&ending_before=cus_b',
    {
      message:
        'Received both starting_after and ending_before parameters. Please pass in only one.',
    },
  ],
  [
    'GET',
    '/v1/customers',
    'test_clock=clock_x',
    { message: "No such billingclock: 'clock_x'", code: 'resource_missing', param: 'test_clock' },
  ],
  [
    'GET',
    '/v1/subscriptions',
    'customer=cus_x',
    { message: "No such customer: 'cus_x'", code: 'resource_missing', param: 'customer' },
  ],
  [
    'GET',
    '/v1/prices',
    'product=prod_x',
    { message: "No such product: 'prod_x'", code: 'resource_missing', param: 'product' },
  ],
  [
    'GET',
    '/v1/products',
    `ids[]=${PRODUCT}&starting_after=${PRODUCT}`,
    { message: 'You may only specify one of these parameters: ids, starting_after.', param: 'ids' },
  ],
  [
    'GET',
    '/v1/customers/search',
    'query=name:"a"&limit=101',
    {
      message: "This value must be less than or equal to 100 (it currently is '101').",
      code: 'parameter_invalid_integer',
      param: 'limit',
    },
  ],
  [
    'GET',
    '/v1/customers',
    'expand[]=default_source',
    {
      message:
        "This property cannot be expanded (default_source). You may want to try expanding 'data.default_source' instead.",
    },
  ],
  [
    'POST',
    '/v1/customers',
    'expand[]=metadata',
    { message: 'This property cannot be expanded (metadata).' },
  ],
  [
    'POST',
    '/v1/customers',
    'expand[]=a.b.c.d.e',
    {
      message: 'You cannot expand more than 4 levels of a property. Property: a.b.c.d.e',
      code: 'property_expansion_max_depth',
    },
  ],
  [
    'POST',
    '/v1/customers',
    'invoice_prefix=',
    {
      message:
        "You passed an empty string for 'invoice_prefix'. We assume empty values are an attempt to unset a parameter; however 'invoice_prefix' cannot be unset. You should remove 'invoice_prefix' from your request or supply a non-empty value.",
      code: 'parameter_invalid_empty',
      param: 'invoice_prefix',
    },
  ],
  [
    'POST',
    '/v1/customers',
    'email=ada@example',
    { message: 'Invalid email address: ada@example', code: 'email_invalid', param: 'email' },
  ],
  [
    'POST',
    '/v1/customers',
    'tax_exempt=no',
    { message: 'Invalid tax_exempt: must be one of none, reverse, or exempt', param: 'tax_exempt' },
  ],
  [
    'POST',
    '/v1/customers',
    `metadata[${long}]=1`,
    {
      message: `Metadata keys can have up to 40 characters, but you passed in a key that is 41 characters. Invalid key: ${long}`,
    },
  ],
  [
    'POST',
    '/v1/customers',
    many,
    { message: "Metadata can have up to 50 keys, but you've set 51." },
  ],
  [
    'POST',
    '/v1/customers',
    'preferred_locales[1]=de',
    {
      message:
        'If passing an array with explicit keys (e.g. foo[0]=a&foo[1]=b) instead of as an array (e.g. foo[]=a&foo[]=b), the keys must be numeric and sequential starting from 0. You passed the keys `1`, we expected to have a key with the value `0`.',
      param: 'preferred_locales',
    },
  ],
  [
    'POST',
    '/v1/prices',
    price('recurring[interval]=month'),
    { message: 'Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.' },
  ],
  [
    'POST',
    '/v1/prices',
    price('unit_amount=-1'),
    { message: 'Invalid non-negative integer', param: 'unit_amount' },
  ],
  [
    'POST',
    '/v1/prices',
    price('unit_amount=1&recurring[interval]=hour'),
    {
      message: 'Invalid recurring[interval]: must be one of month, year, week, or day',
      param: 'recurring[interval]',
    },
  ],
  [
    'POST',
    '/v1/prices',
    price(`${monthly}&recurring[interval_count]=37`),
    {
      message: "The interval_count for monthly prices can't be greater than 36",
      param: 'recurring[interval_count]',
    },
  ],
  [
    'POST',
    '/v1/prices',
    price(`${monthly}&recurring[usage_type]=metered`),
    {
      message:
        'Starting with Stripe version `2025-03-31.basil`, metered prices must be backed by meters.',
      param: 'recurring[meter]',
    },
  ],
  [
    'POST',
    '/v1/prices',
    'currency=usd&unit_amount=1',
    { message: 'You must specify either `product` or `product_data` when creating a price.' },
  ],
];

describe('a refusal says what Stripe says', () => {
  beforeAll(async () => {
    await account.stripe.products.create({ id: PRODUCT, name: 'Worded' });
  });

  test.each(WORDED)('%s %s %s', async (...[method, path, form, body]) => {
    expect(await refused(method, path, form)).toEqual({ status: 400, ...body });
  });

  test('a lookup key names the price that has it', async () => {
    const { stripe } = account;
    const taken = { product: PRODUCT, currency: 'usd', unit_amount: 1, lookup_key: 'pro' };
    const { id } = await stripe.prices.create(taken);
    const error = await refusal(stripe.prices.create(taken));
    expect(error.message).toBe(`A price (\`${id}\`) already uses that lookup key.`);
    expect(error.param).toBe('lookup_key');
    expect(error.code).toBeUndefined();
  });

  test('a default price belongs to its product', async () => {
    const { stripe } = account;
    const { id } = await stripe.prices.create({
      product: PRODUCT,
      currency: 'usd',
      unit_amount: 1,
    });
    const other = await stripe.products.create({ name: 'Other' });
    const error = await refusal(stripe.products.update(other.id, { default_price: id }));
    expect(error.message).toBe(`The price \`${id}\` does not belong to this product.`);
  });

  test('an address that ends in a slash is unknown', async () => {
    const answer = await refused('GET', '/v1/customers/', '');
    expect(answer.status).toBe(404);
    expect(answer.message).toContain('remove the trailing slash');
  });
});

test('a page is at least one and at most a hundred long, whatever limit asks for', async () => {
  const { stripe } = account;
  for (let at = 0; at < 102; at += 1) await stripe.coupons.create({ percent_off: 5 });
  expect((await stripe.coupons.list({ limit: 500 })).data).toHaveLength(100);
  expect((await stripe.coupons.list({ limit: 0 })).data).toHaveLength(1);
});

test('a deleted customer is read as deleted, and cannot be changed; a deleted product is gone', async () => {
  const { stripe } = account;
  const { id } = await stripe.customers.create();
  await stripe.customers.del(id);
  expect(await stripe.customers.retrieve(id)).toMatchObject({ id, deleted: true });
  expect(await refusal(stripe.customers.update(id, { name: 'Ada' }))).toMatchObject({
    statusCode: 400,
    code: 'resource_missing',
  });
  expect(await refusal(stripe.customers.del(id))).toMatchObject({ statusCode: 404 });
  const product = await stripe.products.create({ name: 'Short-lived' });
  await stripe.products.del(product.id);
  expect(await refusal(stripe.products.retrieve(product.id))).toMatchObject({ statusCode: 404 });
});

test('the country of an address is shown in capitals', async () => {
  const { stripe } = account;
  const { address } = await stripe.customers.create({ address: { country: 'de' } });
  expect(address?.country).toBe('DE');
});

test('calls of a version before 2025-09-30.clover make classic subscriptions', async () => {
  const { stripe } = account;
  const { id: customer } = await stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  const { id } = await stripe.prices.create({
    product: PRODUCT,
    currency: 'usd',
    unit_amount: 500,
    recurring: { interval: 'month' },
  });
  const items = [{ price: id }];
  const now = await stripe.subscriptions.create({ customer, items });
  const then = await stripe.subscriptions.create(
    { customer, items },
    { apiVersion: '2025-08-27.basil' },
  );
  expect([now, then].map(({ billing_mode }) => billing_mode.type)).toEqual(['flexible', 'classic']);
  const schedule = await stripe.subscriptionSchedules.create({
    customer,
    start_date: 'now',
    billing_mode: { type: 'classic' },
    phases: [{ items, duration: { interval: 'month' } }],
    expand: ['subscription'],
  });
  expect(schedule.subscription).toMatchObject({ billing_mode: { type: 'classic' } });
});
