import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator } from '../../scripts/stripe-emulator/index.ts';
import { compiledScript } from '../support/compiled.ts';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
beforeAll(async () => {
  account = await emulatedAccount();
});
afterAll(() => account.close());

/** Addresses that an answer holds: of a page, and of the CLI's websocket. */
async function addresses(base: string, headers: Record<string, string>): Promise<string[]> {
  const post = async (path: string, form: string) => {
    const init = { method: 'POST', body: new URLSearchParams(form) };
    const authorization = `Bearer ${account.key}`;
    const answer = await fetch(base + path, { ...init, headers: { authorization, ...headers } });
    return (await answer.json()) as { url: string; websocket_url: string };
  };
  const session = await post(
    '/v1/checkout/sessions',
    'mode=setup&currency=usd&success_url=https://a.test/',
  );
  const listen = await post('/v1/stripecli/sessions', 'websocket_features[]=webhooks');
  return [new URL(session.url).origin, new URL(listen.websocket_url).origin];
}

describe('E-34: addresses are those that the caller can reach', () => {
  it('as the call came, without a proxy', async () => {
    const { url, port } = account.emulator;
    expect(await addresses(url, {})).toEqual([url, `ws://127.0.0.1:${port}`]);
  });

  it('https and wss behind a proxy that ends TLS', async () => {
    const forwarded = {
      'x-forwarded-proto': 'https, http',
      'x-forwarded-host': 'stripe.test',
    };
    expect(await addresses(account.emulator.url, forwarded)).toEqual([
      'https://stripe.test',
      'wss://stripe.test',
    ]);
  });

  it('a public address that is set, whatever the proxy says', async () => {
    const emulator = await startEmulator({ publicUrl: 'https://stripe.example' });
    try {
      expect(await addresses(emulator.url, {})).toEqual([
        'https://stripe.example',
        'wss://stripe.example',
      ]);
    } finally {
      await emulator.close();
    }
  });
});

/** Programs that know one address of Stripe, and how each of them speaks HTTP. */
const PROGRAMS = {
  'the SDK': `
    import Stripe from 'stripe';
    const customer = await new Stripe(process.env.KEY).customers.create({ name: 'Ada' });
    console.log(customer.name, customer.object);`,
  'the SDK from CommonJS': `
    import { createRequire } from 'node:module';
    const Stripe = createRequire(process.cwd() + '/x.js')('stripe');
    const customer = await new Stripe(process.env.KEY).customers.create({ name: 'Ada' });
    console.log(customer.name, customer.object);`,
  fetch: `
    const headers = { authorization: 'Bearer ' + process.env.KEY };
    const body = new URLSearchParams({ name: 'Ada' });
    const url = 'https://api.stripe.com/v1/customers';
    const { name, object } = await (await fetch(url, { method: 'POST', headers, body })).json();
    console.log(name, object);`,
  'https.get': `
    import { get } from 'node:https';
    const headers = { authorization: 'Bearer ' + process.env.KEY };
    get('https://api.stripe.com/v1/customers?limit=1', { headers }, async (response) => {
      let text = '';
      for await (const part of response) text += part;
      const [{ name, object }] = JSON.parse(text).data;
      console.log(name, object);
    });`,
};

describe('E-35: an unmodified program reaches the emulator through --import', () => {
  it.each(Object.entries(PROGRAMS))('%s', async (_name, program) => {
    const preload = compiledScript('stripe-emulator/redirect');
    const args = ['--import', preload, '--input-type=module', '--eval', program];
    const env = { PATH: process.env['PATH'], KEY: account.key };
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...env, STRIPE_EMULATOR_URL: account.emulator.url },
      timeout: 20_000,
    });
    expect(stdout).toBe('Ada customer\n');
  });
});

