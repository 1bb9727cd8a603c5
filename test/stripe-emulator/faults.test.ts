import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Stripe } from 'stripe';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';
import { webhookSink } from './webhook-sink.ts';

let account: EmulatedAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = new Stripe(account.key, {
    host: '127.0.0.1',
    port: account.emulator.port,
    protocol: 'http',
    telemetry: false,
    maxNetworkRetries: 0,
  });
});
afterAll(() => account.close());
afterEach(() => emulator('DELETE', '/_emulator/faults'));

async function emulator(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: Record<string, unknown>; text: string }> {
  const answer = await fetch(`${account.emulator.url}${path}`, {
    method,
    headers: { Authorization: `Bearer ${account.key}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, json: JSON.parse(text), text };
}

async function fault(spec: Record<string, unknown>): Promise<void> {
  const { status, text } = await emulator('POST', '/_emulator/faults', spec);
  if (status !== 200) throw new Error(text);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

describe('faults on demand', () => {
  it('are off by default, and refuse what they do not know', async () => {
    expect((await emulator('GET', '/_emulator/faults')).json).toEqual({ data: [] });
    expect((await emulator('POST', '/_emulator/faults', { type: 'earthquake' })).status).toBe(400);
    expect(
      (await emulator('POST', '/_emulator/faults', { type: 'latency', ms: 5, speed: 1 })).status,
    ).toBe(400);
    expect((await emulator('DELETE', '/_emulator/faults/fault_none')).status).toBe(404);
  });

  it('delay calls of one path only', async () => {
    await fault({ type: 'latency', ms: 300, path: '/v1/products*' });
    expect(await timed(() => stripe.products.list())).toBeGreaterThan(290);
    expect(await timed(() => stripe.coupons.list())).toBeLessThan(250);
  });

  it('limit the rate with the reason in a header, a number of times', async () => {
    await fault({ type: 'rate_limit', reason: 'endpoint-rate', times: 1, skip: 1 });
    await stripe.products.list();
    await expect(stripe.products.list()).rejects.toMatchObject({
      type: 'StripeRateLimitError',
      code: 'rate_limit',
      headers: { 'stripe-rate-limited-reason': 'endpoint-rate', 'stripe-should-retry': 'false' },
    });
    await stripe.products.list();
    await fault({ type: 'rate_limit', times: 1 });
    await expect(stripe.products.list()).rejects.toMatchObject({
      statusCode: 429,
      code: 'lock_timeout',
    });
  });

  it('fail before or after the work is done', async () => {
    await fault({ type: 'error', method: 'POST', times: 1 });
    await expect(stripe.products.create({ id: 'prod_never', name: 'Never' })).rejects.toMatchObject(
      { type: 'StripeAPIError', statusCode: 500 },
    );
    await expect(stripe.products.retrieve('prod_never')).rejects.toMatchObject({ statusCode: 404 });
    await fault({ type: 'error', method: 'POST', when: 'after', status: 503, times: 1 });
    await expect(stripe.products.create({ id: 'prod_made', name: 'Made' })).rejects.toMatchObject({
      statusCode: 503,
    });
    expect(await stripe.products.retrieve('prod_made')).toMatchObject({ name: 'Made' });
  });

  it('keep an error under its idempotency key, as Stripe keeps a 500', async () => {
    await fault({ type: 'error', method: 'POST', keep: true, times: 1 });
    const create = (key: string) =>
      stripe.products.create({ name: 'Kept' }, { idempotencyKey: key });
    await expect(create('key-1')).rejects.toMatchObject({ statusCode: 500 });
    await expect(create('key-1')).rejects.toMatchObject({
      statusCode: 500,
      headers: { 'idempotent-replayed': 'true' },
    });
    expect(await create('key-2')).toMatchObject({ name: 'Kept' });
  });

  it.each(['before', 'after', 'mid_body'] as const)('cut the connection %s', async (when) => {
    await fault({ type: 'disconnect', when, path: '/v1/coupons', method: 'POST' });
    await expect(
      stripe.coupons.create({ id: `CUT-${when}`, percent_off: 5, duration: 'once' }),
    ).rejects.toMatchObject({ type: 'StripeConnectionError' });
    await emulator('DELETE', '/_emulator/faults');
    const there = await stripe.coupons.retrieve(`CUT-${when}`).then(
      () => true,
      () => false,
    );
    expect(there).toBe(when !== 'before');
  });

  it('answer with what was true before, or late', async () => {
    const product = await stripe.products.create({ name: 'One' });
    await stripe.products.update(product.id, { name: 'Two' });
    await fault({ type: 'stale_read', path: '/v1/products*', times: 2 });
    expect(await stripe.products.retrieve(product.id)).toMatchObject({ name: 'One' });
    expect((await stripe.products.list()).data.find(({ id }) => id === product.id)).toMatchObject({
      name: 'One',
    });
    expect(await stripe.products.retrieve(product.id)).toMatchObject({ name: 'Two' });
    await fault({ type: 'late_answer', ms: 400, method: 'GET', times: 1 });
    const late = stripe.products.retrieve(product.id);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await stripe.products.update(product.id, { name: 'Three' });
    expect(await late).toMatchObject({ name: 'Two' });
  });

  it('belong to one account', async () => {
    await fault({ type: 'error' });
    const other = new Stripe('sk_test_untouched_account', {
      host: '127.0.0.1',
      port: account.emulator.port,
      protocol: 'http',
      telemetry: false,
      maxNetworkRetries: 0,
    });
    expect((await other.products.list()).data).toEqual([]);
    await expect(stripe.products.list()).rejects.toMatchObject({ statusCode: 500 });
  });
});

describe('webhook faults', () => {
  it('drop, repeat, delay and shuffle deliveries', async () => {
    const sink = await webhookSink();
    const endpoint = await stripe.webhookEndpoints.create({ url: sink.url, enabled_events: ['*'] });
    await fault({ type: 'webhook_drop', events: 'product.*', times: 1 });
    await stripe.products.create({ id: 'prod_dropped', name: 'Dropped' });
    await fault({ type: 'webhook_duplicate', events: 'coupon.created', copies: 3 });
    await stripe.coupons.create({ percent_off: 5, duration: 'once' });
    const copies = await sink.waitFor(3, ({ type }) => type === 'coupon.created');
    expect(new Set(copies.map(({ id }) => id)).size).toBe(1);
    await fault({ type: 'webhook_delay', events: 'tax_rate.created', ms: 400 });
    await stripe.taxRates.create({ display_name: 'Late', inclusive: false, percentage: 1 });
    await stripe.products.create({ id: 'prod_soon', name: 'Soon' });
    await sink.waitFor(1, ({ type }) => type === 'tax_rate.created');
    const order = sink.received.map(({ type }) => type);
    expect(order.indexOf('product.created')).toBeLessThan(order.indexOf('tax_rate.created'));
    expect(sink.received.some(({ body }) => body.includes('prod_dropped'))).toBe(false);
    await stripe.webhookEndpoints.del(endpoint.id);
    await sink.close();
  });
});

describe('the state of an account', () => {
  it('can be kept, changed, put back, and emptied', async () => {
    const before = await stripe.products.create({ name: 'Before' });
    const price = await stripe.prices.create({
      product: before.id,
      currency: 'usd',
      unit_amount_decimal: Stripe.Decimal.from('0.25'),
    });
    const snapshot = (await emulator('GET', '/_emulator/snapshot')).text;
    await stripe.products.update(before.id, { name: 'After' });
    const later = await stripe.products.create({ name: 'Later' });
    expect((await emulator('POST', '/_emulator/restore', snapshot)).json).toEqual({
      restored: true,
    });
    expect(await stripe.products.retrieve(before.id)).toMatchObject({ name: 'Before' });
    expect(String((await stripe.prices.retrieve(price.id)).unit_amount_decimal)).toBe('0.25');
    await expect(stripe.products.retrieve(later.id)).rejects.toMatchObject({ statusCode: 404 });
    expect((await emulator('POST', '/_emulator/restore', '{}')).status).toBe(400);
    await emulator('POST', '/_emulator/reset');
    expect((await stripe.products.list()).data).toEqual([]);
    expect((await stripe.events.list()).data).toEqual([]);
    expect((await stripe.billingPortal.configurations.list()).data).toHaveLength(1);
  });

  it('has settings that stand for the Dashboard', async () => {
    const changed = await emulator('POST', '/_emulator/settings', {
      finalAction: 'unpaid',
      retryDays: [1, 2],
    });
    expect(changed.json).toMatchObject({ finalAction: 'unpaid', retryDays: [1, 2] });
    expect((await emulator('POST', '/_emulator/settings', { finalAction: 'explode' })).status).toBe(
      400,
    );
  });
});
