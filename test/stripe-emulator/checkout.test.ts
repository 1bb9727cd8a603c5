import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
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
let monthly: Stripe.Price;
let once: Stripe.Price;
let euros: Stripe.Price;

beforeAll(async () => {
  account = await emulatedAccount();
  ({ stripe } = account);
  const product = await stripe.products.create({ name: 'Pro <script>' });
  monthly = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 1900,
    recurring: { interval: 'month' },
  });
  once = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 1500 });
  euros = await stripe.prices.create({ product: product.id, currency: 'eur', unit_amount: 1500 });
});
afterAll(async () => account.close());

const SUCCESS = 'https://shop.test/ok?session={CHECKOUT_SESSION_ID}';
const GOOD = '4242 4242 4242 4242';
type Params = Stripe.Checkout.SessionCreateParams;
const subscribe = (more: Partial<Params> = {}) =>
  stripe.checkout.sessions.create({
    mode: 'subscription',
    line_items: [{ price: monthly.id, quantity: 1 }],
    success_url: SUCCESS,
    ...more,
  });
const buy = (more: Partial<Params> = {}) =>
  stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: once.id, quantity: 2 }],
    success_url: SUCCESS,
    ...more,
  });
const urlOf = (session: Stripe.Checkout.Session): string => {
  if (session.url === null) throw new Error('the session has no page');
  return session.url;
};
const alertIn = (page: string): string => /role="alert">([^<]*)/.exec(page)?.[1]?.trim() ?? '';
const reread = (session: Stripe.Checkout.Session) =>
  stripe.checkout.sessions.retrieve(session.id, {
    expand: ['subscription', 'invoice', 'line_items'],
  });

async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 60; tries += 1) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it did not happen within six seconds');
}

describe('a subscription with a trial', () => {
  it('completes without a payment, in the order that Stripe tells it', async () => {
    const customer = await stripe.customers.create({ email: 'trial@example.test' });
    const session = await subscribe({
      customer: customer.id,
      client_reference_id: 'user-7',
      metadata: { source: 'test' },
      subscription_data: {
        trial_period_days: 14,
        metadata: { uid: '7' },
        trial_settings: { end_behavior: { missing_payment_method: 'cancel' } },
      },
    });
    expect(session).toMatchObject({
      status: 'open',
      payment_status: 'no_payment_required',
      amount_total: 0,
      customer_details: { email: 'trial@example.test' },
    });
    const before = (await account.eventTypes()).length;
    const answer = await postForm(urlOf(session), typedCard(GOOD));
    expect(answer).toMatchObject({
      status: 303,
      location: `https://shop.test/ok?session=${session.id}`,
    });
    expect((await account.eventTypes()).slice(before)).toEqual([
      'setup_intent.created',
      'setup_intent.succeeded',
      'payment_method.attached',
      'checkout.session.completed',
      'customer.subscription.created',
      'invoice.created',
      'invoice.finalized',
      'invoice.paid',
      'invoice.payment_succeeded',
    ]);
    const done = await reread(session);
    expect(done).toMatchObject({
      status: 'complete',
      url: null,
      payment_status: 'no_payment_required',
      client_reference_id: 'user-7',
      metadata: { source: 'test' },
      subscription: {
        status: 'trialing',
        metadata: { uid: '7' },
        customer: customer.id,
        trial_settings: { end_behavior: { missing_payment_method: 'cancel' } },
      },
      invoice: { amount_due: 0, status: 'paid' },
    });
    const [method] = (await stripe.customers.listPaymentMethods(customer.id)).data;
    expect(done.subscription).toMatchObject({ default_payment_method: method?.id });
  });

  it('asks for no card when none is needed and `if_required` is set', async () => {
    const session = await subscribe({
      customer_email: 'free@example.test',
      payment_method_collection: 'if_required',
      subscription_data: { trial_period_days: 7 },
    });
    const page = await openPage(urlOf(session));
    expect(page.text).not.toContain('name="number"');
    expect(page.text).toContain('Start trial');
    expect((await postForm(urlOf(session), {})).status).toBe(303);
    expect(await reread(session)).toMatchObject({
      status: 'complete',
      subscription: { status: 'trialing', default_payment_method: null },
    });
  });
});