describe('E-35: TLS for Stripe’s own host', () => {
  it('is trusted by who trusts its CA, and leads to https and wss', async ({ skip }) => {
    if (spawnSync('openssl', ['version']).status !== 0) skip('there is no openssl here');
    const tlsDir = mkdtempSync(join(tmpdir(), 'tenure-tls-'));
    const emulator = await startEmulator({ tlsDir });
    try {
      // As with a hosts entry: the name is Stripe's, the address is here.
      const program = `
        import https from 'node:https';
        import Stripe from 'stripe';
        const lookup = (_name, options, done) => done(null, options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4);
        const httpAgent = new https.Agent({ lookup });
        const stripe = new Stripe(process.env.KEY, { httpAgent, port: Number(process.env.PORT), maxNetworkRetries: 0 });
        const session = await stripe.checkout.sessions.create({ mode: 'setup', currency: 'usd', success_url: 'https://a.test/' });
        console.log(new URL(session.url).origin);`;
      const run = (env: Record<string, string>) =>
        promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
          env: { PATH: process.env['PATH'], KEY: account.key, PORT: `${emulator.port}`, ...env },
          timeout: 20_000,
        });
      const { stdout } = await run({ NODE_EXTRA_CA_CERTS: join(tlsDir, 'ca.pem') });
      expect(stdout).toBe(`https://api.stripe.com:${emulator.port}\n`);
      await expect(run({})).rejects.toThrow(/certificate/);
    } finally {
      await emulator.close();
      rmSync(tlsDir, { recursive: true });
    }
  });
});

describe('E-15, E-25, E-36: what is not served says so', () => {
  const call = async (method: string, path: string, form?: string) => {
    const answer = await fetch(account.emulator.url + path, {
      method,
      headers: { authorization: `Bearer ${account.key}` },
      body: form === undefined ? null : new URLSearchParams(form),
    });
    const body = (await answer.json()) as Record<string, unknown> & { error?: { message: string } };
    return { status: answer.status, body, message: body.error?.message };
  };

  it.each([
    ['POST', 'tax/calculations'],
    ['GET', 'tax/registrations'],
    ['GET', 'payment_method_configurations'],
    ['GET', 'radar/value_list_items'],
    ['GET', 'billing/alerts'],
    ['GET', 'tax_codes'],
    ['GET', 'files/file_1'],
    ['GET', 'sources/src_1'],
  ])('%s /v1/%s by name', async (method, path) => {
    const { status, message } = await call(method, `/v1/${path}`);
    const resource = path.replace(/\/\w+_1$/, '');
    expect({ status, message }).toEqual({
      status: 404,
      message: `This emulator does not serve /v1/${resource}.`,
    });
  });

  it('what Stripe has not either is unrecognized', async () => {
    const { status, message } = await call('GET', '/v1/file');
    expect(status).toBe(404);
    expect(message).toMatch(/^Unrecognized request URL \(GET: \/v1\/file\)/);
  });

  it.each(['radar/early_fraud_warnings', 'reviews'])('%s is an empty list', async (path) => {
    const { body } = await call('GET', `/v1/${path}?limit=3`);
    expect(body).toEqual({ object: 'list', url: `/v1/${path}`, has_more: false, data: [] });
    expect((await call('GET', `/v1/${path}/none_1`)).status).toBe(404);
  });

  it('addresses of before lead to those of today', async () => {
    const { stripe } = account;
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const product = await stripe.products.create({ name: 'Plan' });
    const recurring = { interval: 'month' } as const;
    const price = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 500,
      recurring,
    });
    const subscriptions = `/v1/customers/${customer.id}/subscriptions`;
    const made = await call('POST', subscriptions, `items[0][price]=${price.id}`);
    expect(made.body).toMatchObject({ customer: customer.id, status: 'active' });
    const one = `${subscriptions}/${String(made.body['id'])}`;
    expect((await call('GET', one)).body).toMatchObject({ id: made.body['id'] });
    expect((await call('GET', subscriptions)).body['data']).toHaveLength(1);

    const { data } = await stripe.charges.list({ customer: customer.id });
    const charge = String(data[0]?.id);
    const refund = await call('POST', `/v1/charges/${charge}/refunds`, 'amount=200');
    expect(refund.body).toMatchObject({ object: 'refund', charge, amount: 200 });
    expect((await call('DELETE', one)).body).toMatchObject({ status: 'canceled' });
    expect((await call('GET', `/v1/customers/${customer.id}/cards`)).status).toBe(200);
  });
});
