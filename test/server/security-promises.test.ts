import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { createLoginLink } from '../../server/admin/pages/session.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN, tokenFor } from '../support/tokens.ts';
import { newPerson, PRO } from './billing/person.ts';

// Each of these was broken in one line once, and every other test still passed: FAULTS H-2 and H-3.

let emulator: RunningEmulator;
let server: TestServer;
beforeAll(async () => {
  emulator = await startEmulator();
  server = await startTestServer({ database: 'sqlite', emulator });
});
afterAll(async () => {
  await server.close();
  await emulator.close();
});

describe('An Idempotency-Key', () => {
  it('H-2a: of another user gives nothing of theirs, though the request is the same', async () => {
    const headers = { 'idempotency-key': 'the-key-of-both' };
    const [a, b] = [newPerson(server), newPerson(server)];
    const ofA = await a.post('checkout', PRO, headers);
    const ofB = await b.post('checkout', PRO, headers);
    expect([ofA.status, ofB.status]).toEqual([200, 200]);
    expect(ofB.headers.get('idempotent-replayed')).toBeNull();
    expect(ofB.json['url']).not.toBe(ofA.json['url']);
    const { data: sessions } = await server.stripe.checkout.sessions.list();
    const owner = (url: unknown) => sessions.find((session) => session.url === url)?.customer;
    expect(owner(ofA.json['url'])).toBe(await a.customerId());
    expect(owner(ofB.json['url'])).toBe(await b.customerId());
  });

  it('H-2c: is held for as long as its first request takes', async () => {
    const slow = { type: 'latency', ms: 500, method: 'POST', path: '/v1/checkout/sessions' };
    const faults = `${emulator.url}/_emulator/faults`;
    const authorization = `Bearer ${server.env['STRIPE_SECRET_KEY']}`;
    await fetch(faults, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(slow),
    });
    const person = newPerson(server);
    const headers = { 'idempotency-key': 'slow' };
    const first = person.post('checkout', PRO, headers);
    await sleep(150);
    const second = await person.post('checkout', PRO, headers);
    await fetch(faults, { method: 'DELETE', headers: { authorization } });
    expect((await first).headers.get('idempotent-replayed')).toBeNull();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.text).toBe((await first).text);
  });
});

describe('The user of a token', () => {
  const status = async (sub: string) => {
    const headers = { authorization: `Bearer ${await tokenFor(sub)}` };
    return (await server.call('GET', '/api/billing/subscription', { headers })).status;
  };

  it('H-2d: has 1 to 255 characters', async () => {
    expect(await status('')).toBe(401);
    expect(await status('u'.repeat(256))).toBe(401);
    expect(await status('u'.repeat(255))).toBe(200);
  });
});

describe('The dashboard', () => {
  afterEach(() => vi.useRealTimers());
  /** Lets the server see a later time; timers run on. */
  const later = (ms: number) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + ms);
  };
  const get = (path: string, cookie = '') =>
    fetch(server.url + path, { redirect: 'manual', headers: { cookie } });
  async function signIn(): Promise<string> {
    const response = await fetch(`${server.url}/admin/login`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ token: TEST_ADMIN_TOKEN }),
    });
    return response.headers.get('set-cookie')?.split(';')[0] ?? '';
  }
  const tokenOfLink = () =>
    new URL(createLoginLink(server.services) ?? '').searchParams.get('link') ?? '';

  it('H-3e: knows a session for twelve hours, whatever the browser does with its cookie', async () => {
    const cookie = await signIn();
    later(12 * 3_600_000 - 60_000);
    expect((await get('/admin', cookie)).status).toBe(200);
    later(120_000);
    expect((await get('/admin', cookie)).status).toBe(303);
    expect((await get('/admin/api/stats', cookie)).status).toBe(401);
  });

  it('H-3e: takes a sign-in link for a quarter of an hour', async () => {
    const link = tokenOfLink();
    later(15 * 60_000 + 1_000);
    expect((await get(`/admin/login?link=${link}`)).headers.get('set-cookie')).toBeNull();
  });

  it('H-3f: takes a sign-in link for no session, and a session for no sign-in link', async () => {
    const asSession = `tenure_session=${tokenOfLink()}`;
    expect((await get('/admin', asSession)).status).toBe(303);
    expect((await get('/admin/api/stats', asSession)).status).toBe(401);
    const [, session] = (await signIn()).split('=');
    const asLink = await get(`/admin/login?link=${session}`);
    expect(asLink.headers.get('set-cookie')).toBeNull();
  });

  it('H-3g: is shown in no frame, runs no inline script and loads nothing from elsewhere, nor does any other page or answer', async () => {
    const cookie = await signIn();
    const paths = ['/', '/admin', '/admin/events', '/admin/login', '/admin/nothing', '/docs'];
    for (const path of [...paths, '/api/billing/plans', '/healthz', '/openapi.json', '/nothing']) {
      const policy = (await get(path, cookie)).headers.get('content-security-policy') ?? '';
      const directives = policy.split(/; ?/);
      expect(directives, path).toContain("frame-ancestors 'none'");
      // No inline script or style, and nothing of another host, on pages as on answers.
      expect(directives, path).toContain("default-src 'none'");
      // The storefront's forms lead on to Checkout.
      for (const directive of directives.filter((each) => !each.startsWith('form-action ')))
        expect(directive, path).toMatch(/^[a-z-]+(?: 'none'| 'self'| data:)+$/);
    }
  });
});

describe('A server that nothing was set for', () => {
  it('H-3h: cuts off slow senders: headers after 10 s, the whole request after 30 s', async () => {
    const limits: Pick<Server, 'headersTimeout' | 'requestTimeout'>[] = [];
    const channel = 'http.server.request.start';
    const look = (message: unknown) => {
      const { request, server } = message as { request: IncomingMessage; server: Server };
      if (request.url === '/healthz?limits') limits.push(server);
    };
    subscribe(channel, look);
    await server.call('GET', '/healthz?limits');
    unsubscribe(channel, look);
    expect(limits).toHaveLength(1);
    const { headersTimeout, requestTimeout } = limits[0]!;
    expect({ headersTimeout, requestTimeout }).toEqual({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
    });
  });

  it('H-3i: believes no address that a client names', async () => {
    const limited = await startTestServer({
      database: 'sqlite',
      emulator,
      env: { RATE_LIMIT_PER_ADDRESS: '3' },
    });
    const seen: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const headers = { 'x-forwarded-for': `198.51.100.${i}` };
      seen.push((await limited.call('GET', '/api/billing/plans', { headers })).status);
    }
    await limited.close();
    expect(seen).toEqual([200, 200, 200, 429, 429]);
  });
});
