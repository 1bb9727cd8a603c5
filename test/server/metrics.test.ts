import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { loadConfig } from '../../server/config/config.ts';
import { createHandler } from '../../server/app/route-list.ts';
import { startTestServer, until, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN } from '../support/tokens.ts';

let emulator: RunningEmulator;
let server: TestServer;
beforeAll(async () => {
  emulator = await startEmulator();
  server = await startTestServer({ database: 'sqlite', emulator, testClock: false });
});
afterAll(async () => {
  await server.close();
  await emulator.close();
});

/** The samples of a scrape: `name{labels}` → value. */
async function scrape(): Promise<Map<string, number>> {
  const { text, status } = await server.call('GET', '/metrics', { admin: true });
  expect(status).toBe(200);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const cut = line.lastIndexOf(' ');
      return [line.slice(0, cut), Number(line.slice(cut + 1))];
    }),
  );
}

describe('The figures for Prometheus', () => {
  it('count requests by route and status, never by path', async () => {
    await server.call('GET', '/api/billing/plans');
    await server.call('GET', '/api/billing/invoices/in_of_somebody/pdf', { user: 'u1' });
    await server.call('GET', '/some/path/of/a/scanner');
    const samples = await scrape();
    const count = (method: string, route: string, status: number) =>
      samples.get(
        `tenure_http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"}`,
      );
    expect(count('GET', '/api/billing/plans', 200)).toBe(1);
    expect(count('GET', '/api/billing/invoices/:id/pdf', 404)).toBe(1);
    expect(count('any', 'unmatched', 404)).toBe(1);
    expect([...samples.keys()].join()).not.toMatch(/in_of_somebody|scanner/);
  });

  it('count events and their age, turns, calls to Stripe, and subscriptions by state', async () => {
    const { json } = await server.call('POST', '/api/billing/checkout', {
      user: 'u_metrics',
      body: { plan: 'pro', interval: 'monthly' },
    });
    expect(json['url']).toMatch(/^http/);
    const customer = (await server.stripe.customers.list({ limit: 1 })).data[0]?.id ?? '';
    const price = server.env['STRIPE_PRO_MONTHLY_PRICE_ID'] ?? '';
    const items = [{ price }];
    const metadata = { user_id: 'u_metrics' };
    await server.stripe.subscriptions.create({ customer, items, metadata, trial_period_days: 7 });
    await server.settled();
    const samples = await scrape();
    expect(samples.get('tenure_subscriptions{state="trialing"}')).toBe(1);
    expect(samples.get('tenure_subscriptions{state="past_due"}')).toBe(0);
    expect(samples.get('tenure_inbox_events{status="waiting"}')).toBe(0);
    expect(samples.get('tenure_inbox_oldest_due_seconds')).toBe(0);
    expect(samples.get('tenure_database_up')).toBe(1);
    const done = samples.get('tenure_events_processed_total{outcome="done"}') ?? 0;
    expect(done).toBeGreaterThan(0);
    expect(samples.get('tenure_event_age_seconds_count')).toBe(done);
    expect(
      samples.get('tenure_customer_processing_seconds_count{outcome="committed"}'),
    ).toBeGreaterThan(0);
    expect(
      samples.get(
        'tenure_stripe_call_duration_seconds_count{method="POST",resource="/v1/checkout/sessions",status="200"}',
      ),
    ).toBe(1);
    expect(
      samples.get(
        'tenure_stripe_call_duration_seconds_count{method="GET",resource="/v1/subscriptions/:id",status="200"}',
      ),
    ).toBeGreaterThan(0);
  });

  it('show a 429 of Stripe for each attempt that got one', async () => {
    await fetch(`${emulator.url}/_emulator/faults`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.env['STRIPE_SECRET_KEY']}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        type: 'rate_limit',
        method: 'POST',
        path: '/v1/checkout/sessions',
        times: 1,
      }),
    }).then((response) => expect(response.status).toBeLessThan(300));
    const answer = await server.call('POST', '/api/billing/checkout', {
      user: 'u_limited',
      body: { plan: 'pro', interval: 'monthly' },
    });
    expect(answer.status).toBe(429);
    const samples = await scrape();
    expect(
      samples.get(
        'tenure_stripe_call_duration_seconds_count{method="POST",resource="/v1/checkout/sessions",status="429"}',
      ),
    ).toBe(1);
  });

  it('show what is stuck: depth and age of the inbox, dead events', async () => {
    const row = {
      type: 'x',
      subject: 'cus_stuck',
      payload: '{}',
      livemode: false,
      source: 'webhook',
      created_at: Date.now() - 60_000,
      received_at: Date.now() - 60_000,
      next_attempt_at: Date.now() - 60_000,
      attempts: 1,
      last_error: 'Error: nobody knows',
      flags: '',
      headers: '',
    };
    await server.services.engine.stop();
    const table = server.database.knex('webhook_events');
    await table.insert([
      { ...row, id: 'evt_stuck', status: 'waiting' },
      { ...row, id: 'evt_dead', status: 'dead' },
    ]);
    const samples = await scrape();
    expect(samples.get('tenure_inbox_events{status="failing"}')).toBe(1);
    expect(samples.get('tenure_inbox_events{status="dead"}')).toBe(1);
    expect(samples.get('tenure_inbox_oldest_due_seconds')).toBeGreaterThan(59);
    await server.database.knex('webhook_events').whereIn('id', ['evt_stuck', 'evt_dead']).delete();
    await server.services.engine.start();
    await until(async () => (await server.call('GET', '/readyz')).status === 200);
  });
});

describe('Who may read the figures', () => {
  const ask = (
    env: Record<string, string>,
    request: { address?: string; headers?: Record<string, string> },
  ) => {
    const config = loadConfig({ ...server.env, ...env });
    const handler = createHandler({ ...server.services, config });
    const asked = new Request('http://tenure.test/metrics', { headers: request.headers });
    return handler(asked, { address: request.address }).then(({ status }) => status);
  };
  const METRICS_TOKEN = 'a-token-for-prometheus';
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const LIVE = {
    STRIPE_SECRET_KEY: 'sk_live_0123456789',
    STRIPE_API_BASE: '',
    STRIPE_TEST_CLOCK: '',
    APP_URL: 'https://app.example.com',
  };

  it('with a test key and no token: this machine, directly', async () => {
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      expect(await ask({}, { address })).toBe(200);
    }
    expect(await ask({}, { address: '10.0.0.7' })).toBe(401);
    expect(await ask({}, {})).toBe(401);
    // A proxy on this machine connects from loopback too.
    for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
      const headers = { [name]: '203.0.113.9' };
      expect(await ask({}, { address: '127.0.0.1', headers }), name).toBe(401);
    }
  });

  it('with METRICS_TOKEN: whoever brings it, from anywhere, and nobody else', async () => {
    const env = { METRICS_TOKEN };
    expect(await ask(env, { headers: bearer(METRICS_TOKEN) })).toBe(200);
    expect(await ask(env, { headers: bearer(TEST_ADMIN_TOKEN) })).toBe(200);
    expect(await ask(env, { headers: bearer('another-token-of-somebody') })).toBe(401);
    expect(await ask(env, { address: '127.0.0.1' })).toBe(401);
  });

  it('with a live key and no token: the admin token only', async () => {
    expect(await ask(LIVE, { address: '127.0.0.1' })).toBe(401);
    expect(await ask(LIVE, { headers: bearer(TEST_ADMIN_TOKEN) })).toBe(200);
  });
});
