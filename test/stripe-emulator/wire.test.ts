import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stripe } from 'stripe';
import { recurringPrice, traveller, utc } from './clock.ts';
import {
  emulatedAccount,
  idIn,
  openPage,
  postForm,
  refusal,
  typedCard,
  type EmulatedAccount,
} from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;
let price: string;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
  price = await recurringPrice(stripe, 2000);
});
afterAll(() => account.close());

const long = (length: number) => 'x'.repeat(length);
const url = (path: string) => `${account.emulator.url}${path}`;

async function raw(path: string, init: RequestInit): Promise<{ status: number; text: string }> {
  const answer = await fetch(url(path), init);
  return { status: answer.status, text: await answer.text() };
}

describe('E-8: promotion codes and coupons have restrictions', () => {
  async function code(fields: Partial<Stripe.PromotionCodeCreateParams> = {}, amount_off = 500) {
    const coupon = await stripe.coupons.create({
      amount_off,
      currency: 'usd',
      duration: 'forever',
    });
    const made = await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      ...fields,
    });
    return made.id;
  }
  const checkout = (promotion_code: string, customer?: string) =>
    stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price, quantity: 1 }],
      discounts: [{ promotion_code }],
      success_url: 'https://a.test/',
      ...(customer === undefined ? {} : { customer }),
    });
  const subscribe = (discount: Stripe.SubscriptionCreateParams.Discount, customer: string) =>
    stripe.subscriptions.create({
      customer,
      items: [{ price }],
      discounts: [discount],
      trial_period_days: 3,
    });
  const param = 'discounts[0][promotion_code]';

  it('of another customer', async () => {
    const [ada, bob] = [await stripe.customers.create(), await stripe.customers.create()];
    const own = await code({ customer: ada.id });
    await expect(checkout(own, bob.id)).rejects.toMatchObject({ statusCode: 400, param });
    await expect(checkout(own)).rejects.toMatchObject({ statusCode: 400, param });
    expect((await checkout(own, ada.id)).amount_total).toBe(1500);
  });

  it('used up, in Checkout too', async () => {
    const once = await code({ max_redemptions: 1 });
    const customer = await stripe.customers.create();
    await subscribe({ promotion_code: once }, customer.id);
    await expect(checkout(once, customer.id)).rejects.toMatchObject({
      code: 'promotion_code_inactive',
    });
  });

  it('below the minimum amount, in Checkout, creation and update', async () => {
    const restrictions = { minimum_amount: 5000, minimum_amount_currency: 'usd' };
    const big = await code({ restrictions });
    const customer = await stripe.customers.create();
    await expect(checkout(big, customer.id)).rejects.toMatchObject({ statusCode: 400, param });
    await expect(subscribe({ promotion_code: big }, customer.id)).rejects.toMatchObject({ param });
    const plain = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price }],
      trial_period_days: 3,
    });
    await expect(
      stripe.subscriptions.update(plain.id, { discounts: [{ promotion_code: big }] }),
    ).rejects.toMatchObject({ param });
  });

  it('in another currency', async () => {
    const euro = await stripe.coupons.create({
      amount_off: 500,
      currency: 'eur',
      duration: 'forever',
    });
    const customer = await stripe.customers.create();
    await expect(subscribe({ coupon: euro.id }, customer.id)).rejects.toMatchObject({
      statusCode: 400,
      param: 'discounts[0][coupon]',
    });
  });
});

const most = (length: number) => `must be at most ${length} characters`;

describe('E-13: text has a greatest length', () => {
  it.each<[string, number, (text: string) => Promise<unknown>]>([
    ['the name of a customer', 256, (name) => stripe.customers.create({ name })],
    ['any other text', 5000, (description) => stripe.customers.create({ description })],
    ['a lookup key', 200, (lookup_key) => stripe.prices.update(price, { lookup_key })],
    [
      'a reference of a Checkout Session',
      200,
      (client_reference_id) =>
        stripe.checkout.sessions.create({
          mode: 'subscription',
          line_items: [{ price, quantity: 1 }],
          success_url: 'https://a.test/',
          client_reference_id,
        }),
    ],
  ])('%s: %i', async (_what, length, call) => {
    await call(long(length));
    const error = await refusal(call(long(length + 1)));
    expect(error.message).toBe(`Invalid string: xxxxxxxxxx...xxxxxxxxxx; ${most(length)}`);
    expect(error.statusCode).toBe(400);
  });
});

describe('E-13: an e-mail address', () => {
  it('has at most 512 characters', async () => {
    const email = (length: number) => `a@${long(length - 4)}.t`;
    await stripe.customers.create({ email: email(512) });
    const error = await refusal(stripe.customers.create({ email: email(513) }));
    expect(error.message).toContain(most(512));
  });
});

