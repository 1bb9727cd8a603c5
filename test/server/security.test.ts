import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signStripePayload } from '../support/sign-stripe-payload.ts';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { createLogger } from '../../server/lib/log.ts';
import { createHandler, ROUTES } from '../../server/app/route-list.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN, TEST_JWT_SECRET, tokenFor } from '../support/tokens.ts';
import { newPerson, type Person } from './billing/person.ts';

/** Everything that the server wrote to its log, at the most talkative level. */
let written = '';
const destination = new Writable({
  write(chunk: Buffer, _encoding, done) {
    written += chunk.toString();
    done();
  },
});

let emulator: RunningEmulator;
let server: TestServer;
let alice: Person;
let mallory: Person;
const start = () =>
  startTestServer({
    database: 'sqlite',
    emulator,
    env: {
      APP_URL: 'https://app.example.com',
      SMTP_URL: 'smtp://mailer:smtp-password@127.0.0.1:9',
    },
    services: { log: createLogger({ level: 'trace', destination }) },
    patience: { headersTimeout: 400, requestTimeout: 800 },
  });

beforeAll(async () => {
  emulator = await startEmulator();
  server = await start();
  alice = newPerson(server);
  mallory = newPerson(server);
  await alice.subscribe();
  await mallory.subscribe();
});
afterAll(async () => {
  await server.close();
  await emulator.close();
});

describe('Somebody else’s account', () => {
  it('answers 404 to a user who knows its ids', async () => {
    const [invoice] = await alice.invoices();
    const id = invoice?.id ?? '';
    const pdf = (user: string) => server.call('GET', `/api/billing/invoices/${id}/pdf`, { user });
    expect((await pdf(alice.id)).status).toBe(302);
    const stranger = await pdf(mallory.id);
    const nobody = await server.call('GET', '/api/billing/invoices/in_nobody/pdf', {
      user: mallory.id,
    });
    expect([stranger.status, stranger.json]).toMatchObject([404, { error: { code: 'not_found' } }]);
    // Not even whether it exists is told.
    expect(wordsOf(stranger.json)).toBe(wordsOf(nobody.json));
    const paid = await server.call('POST', `/api/billing/invoices/${id}/pay`, {
      user: mallory.id,
      body: {},
    });
    expect(paid.status).toBe(404);
    const list = await server.call('GET', `/api/billing/invoices?cursor=${id}`, {
      user: mallory.id,
    });
    expect(list.status).toBe(404);
  });
});

function wordsOf(json: Record<string, unknown>): unknown {
  return (json['error'] as { message: string }).message;
}

describe('A price', () => {
  it('that is in the account but not in the catalogue is not sold', async () => {
    const { id: product } = await server.stripe.products.create({ name: 'Internal' });
    const cheap = await server.stripe.prices.create({
      product,
      currency: 'usd',
      unit_amount: 1,
      recurring: { interval: 'month' },
    });
    const person = newPerson(server);
    const answer = await person.post('checkout', { priceId: cheap.id });
    expect([answer.status, answer.json]).toMatchObject([400, { error: { code: 'unknown_price' } }]);
    expect((await alice.command('preview', { plan: cheap.id, interval: 'monthly' })).status).toBe(
      400,
    );
    const named = { plan: 'pro', interval: 'monthly', amount: 1, unitAmount: 1 };
    expect((await person.post('checkout', named)).status).toBe(400);
  });
});

describe('The dashboard’s cookie', () => {
  it('is Secure behind https, for /admin only, and over after twelve hours', async () => {
    const response = await fetch(`${server.url}/admin/login`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ token: TEST_ADMIN_TOKEN }),
    });
    expect(response.headers.get('set-cookie')).toMatch(
      /^__Host-tenure_session=\S+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure$/,
    );
  });

  it('cannot be had by guessing: after twenty wrong tokens even the right one must wait; another deployment in the same process knows nothing of that', async () => {
    const other = await startTestServer({ database: 'sqlite', emulator });
    const guess = (token: string, { url } = other) =>
      fetch(`${url}/admin/login`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ token }),
      }).then(({ status }) => status);
    for (let i = 0; i < 20; i += 1) expect(await guess(`wrong-${i}`)).toBe(401);
    expect(await guess('wrong-again')).toBe(429);
    expect(await guess(TEST_ADMIN_TOKEN)).toBe(429);
    expect(await guess(TEST_ADMIN_TOKEN, server)).toBe(303);
    await other.close();
  });
});