describe('a subscription that is paid at once', () => {
  it('a declined card leaves neither subscription nor invoice, and another card then pays', async () => {
    const customer = await stripe.customers.create({ email: 'pays@example.test' });
    const session = await subscribe({
      customer: customer.id,
      line_items: [{ price: monthly.id, quantity: 3 }],
    });
    const declined = await postForm(urlOf(session), typedCard('4000000000009995'));
    expect(declined.status).toBe(402);
    expect(alertIn(declined.text)).toBe('Your card has insufficient funds.');
    expect(declined.text).toContain('value="Ada"');
    expect(
      (await stripe.subscriptions.list({ customer: customer.id, status: 'all' })).data,
    ).toEqual([]);
    expect((await stripe.invoices.list({ customer: customer.id })).data).toEqual([]);
    expect(await reread(session)).toMatchObject({
      status: 'open',
      payment_status: 'unpaid',
      subscription: null,
    });
    expect((await postForm(urlOf(session), typedCard(GOOD))).status).toBe(303);
    expect(await reread(session)).toMatchObject({
      payment_status: 'paid',
      payment_intent: null,
      amount_total: 5700,
      subscription: { status: 'active', items: { data: [{ quantity: 3 }] } },
      invoice: { status: 'paid', amount_paid: 5700, billing_reason: 'subscription_create' },
    });
    const [intent] = (await stripe.paymentIntents.list({ customer: customer.id })).data;
    expect(intent).toMatchObject({
      status: 'succeeded',
      setup_future_usage: 'off_session',
      amount: 5700,
    });
  });

  it('makes the customer from what was typed', async () => {
    const session = await subscribe();
    expect(session).toMatchObject({ customer: null, customer_creation: 'always' });
    await postForm(urlOf(session), typedCard(GOOD));
    const done = await reread(session);
    expect(done.customer_details).toMatchObject({ email: 'ada@example.test', name: 'Ada' });
    expect(await stripe.customers.retrieve(idIn(done.customer))).toMatchObject({
      email: 'ada@example.test',
      name: 'Ada',
    });
  });

  it('takes 3D Secure on the way: failing leads back to the page, completing to the shop', async () => {
    const session = await subscribe();
    const challenge = await postForm(urlOf(session), typedCard('4000002760003184'));
    expect(challenge.status).toBe(303);
    const bank = await openPage(challenge.location);
    expect(bank.text).toContain('Complete authentication');
    expect(bank.headers.get('content-security-policy')).toContain('https://shop.test');
    const failed = await postForm(challenge.location, { outcome: 'fail' });
    const back = await openPage(failed.location);
    expect(alertIn(back.text)).toContain('could not authenticate');
    const again = await postForm(urlOf(session), typedCard('4000002760003184'));
    const completed = await postForm(again.location, { outcome: 'succeed' });
    expect((await openPage(completed.location)).location).toBe(
      `https://shop.test/ok?session=${session.id}`,
    );
    expect(await reread(session)).toMatchObject({
      status: 'complete',
      payment_status: 'paid',
      subscription: { status: 'active' },
    });
  });

  it('applies a promotion code that a person types, and tells what is wrong with another', async () => {
    const coupon = await stripe.coupons.create({ percent_off: 25, duration: 'forever' });
    await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      code: 'QUARTER',
    });
    const session = await subscribe({ allow_promotion_codes: true });
    const wrong = await postForm(`${urlOf(session)}/promotion`, { code: 'NOPE' });
    expect(alertIn(wrong.text)).toBe('This code is invalid.');
    expect((await postForm(`${urlOf(session)}/promotion`, { code: 'quarter' })).status).toBe(303);
    expect(await reread(session)).toMatchObject({
      amount_subtotal: 1900,
      amount_total: 1425,
      total_details: { amount_discount: 475 },
    });
    await postForm(urlOf(session), typedCard(GOOD));
    expect(await reread(session)).toMatchObject({
      payment_status: 'paid',
      invoice: { amount_paid: 1425 },
      line_items: { data: [{ amount_discount: 475, amount_total: 1425 }] },
    });
    expect((await stripe.coupons.retrieve(coupon.id)).times_redeemed).toBe(1);
  });
});

