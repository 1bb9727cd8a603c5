import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { FetchHandler } from '../../adapters/fetch.ts';
import { createDjangoListener, mintDjangoToken } from '../../server/entrypoints/django.ts';
import { createBillingHandler } from '../../server/entrypoints/fetch.ts';
import type { Route } from '../../server/http/define-route.ts';
import { createHandler, ROUTES } from '../../server/app/route-list.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN, TEST_JWT_SECRET, tokenFor } from '../support/tokens.ts';
import type { Case, Expected } from './conformance/case.ts';
import { exchange, type Received, type Sent } from './conformance/exchange.ts';
import { HOSTS, MOUNT } from './conformance/hosts.ts';
import { refusalsOf } from './conformance/refusals.ts';
import { differences, FILE, readConformance, replay } from './conformance/replay.ts';
import { echo } from './echo.ts';

const AUDIENCE = 'conformance';
const RECORDING = process.env['TENURE_RECORD'] === '1';
const AT_ONCE = 100;

/** The first host whose answers were not as expected: the others are not asked, for they differ alike. */
let differing: string | null = null;

const conformance = readConformance();
if (RECORDING) conformance.refusals = refusalsOf(ROUTES);
const api = [...conformance.refusals, ...conformance.api];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    database: 'sqlite',
    env: { AUTH_JWT_AUDIENCE: AUDIENCE, RATE_LIMIT_PER_USER: '0', RATE_LIMIT_PER_ADDRESS: '0' },
  });
});
afterAll(() => server.close());

