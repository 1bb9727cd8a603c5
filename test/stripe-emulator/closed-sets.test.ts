import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import { recurringPrice, traveller, utc } from './clock.ts';
import { emulatedAccount, refusal, type EmulatedAccount } from './emulated-account.ts';
import { allParameters, bare } from './schemas.ts';

let account: EmulatedAccount;
let stripe: Stripe;
beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
});
afterAll(() => account.close());

const post = async (path: string, form: string) => {
  const answer = await fetch(`${account.emulator.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}` },
    body: new URLSearchParams(form),
  });
  const { error } = (await answer.json()) as { error?: { message: string; param: string } };
  return { status: answer.status, message: error?.message ?? '', param: error?.param };
};

describe('E-31: a parameter that takes one of some words takes no other', () => {
  const CALLS: [path: string, form: string, param: string, word: string][] = [
    [
      '/v1/webhook_endpoints',
      'url=https://a.test/&enabled_events[]=foo.bar',
      'enabled_events[0]',
      'invoice.paid',
    ],
    [
      '/v1/webhook_endpoints',
      'url=https://a.test/&enabled_events[]=*&api_version=2019-99-99',
      'api_version',
      '2024-06-20',
    ],
    ['/v1/checkout/sessions', 'mode=setup&locale=klingon', 'locale', 'pt-BR'],
    [
      '/v1/tax_rates',
      'display_name=T&inclusive=false&percentage=9&tax_type=window_tax',
      'tax_type',
      'vat',
    ],
    [
      '/v1/customers',
      'tax_id_data[0][type]=de_xx&tax_id_data[0][value]=1',
      'tax_id_data[0][type]',
      'eu_vat',
    ],
    ['/v1/tax_ids', 'type=de_xx&value=1', 'type', 'eu_vat'],
  ];

  it.each(CALLS)('%s %s', async (...[path, form, param, word]) => {
    const answer = await post(path, form);
    expect(answer).toMatchObject({ status: 400, param });
    expect(answer.message).toContain(`Invalid ${param}: must be one of `);
    expect(answer.message).toContain(word);
  });

  /** The compiler compares every parameter with the SDK's types; these are the ones it cannot see. */
  it('the compiler holds all others to it; what is read whole is named here', () => {
    const whole = allParameters()
      .filter(({ key, field }) => key === 'payment_method_types' && !bare(field).words)
      .map(({ route }) => route);
    expect([...new Set(whole)].toSorted()).toEqual([
      'POST /v1/checkout/sessions',
      'POST /v1/payment_intents',
      'POST /v1/payment_intents/:id',
      'POST /v1/payment_intents/:id/confirm',
      'POST /v1/setup_intents',
      'POST /v1/setup_intents/:id',
    ]);
  });
});

describe('E-30: an intent names kinds of payment methods', () => {
  const intent = (currency: string, type: string) =>
    post('/v1/payment_intents', `amount=5999&currency=${currency}&payment_method_types[]=${type}`);

  it.each([
    ['usd', 'foo', 'The payment method type "foo" is invalid.'],
    ['usd', 'ideal', 'The currency provided (usd) is invalid. Payments with ideal support'],
    ['aud', 'au_becs_debit', 'This payment method is available to Stripe accounts in AU'],
    ['jpy', 'konbini', 'available to Stripe accounts in JP and your Stripe account is in US.'],
    ['usd', 'bacs_debit', 'available to Stripe accounts in GB'],
  ])('refused in %s: %s', async (currency, type, words) => {
    const answer = await intent(currency, type);
    expect(answer).toMatchObject({ status: 400, param: 'payment_method_types' });
    expect(answer.message).toContain(words);
  });

  it.each([
    ['eur', 'ideal'],
    ['usd', 'card'],
    ['cad', 'acss_debit'],
    ['eur', 'sepa_debit'],
  ])('taken in %s: %s', async (currency, type) => {
    expect(await intent(currency, type)).toMatchObject({ status: 200 });
  });

  it('by the country that the account is in', async () => {
    const settings = (country: string) =>
      fetch(`${account.emulator.url}/_emulator/settings`, {
        method: 'POST',
        headers: { authorization: `Bearer ${account.key}` },
        body: JSON.stringify({ country }),
      });
    await settings('AU');
    expect(await intent('aud', 'au_becs_debit')).toMatchObject({ status: 200 });
    await settings('US');
  });
});

describe('E-12: a test clock leaps', () => {
  const to = (clock: string, time: string) =>
    stripe.testHelpers.testClocks.advance(clock, { frozen_time: utc(time) });

  it('at most two intervals of its shortest subscription', async () => {
    const price = await recurringPrice(stripe, 2000);
    const yearly = await recurringPrice(stripe, 20_000, { interval: 'year' });
    const { customer, clock } = await traveller(stripe, '2026-01-01');
    for (const each of [yearly, price]) {
      await stripe.subscriptions.create({ customer: customer.id, items: [{ price: each }] });
    }
    const error = await refusal(to(clock, '2026-03-01T00:00:01'));
    expect(error).toMatchObject({ statusCode: 400, param: 'frozen_time' });
    expect(error.message).toContain('two intervals of its shortest subscription');
    expect((await to(clock, '2026-03-01')).status).toBe('advancing');
  });

  it('two years at most, without any', async () => {
    const { clock } = await traveller(stripe, '2026-01-01');
    await refusal(to(clock, '2028-01-04'));
    expect((await to(clock, '2027-12-31')).status).toBe('advancing');
  });
});