describe('E-14: calls for another account', () => {
  it('are refused, not done on this one', async () => {
    await expect(
      stripe.customers.create({}, { stripeAccount: 'acct_other' }),
    ).rejects.toMatchObject({ statusCode: 403, code: 'account_invalid' });
  });

  it('are done when they name this one', async () => {
    const own = await stripe.accounts.retrieveCurrent();
    const customer = await stripe.customers.create({}, { stripeAccount: own.id });
    expect((await stripe.customers.retrieve(customer.id)).id).toBe(customer.id);
  });
});

describe('E-17: what the address of a payment link says', () => {
  it('is in the session', async () => {
    const link = await stripe.paymentLinks.create({ line_items: [{ price, quantity: 1 }] });
    const { location } = await openPage(
      `${link.url}?client_reference_id=user_42&prefilled_email=ada%40example.test`,
    );
    const id = /cs_test_\w+/.exec(location)?.[0] ?? '';
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      client_reference_id: 'user_42',
      customer_details: { email: 'ada@example.test' },
    });
    const { location: other } = await openPage(`${link.url}?client_reference_id=${long(201)}`);
    const dropped = /cs_test_\w+/.exec(other)?.[0] ?? '';
    expect((await stripe.checkout.sessions.retrieve(dropped)).client_reference_id).toBeNull();
  });
});

describe('E-22: a web page presses no switch', () => {
  const page = { Origin: 'https://evil.test', 'Content-Type': 'text/plain' };

  it.each<[string, string, Record<string, string>]>([
    ['POST', '/_emulator/reset', page],
    ['POST', '/_emulator/restore', page],
    ['POST', '/_emulator/settings', { 'Sec-Fetch-Site': 'cross-site' }],
    ['POST', '/_emulator/faults', { Origin: 'null' }],
    ['GET', '/_emulator/snapshot', { 'Sec-Fetch-Site': 'same-site' }],
    ['POST', '/_emulator/reset', { 'Sec-Fetch-Site': 'none' }],
  ])('%s %s %o', async (method, path, headers) => {
    expect((await raw(path, { method, headers })).status).toBe(403);
  });

  it('not with the key of the account in the address either', async () => {
    const answer = await raw(`/_emulator/reset?key=${account.key}`, {
      method: 'POST',
      headers: page,
    });
    expect(answer.status).toBe(403);
    expect((await stripe.prices.retrieve(price)).id).toBe(price);
  });

  it('programs and typed addresses do', async () => {
    expect((await raw('/_emulator/settings', { method: 'POST' })).status).toBe(200);
    const typed = { headers: { 'Sec-Fetch-Site': 'none' } };
    expect((await raw('/_emulator/faults', typed)).status).toBe(200);
    const own = { Origin: account.emulator.url, Authorization: `Bearer ${account.key}` };
    const answer = await raw('/_emulator/settings', { method: 'POST', headers: own });
    expect(answer.status).toBe(200);
  });
});

describe('E-24: calls that Stripe does not take', () => {
  const post = (headers: Record<string, string>, body: string | Buffer) =>
    raw('/v1/customers', {
      method: 'POST',
      headers: { Authorization: `Bearer ${account.key}`, ...headers },
      body,
    });
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

  it('a JSON body', async () => {
    const answer = await post({ 'Content-Type': 'application/json' }, '{"name":"Ada"}');
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('check that your POST content type');
  });

  it('bytes that are no UTF-8', async () => {
    const answer = await post(form, Buffer.from([0x6e, 0x61, 0x6d, 0x65, 0x3d, 0xff, 0xfe]));
    expect(answer.status).toBe(400);
  });

  it('a publishable key', async () => {
    const answer = await post({ ...form, Authorization: 'Bearer pk_test_1234567890ab' }, 'name=A');
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('secret_key_required');
  });

  it.each(['2019-99-99', '2025-02-30', '2026-10-28', 'yesterday'])(
    'version %s',
    async (version) => {
      const answer = await post({ ...form, 'Stripe-Version': version }, 'name=A');
      expect(answer.status).toBe(400);
      expect(answer.text).toContain('Invalid Stripe API version');
    },
  );

  it('two ends of a trial', async () => {
    const customer = await stripe.customers.create();
    await expect(
      stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price }],
        trial_period_days: 3,
        trial_end: Math.floor(Date.now() / 1000) + 86_400,
      }),
    ).rejects.toMatchObject({ code: 'parameters_exclusive' });
  });

  it('spreads an amount off as Stripe does: 166 and 334', async () => {
    const off = await stripe.coupons.create({ amount_off: 500, currency: 'usd', duration: 'once' });
    const ten = await recurringPrice(stripe, 1000);
    const { customer } = await traveller(stripe, '2026-04-01');
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: ten }, { price }],
      discounts: [{ coupon: off.id }],
    });
    const invoice = await stripe.invoices.retrieve(idIn(subscription.latest_invoice));
    expect(invoice.lines.data.map((line) => line.discount_amounts?.[0]?.amount)).toEqual([
      166, 334,
    ]);
  });
});