describe('one-time payments and setups', () => {
  it('a payment has its intent on the session', async () => {
    const session = await buy({
      payment_intent_data: { metadata: { order: '9' }, setup_future_usage: 'off_session' },
      customer_creation: 'always',
      invoice_creation: { enabled: true },
    });
    await postForm(urlOf(session), typedCard(GOOD));
    const done = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['payment_intent.latest_charge', 'invoice'],
    });
    expect(done).toMatchObject({
      payment_status: 'paid',
      amount_total: 3000,
      payment_intent: {
        status: 'succeeded',
        metadata: { order: '9' },
        latest_charge: { amount: 3000 },
      },
      invoice: { status: 'paid', amount_paid: 3000 },
    });
    expect((await stripe.customers.listPaymentMethods(idIn(done.customer))).data).toHaveLength(1);
  });

  it('a setup saves the card', async () => {
    const customer = await stripe.customers.create({ email: 'setup@example.test' });
    const session = await stripe.checkout.sessions.create({
      mode: 'setup',
      currency: 'usd',
      customer: customer.id,
      success_url: SUCCESS,
    });
    expect(session.setup_intent).toMatch(/^seti_/);
    await postForm(urlOf(session), typedCard('5555555555554444'));
    const done = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['setup_intent.payment_method'],
    });
    expect(done).toMatchObject({
      status: 'complete',
      payment_status: 'no_payment_required',
      setup_intent: {
        status: 'succeeded',
        payment_method: { card: { brand: 'mastercard' }, customer: customer.id },
      },
    });
  });

  it('a bank debit completes the session unpaid and tells later how it went', async () => {
    const debit = async (iban: string) => {
      const session = await buy({ line_items: [{ price: euros.id, quantity: 1 }] });
      expect(
        (
          await postForm(urlOf(session), {
            method: 'sepa_debit',
            email: 'ada@example.test',
            name: 'Ada',
            iban,
          })
        ).status,
      ).toBe(303);
      expect(await reread(session)).toMatchObject({ status: 'complete', payment_status: 'unpaid' });
      return session;
    };
    const paid = await debit('AT611904300234573201');
    const failed = await debit('IT60X0542811101000000123456');
    await eventually(async () => (await reread(paid)).payment_status === 'paid');
    await eventually(async () =>
      (await account.eventTypes()).includes('checkout.session.async_payment_failed'),
    );
    expect(
      (await account.eventTypes()).filter((type) => type.startsWith('checkout.session.async')),
    ).toEqual(
      expect.arrayContaining([
        'checkout.session.async_payment_succeeded',
        'checkout.session.async_payment_failed',
      ]),
    );
    expect((await reread(failed)).payment_status).toBe('unpaid');
  });

  it('the page call that the CLI makes pays, and checks the amount', async () => {
    const session = await buy();
    const seen = await stripe.rawRequest('GET', `/v1/payment_pages/${session.id}`);
    expect(seen).toMatchObject({ session_id: session.id });
    const method = await stripe.paymentMethods.create({
      type: 'card',
      card: { token: 'tok_visa' },
      billing_details: { email: 'cli@example.test' },
    });
    const confirm = (amount: string) =>
      account.cli(`/v1/payment_pages/${session.id}/confirm`, {
        payment_method: method.id,
        expected_amount: amount,
      });
    expect(await confirm('2999')).toMatchObject({
      status: 400,
      body: { error: { code: 'checkout_amount_mismatch' } },
    });
    expect((await confirm('3000')).status).toBe(200);
    expect(await reread(session)).toMatchObject({
      status: 'complete',
      payment_status: 'paid',
      customer_details: { email: 'cli@example.test' },
    });
  });
});

describe('a session that is over', () => {
  it('can be expired once, and its page says so', async () => {
    const session = await buy({ cancel_url: 'https://shop.test/cart' });
    expect((await openPage(urlOf(session))).text).toContain('href="https://shop.test/cart"');
    const expired = await stripe.checkout.sessions.expire(session.id);
    expect(expired).toMatchObject({ status: 'expired', url: null });
    expect((await openPage(`${account.emulator.url}/c/pay/${session.id}`)).status).toBe(410);
    expect((await refusal(stripe.checkout.sessions.expire(session.id))).message).toContain(
      'can be expired',
    );
    expect(await account.eventTypes()).toContain('checkout.session.expired');
  });

  it('a paid session cannot be paid twice', async () => {
    const session = await buy();
    const [first, second] = await Promise.all([
      postForm(urlOf(session), typedCard(GOOD)),
      postForm(urlOf(session), typedCard(GOOD)),
    ]);
    expect([first.status, second.status]).toEqual([303, 303]);
    const done = await reread(session);
    const charges = await stripe.charges.list({ payment_intent: idIn(done.payment_intent) });
    expect(charges.data).toHaveLength(1);
  });
});