describe('Input that is meant to break something', () => {
  it('does not reach into SQL, prototypes or the file system', async () => {
    const search = encodeURIComponent("' OR 1=1; DROP TABLE subscriptions; --");
    const found = await server.call('GET', `/admin/api/subscriptions?q=${search}`, { admin: true });
    expect(found.json['subscriptions']).toEqual([]);
    const polluted = await fetch(`${server.url}/api/billing/subscription/cancel`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await tokenFor(alice.id)}`,
        'content-type': 'application/json',
      },
      body: '{"__proto__":{"when":"now"},"constructor":{"prototype":{"admin":true}}}',
    });
    expect(polluted.status).toBe(400);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
    for (const path of [
      '..%2f..%2fpackage.json',
      '%2e%2e/%2e%2e/package.json',
      'x/..%5c..%5c.env',
    ]) {
      expect((await fetch(`${server.url}/admin/assets/${path}`)).status).toBe(404);
    }
    // No text at all, too long a form of "/", and half a character.
    for (const id of ['%zz', '%c0%af', '%ed%a0%80', '%', '%00']) {
      const path = `/api/billing/invoices/${id}`;
      const answer = await server.call('GET', path, { user: alice.id });
      expect([answer.status, id]).toEqual([404, id]);
    }
    const admin = (path: string) => server.call('GET', path, { admin: true });
    expect((await admin('/admin/api/subscriptions?q=%00')).status).toBe(400);
    expect((await admin('/admin/api/events/%00')).status).toBe(404);
    expect((await admin('/admin/login?back=%00')).status).toBe(400);
    const post = async (path: string, body: string) => {
      const token = await tokenFor(alice.id);
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      return fetch(server.url + path, { method: 'POST', headers, body });
    };
    const deep = '['.repeat(400_000) + ']'.repeat(400_000);
    for (const body of [deep, `{"when":${deep}}`]) {
      expect((await post('/api/billing/subscription/cancel', body)).status).toBe(400);
    }
    const many = await post(
      '/api/billing/usage',
      JSON.stringify(Array.from({ length: 1_000 }, () => 1)),
    );
    expect([many.status, (await many.text()).length < 10_000]).toEqual([400, true]);
    const nul = await alice.command('cancel', { when: 'now', comment: 'a\u0000b' });
    expect(nul.status).toBe(400);
    expect((await alice.subscription()).state).toBe('trialing');
  });
});

describe('A slow sender', () => {
  /** What a socket is told that sends `head` and then a byte now and then. */
  async function drip(head: string): Promise<string> {
    const { port } = new URL(server.url);
    const socket = connect(Number(port), '127.0.0.1');
    let told = '';
    socket.on('data', (chunk: Buffer) => (told += chunk.toString()));
    socket.on('error', () => undefined);
    const ended = once(socket, 'close');
    socket.write(head);
    const dripping = setInterval(() => socket.write('x'), 100);
    await Promise.race([ended, sleep(8_000)]);
    clearInterval(dripping);
    expect(socket.destroyed).toBe(true);
    return told;
  }

  it('of headers or of a body is cut off, and others are served meanwhile', async () => {
    const headers = drip('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    const body = drip(
      'POST /api/webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nStripe-Signature: t=1,v1=x\r\n\r\n{',
    );
    expect((await server.call('GET', '/healthz')).status).toBe(200);
    expect(await headers).toMatch(/^HTTP\/1\.1 408 /);
    await body;
  });
});

describe('Secrets', () => {
  it('are in no log line and in no answer, whatever goes wrong', async () => {
    // Wrong tokens count against this address, on this server.
    const own = await start();
    const payer = newPerson(own);
    await payer.subscribe();
    const userToken = await tokenFor(payer.id);
    const { env } = own;
    const secrets = {
      stripe: env['STRIPE_SECRET_KEY'] ?? '',
      webhook: env['STRIPE_WEBHOOK_SECRET'] ?? '',
      jwt: TEST_JWT_SECRET,
      admin: TEST_ADMIN_TOKEN,
      smtp: 'smtp-password',
      user: userToken,
    };
    const answers: string[] = [];
    const ask = async (
      path: string,
      init: { method?: string; body?: string; headers?: Record<string, string> } = {},
    ) => {
      const headers = { authorization: `Bearer ${userToken}`, ...init.headers };
      const response = await fetch(own.url + path, { redirect: 'manual', ...init, headers });
      answers.push(await response.text(), JSON.stringify([...response.headers]));
    };
    const body = '{"id":"evt_leak","object":"event","type":"invoice.paid","data":{"object":{}}}';
    const signature = signStripePayload(
      Buffer.from(body),
      secrets.webhook,
      Math.floor(Date.now() / 1000),
    );
    await ask('/api/webhooks/stripe', {
      method: 'POST',
      body,
      headers: { 'stripe-signature': signature },
    });
    await ask('/api/webhooks/stripe', {
      method: 'POST',
      body,
      headers: { 'stripe-signature': 't=1,v1=00' },
    });
    for (const { method, path } of ROUTES) {
      if (path.endsWith('/stream')) continue;
      const url = path.replaceAll(/:\w+/g, secrets.user.slice(0, 8));
      await ask(url, { method, ...(method === 'POST' ? { body: '{"x":1}' } : {}) });
    }
    const { stripe } = own.services;
    const { createPortalSession } = stripe;
    stripe.createPortalSession = () => {
      throw new Error(
        `Invalid API Key provided: ${secrets.stripe} at postgres://tenure:db-password@db/x`,
      );
    };
    await ask('/api/billing/portal', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    stripe.createPortalSession = createPortalSession;
    expect(written).toContain(
      'Invalid API Key provided: [secret] at postgres://tenure:[secret]@db',
    );
    for (const [name, secret] of Object.entries({ ...secrets, database: 'db-password' })) {
      expect(secret.length, name).toBeGreaterThan(6);
      expect(written.includes(secret), `the log has the ${name} secret`).toBe(false);
      expect(answers.join('\n').includes(secret), `an answer has the ${name} secret`).toBe(false);
    }
    expect(answers.join('\n')).not.toMatch(/\bat .+\.(ts|js):\d+/);
    await own.close();
  });

  it('are compared in constant time wherever one is compared', () => {
    const signIn = new URL('../../server/admin/routes/sign-in.ts', import.meta.url);
    expect(readFileSync(signIn, 'utf8')).toContain('operatorOfToken(fields');
    const comparisons: [file: string, count: number][] = [
      ['server/http/operators.ts', 1],
      ['server/admin/pages/session.ts', 2],
      ['server/app/metrics-route.ts', 1],
      ['adapters/stripe-signature.ts', 1],
    ];
    for (const [file, count] of comparisons) {
      const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
      expect(source.match(/timingSafeEqual\(/g), file).toHaveLength(count);
      expect(source, file).not.toMatch(/\.equals\(|\.compare\(/);
      expect(source, file).not.toMatch(
        /(===|!==) (config\.)?(adminToken|metricsToken|right|mac|expected)\b(?!\))/,
      );
    }
  });
});

describe('A user who is known by a cookie', () => {
  it.each([
    ['a page of a neighbouring subdomain', { 'sec-fetch-site': 'same-site' }],
    ['a form of another site', { origin: 'https://evil.example' }],
    ['a page without an origin', { origin: 'null' }],
  ])('S-24: is protected from %s', async (_, headers: Record<string, string>) => {
    const authenticate = () => ({ id: mallory.id, email: null, name: null });
    const handler = createHandler({ ...server.services, authenticate });
    const cancel = (more: Record<string, string>) =>
      handler(
        new Request('http://app.example.com/api/billing/subscription/cancel', {
          method: 'POST',
          headers: { host: 'app.example.com', ...more },
        }),
      );
    expect((await cancel(headers)).status).toBe(403);
    const own = { 'sec-fetch-site': 'same-origin', origin: 'http://app.example.com' };
    expect((await cancel(own)).status).not.toBe(403);
  });
});

describe('HEAD of the stream', () => {
  it('S-19: is answered at once', async () => {
    const headers = { authorization: `Bearer ${TEST_ADMIN_TOKEN}` };
    const response = await fetch(`${server.url}/admin/api/stream`, {
      method: 'HEAD',
      headers,
      signal: AbortSignal.timeout(3_000),
    });
    expect(response.status).toBe(200);
  });
});

describe('A client that hangs up', () => {
  it('S-20: in the middle of a body is no alarm', async () => {
    written = '';
    const socket = connect(server.services.config.http.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(
      'POST /api/webhooks/stripe HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n' +
        'stripe-signature: t=1,v1=00\r\ncontent-type: application/json\r\n\r\n5\r\n{"id"\r\n',
    );
    await sleep(150);
    socket.resetAndDestroy();
    await sleep(300);
    const lines = written.split('\n').filter((line) => line.includes('webhooks/stripe'));
    expect(lines.filter((line) => /"level":(?:[4-9]0)/.test(line))).toEqual([]);
    expect(written).not.toContain('database');
  });
});
