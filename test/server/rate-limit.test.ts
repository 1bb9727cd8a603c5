import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signStripePayload } from '../support/sign-stripe-payload.ts';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { createMetrics } from '../../server/lib/metrics.ts';
import { createRateLimits } from '../../server/http/rate-limit.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let emulator: RunningEmulator;
let server: TestServer;
beforeAll(async () => {
  emulator = await startEmulator();
  server = await startTestServer({
    database: 'sqlite',
    emulator,
    env: { RATE_LIMIT_PER_USER: '5', RATE_LIMIT_PER_ADDRESS: '4', TRUST_PROXY: '1' },
  });
});
afterAll(async () => {
  await server.close();
  await emulator.close();
});

/** Answers of `n` requests, from an address as the trusted proxy tells it. */
async function statuses(n: number, path: string, from: { user?: string; address: string }) {
  const { user, address } = from;
  const headers = { 'x-forwarded-for': address };
  const answers = [];
  for (let i = 0; i < n; i += 1) {
    answers.push(await server.call('GET', path, { user, headers }));
  }
  return { all: answers.map(({ status }) => status), last: answers.at(-1)! };
}

describe('Rate limits', () => {
  it('count a user by themselves, wherever they ask from, and say when to come again', async () => {
    const path = '/api/billing/subscription';
    const { all, last } = await statuses(7, path, { user: 'eager', address: '203.0.113.1' });
    expect(all).toEqual([200, 200, 200, 200, 200, 429, 429]);
    expect(last.json).toMatchObject({ error: { code: 'rate_limited' } });
    const wait = Number(last.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(50);
    expect(wait).toBeLessThanOrEqual(60);
    const elsewhere = await statuses(1, path, { user: 'eager', address: '203.0.113.2' });
    expect(elsewhere.all).toEqual([429]);
    // Behind one address there are many people.
    const other = await statuses(1, path, { user: 'calm', address: '203.0.113.1' });
    expect(other.all).toEqual([200]);
  });

  it('count who is not signed in by address, guesses of a token included', async () => {
    const plans = await statuses(4, '/api/billing/plans', { address: '203.0.113.3' });
    expect(plans.all).toEqual([200, 200, 200, 200]);
    const guess = await statuses(1, '/admin/api/stats', { address: '203.0.113.3' });
    expect(guess.all).toEqual([429]);
    const guesses = await statuses(6, '/admin/api/stats', { address: '203.0.113.4' });
    expect(guesses.all).toEqual([401, 401, 401, 401, 429, 429]);
  });

  it('never hold up signed webhooks, the admin, or probes', async () => {
    const [secret = ''] = server.services.config.stripe.webhookSecrets;
    const headers = { 'x-forwarded-for': '203.0.113.5' };
    for (let i = 0; i < 12; i += 1) {
      const event = {
        id: `evt_rate_${i}`,
        object: 'event',
        type: 'x.y',
        created: 1,
        data: { object: {} },
      };
      const body = JSON.stringify(event);
      const signature = signStripePayload(Buffer.from(body), secret, Math.floor(Date.now() / 1000));
      const hook = await server.call('POST', '/api/webhooks/stripe', {
        body: event,
        headers: { ...headers, 'stripe-signature': signature },
      });
      expect(hook.status).toBe(200);
      expect((await server.call('GET', '/healthz', { headers })).status).toBe(200);
      expect((await server.call('GET', '/readyz', { headers })).status).toBe(200);
      expect((await server.call('GET', '/admin/api/stats', { admin: true, headers })).status).toBe(
        200,
      );
    }
  });

  it('believe the address that the trusted proxy added, not one that a client invented before it', async () => {
    const seen = [];
    for (let i = 0; i < 6; i += 1) {
      const headers = { 'x-forwarded-for': `198.51.100.${i}, 203.0.113.6` };
      seen.push((await server.call('GET', '/api/billing/plans', { headers })).status);
    }
    expect(seen).toEqual([200, 200, 200, 200, 429, 429]);
  });

  it('take a whole /64 of IPv6 for one caller', () => {
    const limits = createRateLimits({ perUser: 0, perAddress: 1, stripeCalls: 0 }, createMetrics());
    limits.address('2001:db8:1:2::1');
    expect(() => limits.address('2001:db8:1:2:ffff:1:2:3')).toThrow('Too many requests');
    expect(() => limits.address('2001:db8:1:3::1')).not.toThrow();
    limits.address('::ffff:192.0.2.1');
    expect(() => limits.address('192.0.2.1')).toThrow('Too many requests');
    expect(() => limits.address('::ffff:192.0.2.2')).not.toThrow();
  });

  it('remember a bounded number of callers', () => {
    const limits = createRateLimits({ perUser: 1, perAddress: 1, stripeCalls: 0 }, createMetrics());
    const seen = (address: string) => limits.address(address);
    seen('192.0.2.1');
    expect(() => seen('192.0.2.1')).toThrow('Too many requests');
    for (let i = 0; i < 60_000; i += 1) seen(`2001:db8:${(i >> 12).toString(16)}:${i & 4095}::`);
    expect(() => seen('192.0.2.1')).not.toThrow();
  });
});