describe('the page', () => {
  let page: Awaited<ReturnType<typeof openPage>>;
  beforeEach(async () => {
    page = await openPage(
      urlOf(await subscribe({ custom_text: { submit: { message: '<img src=x>' } } })),
    );
  });

  it('escapes what people named, runs no inline code and says that no money moves', () => {
    expect(page.text).toContain('Pro &lt;script&gt;');
    expect(page.text).not.toMatch(/<script>|<style|style="| on\w+="/);
    expect(page.text).toContain('no real money');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe-inline');
  });

  it('names every field', () => {
    for (const id of ['email', 'number', 'expiry', 'cvc', 'name']) {
      expect(page.text).toContain(`<label for="${id}">`);
      expect(page.text).toContain(`id="${id}"`);
    }
  });

  it('fills the form by a plain link, so that it works without code', async () => {
    const session = await subscribe();
    const filled = await openPage(`${urlOf(session)}?fill=4000000000000341`);
    expect(filled.text).toContain('value="4000 0000 0000 0341"');
  });

  it('tells what is wrong with what was typed', async () => {
    const url = urlOf(await subscribe());
    const complain = async (form: Record<string, string>) =>
      alertIn((await postForm(url, { ...typedCard(GOOD), ...form })).text);
    expect(await complain({ number: '' })).toContain('card number');
    expect(await complain({ number: '4242424242424241' })).toBe('Your card number is incorrect.');
    expect(await complain({ expiry: '13/34' })).toContain('expiration month');
    expect(await complain({ email: 'nobody' })).toContain('email');
  });

  it('leads nowhere for an unknown session', async () => {
    expect((await openPage(`${account.emulator.url}/c/pay/cs_test_unknown`)).status).toBe(404);
  });

  it('sends the person on only when the webhook was answered', async () => {
    let answered = 0;
    const server = http.createServer((request, response) => {
      request.resume().on('end', () => setTimeout(() => response.end(() => (answered += 1)), 150));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const hook = await stripe.webhookEndpoints.create({
      url: `http://127.0.0.1:${port}/`,
      enabled_events: ['checkout.session.completed'],
    });
    const session = await buy();
    const answer = await postForm(urlOf(session), typedCard(GOOD));
    expect(answer.status).toBe(303);
    expect(answered).toBe(1);
    await stripe.webhookEndpoints.del(hook.id);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('what Stripe refuses', () => {
  const cases: [string, () => Promise<unknown>, object][] = [
    [
      'recurring prices in a payment',
      () => buy({ line_items: [{ price: monthly.id, quantity: 1 }] }),
      { param: 'line_items[0][price]' },
    ],
    [
      'only one-time prices in a subscription',
      () => subscribe({ line_items: [{ price: once.id, quantity: 1 }] }),
      { param: 'line_items' },
    ],
    [
      'a missing success_url',
      () => buy({ success_url: undefined }),
      { code: 'parameter_missing', param: 'success_url' },
    ],
    [
      'a price that does not exist',
      () => buy({ line_items: [{ price: 'price_x', quantity: 1 }] }),
      { code: 'resource_missing' },
    ],
    [
      'two currencies',
      () =>
        buy({
          line_items: [
            { price: once.id, quantity: 1 },
            { price: euros.id, quantity: 1 },
          ],
        }),
      { param: 'line_items[1][price]' },
    ],
    [
      'a customer and an email',
      () => buy({ customer_email: 'a@b.test', customer: 'cus_1' }),
      { statusCode: 400 },
    ],
    [
      'codes and discounts',
      () => buy({ allow_promotion_codes: true, discounts: [{ coupon: 'x' }] }),
      { statusCode: 400 },
    ],
    [
      'a trial that ends tomorrow',
      () => subscribe({ subscription_data: { trial_end: Math.floor(Date.now() / 1000) + 86_400 } }),
      { param: 'subscription_data[trial_end]' },
    ],
    [
      'an expiry in two days',
      () => buy({ expires_at: Math.floor(Date.now() / 1000) + 2 * 86_400 }),
      { param: 'expires_at' },
    ],
    [
      'payment_method_types',
      () => buy({ payment_method_types: ['card'] } as Partial<Params>),
      { code: 'payment_method_types_no_longer_supported' },
    ],
    [
      'parameters nobody knows',
      () => buy({ colour: 'red' } as Partial<Params>),
      { code: 'parameter_unknown' },
    ],
  ];
  it.each(cases)('%s', async (_name, call, error) => {
    expect(await refusal(call())).toMatchObject({ type: 'StripeInvalidRequestError', ...error });
  });
});