describe('What is expected', () => {
  it('covers every route of the API, and what each refuses', () => {
    const have = new Set(conformance.refusals.map(({ name }) => name));
    const missing = refusalsOf(ROUTES).filter(({ name }) => !have.has(name));
    expect(missing, 'record it anew, see `about` in conformance.json').toEqual([]);
    const routes = ROUTES.filter(({ path, page }) => path.startsWith('/api/') && !page);
    const unused = routes.filter((route) => !conformance.api.some((each) => fits(each, route)));
    expect(unused.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  it('is what the handlers answer without any adapter', async () => {
    const secret = webhookSecret();
    const base = 'http://localhost/api';
    const target = { base, identify, webhookSecret: secret, recording: RECORDING };
    const transport = await replay(
      conformance.transport,
      { ...target, send: direct(echo) },
      conformance,
    );
    const send = direct(createHandler(server.services));
    const answers = await replay(api, { ...target, send }, conformance);
    if (RECORDING) {
      record(conformance.transport, transport);
      record(api, answers);
      writeFileSync(FILE, `${JSON.stringify(conformance, null, 2)}\n`);
    }
    expect(differences(conformance.transport, transport)).toEqual([]);
    expectAlike('The handlers', answers);
  });
});

describe.each(Object.entries(HOSTS))('%s', (name, host) => {
  let transport: { server: Server; base: string };
  beforeAll(async () => {
    transport = await listening(host.transport(echo));
  });
  afterAll(() => closed(transport.server));

  it('passes requests and answers on as they are', async () => {
    const target = { base: transport.base + MOUNT, send: exchange, identify, webhookSecret: '' };
    const answers = await replay(conformance.transport, target, conformance);
    expect(differences(conformance.transport, answers)).toEqual([]);
  });

  it('answers every route, refusal and error of the API alike', async ({ skip }) => {
    if (differing !== null) skip(`${differing} differs already`);
    const app = await listening(host.api(server.services));
    const base = app.base + MOUNT;
    const target = { base, send: exchange, identify, webhookSecret: webhookSecret() };
    const answers = await replay(api, target, conformance);
    await closed(app.server);
    expectAlike(name, answers);
  });

  it('leaves other paths alone', async () => {
    for (const path of [`${MOUNT}ver`, '/', '/some']) {
      expect((await fetch(transport.base + path)).status, path).toBe(404);
    }
  });

  it('serves a hundred requests at once, each with its own answer', async () => {
    const bodies = Array.from({ length: AT_ONCE }, () => randomBytes(1000));
    const answers = await Promise.all(
      bodies.map(async (body) => {
        const answer = await fetch(`${transport.base}${MOUNT}/billing/x`, { method: 'POST', body });
        return ((await answer.json()) as { sha256: string }).sha256;
      }),
    );
    expect(answers).toEqual(bodies.map((body) => createHash('sha256').update(body).digest('hex')));
  });

  it('survives a client that hangs up in the middle of a body', async () => {
    await hangUp(Number(new URL(transport.base).port));
    expect((await fetch(`${transport.base}${MOUNT}/billing/empty`)).status).toBe(204);
  });
});

describe('The server itself', () => {
  it('answers every route, refusal and error of the API alike', async ({ skip }) => {
    if (differing !== null) skip(`${differing} differs already`);
    const hostHeaders = conformance.serverHeaders;
    const target = { base: `${server.url}/api`, send: exchange, identify, hostHeaders };
    const answers = await replay(api, { ...target, webhookSecret: webhookSecret() }, conformance);
    expectAlike('The server', answers);
  });
});

describe('The Node half of the Django adapter', () => {
  it('answers every route, refusal and error of the API alike', async ({ skip }) => {
    if (differing !== null) skip(`${differing} differs already`);
    const listener = createDjangoListener({ services: server.services });
    const app = await listening((request, response) => void listener(request, response));
    const target = { base: `${app.base}/api`, send: exchange, identify };
    const answers = await replay(api, { ...target, webhookSecret: webhookSecret() }, conformance);
    await closed(app.server);
    expectAlike('The Node half of the Django adapter', answers);
  });

  it('serves nothing that Django does not ask for, and believes no long-lived token', async () => {
    const listener = createDjangoListener({ services: server.services });
    const app = await listening((request, response) => void listener(request, response));
    const statuses = await Promise.all(
      ['/', '/admin', '/openapi.json', '/healthz', '/readyz', '/admin/api/stats'].map(
        async (path) => (await fetch(app.base + path)).status,
      ),
    );
    expect(statuses).toEqual([404, 404, 404, 200, 200, 401]);
    const asked = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(`${app.base}/api/billing/subscription`, { headers })).status;
    };
    const tokens = { secret: TEST_JWT_SECRET, audience: AUDIENCE };
    expect(await asked(await mintDjangoToken({ id: 'u1' }, tokens))).toBe(200);
    expect(await asked(await tokenFor('u1', { audience: AUDIENCE, expiresIn: '10m' }))).toBe(401);
    await closed(app.server);
  });
});

describe('A host that knows its users by a cookie', () => {
  it('does nothing in their name for a page of another site', async () => {
    const authenticate = (request: Request) =>
      request.headers.has('cookie') ? { id: 'by-cookie', email: null, name: null } : null;
    const billing = createBillingHandler({ services: server.services, authenticate });
    const asked = async (site: string, method = 'POST') => {
      const headers = { cookie: 'session=1', 'sec-fetch-site': site };
      const url = 'http://app.test/api/billing/subscription';
      const path = method === 'POST' ? `${url}/resume` : url;
      return (await billing(new Request(path, { method, headers }))).status;
    };
    expect(await asked('cross-site')).toBe(403);
    // What the state allows is another question.
    expect(await asked('same-origin')).toBe(409);
    expect(await asked('cross-site', 'GET')).toBe(200);
  });
});

describe('Next, which loads modules anew on a hot reload', () => {
  it('keeps one database pool and one engine per process', async () => {
    const load = async () => {
      vi.resetModules();
      const { createBilling } = await import('../../server/entrypoints/next.ts');
      return createBilling({ env: server.env, authenticate: () => null });
    };
    const before = await load();
    const [first, atOnce] = await Promise.all([before.services(), before.services()]);
    const again = await (await load()).services();
    expect(atOnce.database).toBe(first.database);
    expect(again.database).toBe(first.database);
    expect(again.engine).toBe(first.engine);
    await first.close();
  });
});

function expectAlike(host: string, answers: Awaited<ReturnType<typeof replay>>): void {
  const found = differences(api, answers);
  if (found.length > 0) differing ??= host;
  expect(found).toEqual([]);
}

function webhookSecret(): string {
  return server.services.config.stripe.webhookSecrets[0] ?? '';
}

/** How users are known by a bearer token, and how they are not. */
async function identify(
  as: NonNullable<Case['as']>,
  user: string,
): Promise<Record<string, string>> {
  if (as === 'nobody') return {};
  if (as === 'admin') return { authorization: `Bearer ${TEST_ADMIN_TOKEN}` };
  return { authorization: `Bearer ${await tokenOf(as, user)}` };
}

function tokenOf(as: Exclude<Case['as'], undefined>, user: string): Promise<string> | string {
  const audience = as === 'foreign-audience' ? 'another-service' : AUDIENCE;
  const now = Math.floor(Date.now() / 1000);
  const [from, until] = as === 'expired' ? [now - 3600, now - 3540] : [now, now + 60];
  const claims = { sub: user, email: user, aud: audience, iat: from, exp: until };
  if (as === 'alg-none') return new UnsecuredJWT(claims).encode();
  const secret = as === 'wrong-key' ? TEST_JWT_SECRET.toUpperCase() : TEST_JWT_SECRET;
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}

function direct(handler: FetchHandler): (sent: Sent) => Promise<Received> {
  return async ({ method, url, headers, body }) => {
    const lines = new Headers();
    for (const [name, value] of Object.entries(headers)) {
      for (const each of [value].flat()) lines.append(name, each);
    }
    const bytes = body === null ? null : new Uint8Array(body);
    const response = await handler(new Request(url, { method, headers: lines, body: bytes }));
    const cookies = response.headers.getSetCookie();
    return {
      status: response.status,
      headers: {
        ...Object.fromEntries(response.headers),
        ...(cookies.length > 0 ? { 'set-cookie': cookies } : {}),
      },
      // Not every handler is the route table, and no connection carries the body of a HEAD.
      body: Buffer.from(method === 'HEAD' ? new ArrayBuffer() : await response.arrayBuffer()),
    };
  };
}

function record(cases: Case[], answers: { actual: Expected }[]): void {
  for (const [i, { actual }] of answers.entries())
    Object.assign(cases[i] ?? {}, { expect: actual });
}

function fits(each: Case, route: Route): boolean {
  const pattern = route.path.replaceAll(/:\w+/g, '[^/]+');
  return each.method === route.method && new RegExp(`^${pattern}(\\?.*)?$`).test(each.path);
}

async function listening(listener: RequestListener): Promise<{ server: Server; base: string }> {
  const created = createServer(listener);
  await new Promise<void>((resolve) => created.listen(0, '127.0.0.1', resolve));
  const { port } = created.address() as AddressInfo;
  return { server: created, base: `http://127.0.0.1:${port}` };
}

function closed(running: Server): Promise<void> {
  return new Promise((resolve) => {
    running.close(() => resolve());
    running.closeAllConnections();
  });
}

function hangUp(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(
        `POST ${MOUNT}/billing/x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nabc`,
      );
      setTimeout(() => socket.destroy(), 20);
    });
    socket.once('error', reject).once('close', () => resolve());
  });
}