describe('E-27: how SDKs of other languages write values', () => {
  it.each(['true', 'True', 'TRUE'])('%s', async (word) => {
    const made = await account.cli('/v1/payment_intents', {
      amount: '500',
      currency: 'usd',
      'automatic_payment_methods[enabled]': word,
    });
    expect(made.status).toBe(200);
    expect(made.body['automatic_payment_methods']).toMatchObject({ enabled: true });
  });

  it('False', async () => {
    const answer = await raw('/v1/prices?active=False', {
      headers: { Authorization: `Bearer ${account.key}` },
    });
    expect(answer.status).toBe(200);
  });

  it('a small decimal with an exponent', async () => {
    const product = await stripe.products.create({ name: 'Tokens' });
    const made = await account.cli('/v1/prices', {
      product: product.id,
      currency: 'usd',
      unit_amount_decimal: '1e-05',
    });
    expect(made.body).toMatchObject({ unit_amount_decimal: '0.00001' });
  });
});

describe('E-28: work done later belongs to the version that asked for it', () => {
  const modeOf = async (version: string, link: boolean) => {
    const old = new Stripe(account.key, {
      host: '127.0.0.1',
      port: account.emulator.port,
      protocol: 'http',
      telemetry: false,
      // @ts-expect-error: a version of another time than the package's
      apiVersion: version,
    });
    const lines = [{ price, quantity: 1 }];
    const { url: page } = link
      ? await old.paymentLinks.create({ line_items: lines })
      : await old.checkout.sessions.create({
          mode: 'subscription',
          line_items: lines,
          success_url: 'https://a.test/',
        });
    const address = link ? (await openPage(page ?? '')).location : (page ?? '');
    const id = /cs_test_\w+/.exec(address)?.[0] ?? '';
    await postForm(address.replace(/#.*/, ''), typedCard('4242424242424242'));
    const session = await stripe.checkout.sessions.retrieve(id, { expand: ['subscription'] });
    const subscription = session.subscription;
    return typeof subscription === 'string' ? null : subscription?.billing_mode.type;
  };

  it.each(['2022-08-01', '2024-06-20', '2025-06-30.basil'])('%s: classic', async (version) => {
    expect(await modeOf(version, false)).toBe('classic');
    expect(await modeOf(version, true)).toBe('classic');
  });

  it('2026-10-28.endive: flexible', async () => {
    expect(await modeOf('2026-10-28.endive', false)).toBe('flexible');
    expect(await modeOf('2026-10-28.endive', true)).toBe('flexible');
  });
});

describe('E-29: a new subscription that needs 3-D Secure', () => {
  it('is refused with the code of subscriptions', async () => {
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_authenticationRequired',
      invoice_settings: { default_payment_method: 'pm_card_authenticationRequired' },
    });
    await expect(
      stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price }],
        payment_behavior: 'error_if_incomplete',
      }),
    ).rejects.toMatchObject({
      statusCode: 402,
      code: 'subscription_payment_intent_requires_action',
    });
  });
});

describe('E-23: on a test clock', () => {
  it('the payment of an invoice has the time of the clock', async () => {
    const { customer } = await traveller(stripe, '2026-04-01');
    await stripe.subscriptions.create({ customer: customer.id, items: [{ price }] });
    const [event] = (await stripe.events.list({ type: 'invoice_payment.paid', limit: 1 })).data;
    expect(event?.created).toBe(utc('2026-04-01'));
  });
});

describe('E-33: short keys', () => {
  it('are accounts, as the SDKs of Stripe use them in their tests', async () => {
    const answer = await raw('/v1/customers', { headers: { Authorization: 'Bearer sk_test_123' } });
    expect(answer.status).toBe(200);
  });
});

describe('E-32: wishes for a kind of method', () => {
  it('are kept and shown as they were given', async () => {
    const made = await account.cli('/v1/payment_intents', {
      amount: '5999',
      currency: 'cad',
      'payment_method_types[0]': 'acss_debit',
      'payment_method_options[acss_debit][mandate_options][payment_schedule]': 'sporadic',
      'payment_method_options[acss_debit][mandate_options][transaction_type]': 'personal',
    });
    expect(made.body['payment_method_options']).toMatchObject({
      acss_debit: {
        mandate_options: { payment_schedule: 'sporadic', transaction_type: 'personal' },
      },
    });
  });
});
