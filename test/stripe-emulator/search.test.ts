import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import { emulatedAccount, refusal, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
  for (const [name, plan] of [
    ['Ada', 'pro'],
    ['Bob', 'starter'],
    ['Cy', 'pro'],
  ] as const) {
    const email = `${name.toLowerCase()}@example.test`;
    await stripe.customers.create({ name, email, metadata: { plan } });
  }
});
afterAll(() => account.close());

async function names(query: string): Promise<string[]> {
  const found = await stripe.customers.search({ query });
  expect(found.object).toBe('search_result');
  return found.data.map((customer) => customer.name ?? '');
}

describe('search', () => {
  it.each([
    ['email:"bob@example.test"', ['Bob']],
    ["metadata['plan']:'pro'", ['Cy', 'Ada']],
    ['metadata["plan"]:"pro" AND name:"ada"', ['Ada']],
    ['name:"Ada" OR name:"Bob"', ['Bob', 'Ada']],
    ['-metadata["plan"]:"pro"', ['Bob']],
    ['email~"example" -name:"Cy"', ['Bob', 'Ada']],
    ['phone:null created>0', ['Cy', 'Bob', 'Ada']],
    ['metadata["none"]:null name:"Cy"', ['Cy']],
  ])('%s', async (query, expected) => {
    expect(await names(query)).toEqual(expected);
  });

  it('finds charges by the last four digits of their card', async () => {
    await stripe.charges.create({ amount: 500, currency: 'usd', source: 'tok_visa' });
    const query = 'payment_method_details.card.last4:"4242"';
    expect((await stripe.charges.search({ query })).data).toMatchObject([{ amount: 500 }]);
  });

  it('gives pages by token', async () => {
    const first = await stripe.customers.search({ query: 'created>0', limit: 2 });
    expect(first).toMatchObject({ has_more: true, data: [{ name: 'Cy' }, { name: 'Bob' }] });
    const page = first.next_page ?? '';
    const last = await stripe.customers.search({ query: 'created>0', limit: 2, page });
    expect(last).toMatchObject({ has_more: false, next_page: null, data: [{ name: 'Ada' }] });
  });

  it('finds subscriptions, invoices and prices by what the documentation names', async () => {
    // In an account of its own: the customers of this one are counted.
    const { stripe, close } = await emulatedAccount();
    const price = await stripe.prices.create({
      currency: 'usd',
      unit_amount: 1000,
      lookup_key: 'pro_monthly',
      recurring: { interval: 'month' },
      product_data: { name: 'Pro' },
    });
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
    });
    const byKey = await stripe.prices.search({ query: 'lookup_key:"pro_monthly"' });
    expect(byKey.data).toMatchObject([{ id: price.id }]);
    const query = `subscription:"${subscription.id}" AND total>=1000`;
    expect((await stripe.invoices.search({ query })).data).toMatchObject([{ status: 'paid' }]);
    const active = await stripe.subscriptions.search({ query: 'status:"active"' });
    expect(active.data).toMatchObject([{ id: subscription.id }]);
    await close();
  });

  it('refuses fields and forms that Stripe does not know', async () => {
    expect(await refusal(stripe.customers.search({ query: 'colour:"red"' }))).toMatchObject({
      statusCode: 400,
      param: 'query',
      message: expect.stringContaining('unsupported search field'),
    });
    for (const query of ['', 'name', 'name:', 'name:"a" AND email:"b" OR phone:"c"'])
      expect((await refusal(stripe.customers.search({ query }))).statusCode, query).toBe(400);
  });
});
