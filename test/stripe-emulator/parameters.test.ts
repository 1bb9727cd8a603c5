import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import { emulatedAccount, refusal, type EmulatedAccount } from './emulated-account.ts';
import { allParameters, isHarmless, isRefused } from './schemas.ts';

const HOME = new URL('../../scripts/stripe-emulator/', import.meta.url).pathname;

/** The emulator's code without the lines that only name parameters. */
function sources(): string {
  return readdirSync(HOME, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\w+: p\..*$/gm, '');
}

/** Words that are read: `x.word`, `x['word']`, `{ word } = x`, `'word'` in a list of keys. */
function wordsRead(code: string): Set<string> {
  const words = new Set<string>();
  for (const [, word = ''] of code.matchAll(/\.(\w+)/g)) words.add(word);
  for (const [, word = ''] of code.matchAll(/'(\w+)'/g)) words.add(word);
  for (const [, inner = ''] of code.matchAll(/\{([^{}();]*)\}\s*(?:=|:)/g))
    for (const word of inner.match(/\w+/g) ?? []) words.add(word);
  return words;
}

/** Objects that are kept and shown whole. */
const COPIED =
  /^(evidence|package_dimensions|parameters|filter|rendering\[template_version\]|shipping_address_collection)(\W|$)/;

describe('E-7: no parameter is accepted and ignored', () => {
  it('each is read by some code, refused by name, or named as harmless in the README', () => {
    const read = wordsRead(sources());
    const readme = readFileSync(join(HOME, 'README.md'), 'utf8');
    const unread = allParameters().filter(({ path, key, field }) => {
      if (isHarmless(field)) return !readme.includes(`\`${key}\``);
      return !isRefused(field) && !read.has(key) && !COPIED.test(path);
    });
    expect(unread.map(({ route, path }) => `${route} ${path}`)).toEqual([]);
  });

  it('what moves money to others is never harmless', () => {
    const money =
      /amount|transfer_data|fee(_|$)|price|quantity|behalf|tax_rates|coupon|discount|trial|anchor/;
    const ignored = allParameters().filter(
      ({ key, field }) => isHarmless(field) && money.test(key),
    );
    expect(ignored.map(({ route, path }) => `${route} ${path}`)).toEqual([
      'POST /v1/payment_intents amount_details',
      'POST /v1/payment_intents/:id amount_details',
      'POST /v1/payment_intents/:id/confirm amount_details',
      'POST /v1/payment_intents/:id/capture amount_details',
    ]);
  });
});

describe('E-7: what is not served answers 400 by its name', () => {
  let account: EmulatedAccount;
  let stripe: Stripe;
  let customer: string;

  beforeAll(async () => {
    account = await emulatedAccount();
    stripe = account.stripe;
    customer = (await stripe.customers.create()).id;
  });
  afterAll(() => account.close());

  const CALLS: [string, string, Record<string, string>][] = [
    ['transfer_data', '/v1/subscriptions', { 'transfer_data[destination]': 'acct_1' }],
    ['on_behalf_of', '/v1/invoices', { on_behalf_of: 'acct_1' }],
    ['billing_schedules', '/v1/subscriptions', { 'billing_schedules[0][key]': 'a' }],
    ['forgive', '/v1/invoices/in_1/pay', { forgive: 'true' }],
    ['final_capture', '/v1/payment_intents/pi_1/capture', { final_capture: 'false' }],
    [
      'preserve_cancel_date',
      '/v1/subscription_schedules/sub_sched_1/release',
      { preserve_cancel_date: 'true' },
    ],
    [
      'save_payment_method',
      '/v1/payment_intents',
      { amount: '500', currency: 'usd', save_payment_method: 'true' },
    ],
    ['validate', '/v1/customers', { validate: 'true' }],
  ];

  it.each(CALLS)('%s', async (param, path, form) => {
    const { status, body } = await account.cli(path, { ...needed(path), ...form });
    expect([status, body['error']]).toEqual([
      400,
      expect.objectContaining({ message: `This emulator does not serve \`${param}\`.`, param }),
    ]);
  });

  it('dynamic_tax_rates of a Checkout line', async () => {
    const answer = await account.cli('/v1/checkout/sessions', {
      mode: 'payment',
      success_url: 'https://a.test/',
      'line_items[0][price]': 'price_1',
      'line_items[0][dynamic_tax_rates][0]': 'txr_foreign',
    });
    expect(answer.status).toBe(400);
  });

  it('saying that it is off is no request', async () => {
    const made = await account.cli('/v1/customers', { validate: 'false' });
    expect(made.status).toBe(200);
    const error = await refusal(
      stripe.invoices.create({ customer, issuer: { type: 'account', account: 'acct_1' } }),
    );
    expect(error.message).toContain('does not serve');
    const own = await stripe.invoices.create({ customer, issuer: { type: 'self' } });
    expect(own.issuer).toEqual({ type: 'self' });
  });

  const needed = (path: string): Record<string, string> =>
    path === '/v1/subscriptions' || path === '/v1/invoices' ? { customer } : {};
});
