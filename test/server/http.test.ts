import express from 'express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { signStripePayload } from '../support/sign-stripe-payload.ts';
import { createBillingRouter } from '../../server/entrypoints/express.ts';
import { ROUTES } from '../../server/app/route-list.ts';
import { createTestDatabase } from '../support/databases.ts';
import { startTestServer, until, type TestServer } from '../support/server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { TEST_ADMIN_TOKEN, tokenFor } from '../support/tokens.ts';

let emulator: RunningEmulator;
let server: TestServer;
let token: string;

beforeAll(async () => {
  emulator = await startEmulator();
  server = await startTestServer({ database: 'sqlite', emulator });
  token = `Bearer ${await tokenFor('u_http')}`;
});
afterAll(async () => {
  await server.close();
  await emulator.close();
});

describe('Every answer', () => {
  it('carries a request id: the caller’s own if it is sane, else a new one', async () => {
    const own = await request(server.url).get('/healthz').set('x-request-id', 'trace-1.a:b');
    expect(own.headers['x-request-id']).toBe('trace-1.a:b');
    const bad = await request(server.url).get('/healthz').set('x-request-id', 'two words');
    expect(bad.headers['x-request-id']).toMatch(/^req_[\w-]{36}$/);
  });

  it('has the security headers, is not cached, and tells nothing of its framework', async () => {
    const { headers } = await request(server.url).get('/api/billing/plans');
    expect(headers['content-security-policy']).toContain("script-src 'self'");
    expect(headers['content-security-policy']).not.toContain('unsafe-inline');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  it('has the error format when it is an error, and its request id in it', async () => {
    const answer = await request(server.url).get('/nowhere').set('x-request-id', 'r1').expect(404);
    expect(answer.body).toEqual({
      error: { code: 'not_found', message: expect.any(String), requestId: 'r1' },
    });
  });
});

describe('The route table', () => {
  it('answers another method with 405 and what is allowed', async () => {
    const onPost = await request(server.url).get('/api/billing/checkout').expect(405);
    expect(onPost.headers['allow']).toBe('POST');
    const onGet = await request(server.url).delete('/api/billing/plans').expect(405);
    expect(onGet.headers['allow']).toBe('GET, HEAD');
    expect(onGet.body.error.code).toBe('method_not_allowed');
  });

  it('answers HEAD like GET, without the body', async () => {
    const get = await request(server.url).get('/api/billing/plans').expect(200);
    const head = await request(server.url).head('/api/billing/plans').expect(200);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
    expect(head.text).toBeFalsy();
  });

  it('does not take a path for another one', async () => {
    for (const path of [
      '/api/billing/plans/',
      '/API/billing/plans',
      '/api/billing//plans',
      '/api/billing/plans%2f',
    ]) {
      await request(server.url).get(path).expect(404);
    }
  });

  it('is described whole by /openapi.json', async () => {
    const { body } = await request(server.url).get('/openapi.json').expect(200);
    expect(body.openapi).toBe('3.1.0');
    const described = Object.entries<object>(body.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = ROUTES.filter(({ page }) => !page).map(
      ({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
    );
    expect(described.sort()).toEqual(served.sort());
    const ids = Object.values<Record<string, { operationId: string }>>(body.paths).flatMap(
      (operations) => Object.values(operations).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    const checkout = body.paths['/api/billing/checkout'].post;
    expect(checkout.requestBody.content['application/json'].schema).toMatchObject({
      additionalProperties: false,
      properties: { interval: { anyOf: [{ type: 'string' }, { additionalProperties: false }] } },
    });
    expect(Object.keys(checkout.responses)).toEqual(
      expect.arrayContaining(['200', '401', '409', '413']),
    );
  });
});

describe('A request without a good identity', () => {
  it.each(ROUTES.filter(({ auth }) => auth === 'user').map(({ method, path }) => [method, path]))(
    'is answered 401 on %s %s',
    async (method, path) => {
      const url = path.replaceAll(/:\w+/g, 'x');
      const none = await server.call(method, url);
      expect(none.status).toBe(401);
      expect(none.headers.get('www-authenticate')).toBe('Bearer');
      const expired = await tokenFor('u_http', { expiresIn: '-1h' });
      const late = await server.call(method, url, {
        headers: { authorization: `Bearer ${expired}` },
      });
      expect([late.status, late.json]).toMatchObject([401, { error: { code: 'unauthenticated' } }]);
    },
  );
});

describe('A body', () => {
  const cancel = () =>
    request(server.url).post('/api/billing/subscription/cancel').set('authorization', token);

  it('that is not JSON is refused', async () => {
    for (const text of ['{', '{"when":}', 'when=now', '\u0000']) {
      const answer = await cancel().set('content-type', 'application/json').send(text).expect(400);
      expect(answer.body.error.code).toBe('invalid_json');
    }
  });

  it('that is no UTF-8 is refused', async () => {
    const broken = await fetch(`${server.url}/api/billing/subscription/cancel`, {
      method: 'POST',
      headers: { authorization: token, 'content-type': 'application/json' },
      body: Buffer.from([0x22, 0xff, 0x22]),
    });
    expect([broken.status, await broken.json()]).toMatchObject([
      400,
      { error: { code: 'invalid_json' } },
    ]);
  });

  it('with an unknown field is refused by its name', async () => {
    const answer = await cancel().send({ when: 'now', wen: 'later' }).expect(400);
    expect(answer.body.error.code).toBe('invalid_request');
    expect(answer.body.error.message).toContain('wen');
  });

  it('with a wrong value is refused with the path to it', async () => {
    const answer = await cancel().send({ when: 'tomorrow' }).expect(400);
    expect(answer.body.error.issues).toEqual([{ path: 'when', message: expect.any(String) }]);
    await cancel().send([]).expect(400);
  });

  it('of another type is refused', async () => {
    const answer = await cancel().type('form').send('when=now').expect(415);
    expect(answer.body.error.code).toBe('unsupported_media_type');
  });

  it.each(['with its length declared', 'in chunks'])('over 1 MiB is refused %s', async (how) => {
    const big = Buffer.from(`{"comment":"${'x'.repeat(1_048_576)}"}`);
    const body = how === 'in chunks' ? new Blob([big]).stream() : big;
    for (const path of ['/api/billing/subscription/cancel', '/api/webhooks/stripe']) {
      const answer = await fetch(server.url + path, {
        method: 'POST',
        headers: {
          authorization: token,
          'content-type': 'application/json',
          'stripe-signature': 't=1,v1=x',
        },
        body: how === 'in chunks' ? new Blob([big]).stream() : body,
        duplex: 'half',
      });
      expect([answer.status, await answer.json()]).toMatchObject([
        413,
        { error: { code: 'payload_too_large' } },
      ]);
    }
  });

  it('is not needed where nothing is required', async () => {
    const answer = await cancel().expect(409);
    expect(answer.body.error.code).toBe('not_allowed');
  });
});

describe('A query', () => {
  it('with an unknown or repeated name is refused', async () => {
    for (const query of ['featur=x', 'feature=a&feature=b', 'feature=']) {
      const answer = await server.call('GET', `/api/billing/access?${query}`, { user: 'u_http' });
      expect([answer.status, answer.json]).toMatchObject([
        400,
        { error: { code: 'invalid_request' } },
      ]);
    }
  });
});

describe('A signature', () => {
  const deliver = (header: string | null, body = '{"id":"evt_x"}') =>
    server.call('POST', '/api/webhooks/stripe', {
      headers: {
        ...(header === null ? {} : { 'stripe-signature': header }),
        'content-type': 'application/json',
      },
      body: JSON.parse(body),
    });
  const sign = (secret: string, ageSeconds = 0) =>
    signStripePayload(
      Buffer.from('{"id":"evt_x"}'),
      secret,
      Math.floor(Date.now() / 1000) - ageSeconds,
    );
  const secret = () => server.services.config.stripe.webhookSecrets[0] ?? '';

  it('that is missing, malformed, wrong, stale or from the future is refused, and nothing is stored', async () => {
    const wrong = sign('whsec_another_one');
    for (const header of [
      null,
      '',
      'x',
      't=1',
      'v1=ab',
      wrong,
      sign(secret(), 301),
      sign(secret(), -360),
    ]) {
      const answer = await deliver(header);
      expect([answer.status, answer.json], String(header)).toMatchObject([
        400,
        { error: { code: 'invalid_signature' } },
      ]);
    }
    expect(await server.database.knex('webhook_events').where({ id: 'evt_x' })).toEqual([]);
  });

  it('is good with any of several secrets, and on the bytes as they came', async () => {
    const good = await deliver(sign(secret()));
    // Signed well, but no event of Stripe: refused for what it is.
    expect([good.status, good.json]).toMatchObject([400, { error: { code: 'invalid_request' } }]);
    const respaced = await deliver(sign(secret()), '{"id":"evt_y"}');
    expect(respaced.json).toMatchObject({ error: { code: 'invalid_signature' } });
  });
});

describe('Mounted in an Express app', () => {
  const hosted = (...before: express.RequestHandler[]) => {
    const app = express();
    for (const middleware of before) app.use(middleware);
    app.use('/shop', createBillingRouter({ services: server.services }));
    app.get('/', (_request, response) => void response.send('the host'));
    return app;
  };

  it('serves the routes under the prefix, and leaves the rest to the host', async () => {
    await request(hosted()).get('/shop/billing/plans').expect(200);
    await request(hosted()).get('/').expect(200, 'the host');
    await request(hosted()).get('/api/billing/plans').expect(404);
  });

  it('says what consumed a webhook’s body and how to fix it (lesson 17)', async () => {
    const answer = await request(hosted(express.json()))
      .post('/shop/webhooks/stripe')
      .set('stripe-signature', 't=1,v1=x')
      .send({ id: 'evt_1' })
      .expect(500);
    expect(answer.body.error.code).toBe('body_already_read');
    expect(answer.body.error.message).toMatch(/express\.json\(\).*Mount the billing router before/);
  });

  it('takes what express.json() made for routes that need no signature', async () => {
    const answer = await request(hosted(express.json()))
      .post('/shop/billing/subscription/cancel')
      .set('authorization', token)
      .send({ when: 'sometime' })
      .expect(400);
    expect(answer.body.error).toMatchObject({
      code: 'invalid_request',
      issues: [{ path: 'when' }],
    });
  });

  it('knows users as the host does', async () => {
    const app = express();
    const authenticate = (asked: Request) => {
      const id = asked.headers.get('x-session');
      return id === null ? null : { id, email: null, name: null };
    };
    app.use('/', createBillingRouter({ services: server.services, authenticate }));
    await request(app).get('/billing/subscription').expect(401);
    const known = await request(app)
      .get('/billing/subscription')
      .set('x-session', 'u9')
      .expect(200);
    expect(known.body).toEqual({ subscription: null });
  });
});

describe('Health and readiness', () => {
  it('are told', async () => {
    await request(server.url).get('/healthz').expect(200, { status: 'ok' });
    await request(server.url)
      .get('/readyz')
      .expect(200, {
        status: 'ready',
        checks: {
          database: 'ok',
          migrations: 'ok',
          inbox: 'ok',
          worker: 'ok',
          catchUp: 'ok',
          clocks: 'ok',
        },
      });
  });

  it('say no when something has been due for long and nobody takes it, or the worker hangs', async () => {
    const at = Date.now() - 6 * 60_000;
    const row = {
      id: 'evt_stuck',
      type: 'x',
      subject: 'cus_stuck',
      payload: '{}',
      livemode: false,
    };
    const waits = {
      status: 'waiting',
      flags: '',
      attempts: 0,
      source: 'webhook',
      received_at: at,
      created_at: at,
    };
    await server.services.engine.stop();
    const events = server.database.knex('webhook_events');
    await events.clone().insert({ ...row, ...waits, next_attempt_at: at });
    const stuck = await request(server.url).get('/readyz').expect(503);
    expect(stuck.body.checks).toMatchObject({ database: 'ok', inbox: 'failed' });
    // An old event that becomes due only now is what retries look like, not trouble.
    await events.clone().where({ id: 'evt_stuck' }).update({ next_attempt_at: Date.now() });
    await request(server.url).get('/readyz').expect(200);
    await events.clone().where({ id: 'evt_stuck' }).delete();
    const { engine } = server.services;
    const looked = vi.spyOn(engine, 'lookedAt').mockReturnValue(at);
    const hanging = await request(server.url).get('/readyz').expect(503);
    expect(hanging.body.checks).toMatchObject({ inbox: 'ok', worker: 'failed' });
    looked.mockRestore();
    await engine.start();
  });

  it('say no while the database is away, requests get a clear 503, and all is well when it is back', async () => {
    const stored = await createTestDatabase('postgres');
    const url = new URL(stored.url);
    const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
    url.port = String(proxy.port);
    const env = { DATABASE_URL: url.href };
    const broken = await startTestServer({ database: 'sqlite', emulator, env });
    expect((await broken.call('GET', '/readyz')).status).toBe(200);
    proxy.cut();
    const ready = await broken.call('GET', '/readyz');
    expect([ready.status, ready.json]).toMatchObject([503, { checks: { database: 'failed' } }]);
    expect((await broken.call('GET', '/healthz')).status).toBe(200);
    const answer = await broken.call('GET', '/api/billing/subscription', { user: 'u1' });
    expect([answer.status, answer.json]).toMatchObject([
      503,
      { error: { code: 'database_unavailable' } },
    ]);
    expect(answer.text).not.toMatch(/postgres:|knex|at .*\.ts/i);
    proxy.restore();
    await until(async () => (await broken.call('GET', '/readyz')).status === 200);
    expect((await broken.call('GET', '/api/billing/subscription', { user: 'u1' })).status).toBe(
      200,
    );
    await broken.close();
    await proxy.close();
    await stored.drop();
  });
});

describe('The admin token', () => {
  it('is no user', async () => {
    const answer = await server.call('GET', '/api/billing/subscription', {
      headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}` },
    });
    expect(answer.status).toBe(401);
  });
});
