import { createHash, randomBytes } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import express from 'express';
import { Hono } from 'hono';
import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGuard, createRouter } from '../../adapters/express.ts';
import { mountFetch } from '../../adapters/fetch.ts';
import { createRouteHandlers, oncePerProcess, pageRequest } from '../../adapters/next.ts';
import { createNodeListener } from '../../adapters/node.ts';
import { echo } from './echo.ts';

const MOUNT = { mountPath: '/some/where', innerPath: '/api' };

/** Every way in, each mounted at /some/where and knowing its routes under /api. */
const ADAPTERS: Record<string, () => RequestListener> = {
  'Express 5': () => {
    const app = express();
    app.use('/some/where', createRouter(echo, MOUNT));
    return app;
  },
  'node:http': () => {
    const mounted = mountFetch(echo, MOUNT);
    const listener = createNodeListener(
      async (request) => (await mounted(request)) ?? new Response(null, { status: 404 }),
    );
    return (request, response) => void listener(request, response);
  },
  Hono: () => {
    const app = new Hono();
    const mounted = mountFetch(echo, MOUNT);
    app.all('*', async (c) => (await mounted(c.req.raw)) ?? c.notFound());
    const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
    return (request, response) => void listener(request, response);
  },
  'Next route handlers': () => {
    const handlers = createRouteHandlers(() => echo, MOUNT);
    const listener = createNodeListener((request) => {
      const method = request.method as keyof typeof handlers;
      return handlers[method](request);
    });
    return (request, response) => void listener(request, response);
  },
};

describe.each(Object.entries(ADAPTERS))('%s passes a request on as it is', (_name, listener) => {
  let server: Server;
  let base: string;
  beforeAll(async () => {
    server = createServer(listener());
    base = await listening(server);
  });
  afterAll(() => closed(server));

  it('keeps every byte value of a body', async () => {
    const body = Buffer.concat([allBytes(), randomBytes(4096)]);
    const answer = await fetch(`${base}/some/where/webhooks/stripe?x=1`, {
      method: 'POST',
      body,
      headers: { 'stripe-signature': 't=1,v1=ab' },
    });
    expect(await answer.json()).toMatchObject({
      method: 'POST',
      path: '/api/webhooks/stripe',
      query: '?x=1',
      length: body.byteLength,
      sha256: sha256(body),
      signature: 't=1,v1=ab',
      consumed: null,
    });
  });

  it('keeps a chunked body of 1 MiB', async () => {
    const body = randomBytes(1_048_576);
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let i = 0; i < body.length; i += 65_536)
          controller.enqueue(body.subarray(i, i + 65_536));
        controller.close();
      },
    });
    const answer = await fetch(`${base}/some/where/x`, {
      method: 'POST',
      body: stream,
      duplex: 'half',
    });
    expect(await answer.json()).toMatchObject({ length: 1_048_576, sha256: sha256(body) });
  });

  it('joins repeated headers and keeps repeated cookies apart', async () => {
    const answer = await raw(
      base,
      'GET /some/where/x HTTP/1.1\r\nhost: a\r\nx-mark: 1\r\nx-mark: 2\r\nconnection: close\r\n\r\n',
    );
    expect(answer).toContain('"marks":"1, 2"');
    const cookies = await fetch(`${base}/some/where/cookies`);
    expect(cookies.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  });

  it('passes statuses, redirects, empty and binary answers', async () => {
    const empty = await fetch(`${base}/some/where/empty`, { method: 'DELETE' });
    expect([empty.status, await empty.text()]).toEqual([204, '']);
    const away = await fetch(`${base}/some/where/away`, { redirect: 'manual' });
    expect([away.status, away.headers.get('location')]).toEqual([302, 'https://example.com/x']);
    const binary = await fetch(`${base}/some/where/binary`);
    expect(binary.status).toBe(201);
    expect(Buffer.from(await binary.arrayBuffer())).toEqual(allBytes());
  });

  it('answers HEAD without a body', async () => {
    const answer = await fetch(`${base}/some/where/binary`, { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([201, '']);
  });

  it('leaves other paths alone', async () => {
    expect((await fetch(`${base}/some/wherever`)).status).toBe(404);
    expect((await fetch(`${base}/`)).status).toBe(404);
  });

  it('serves a hundred requests at once', async () => {
    const bodies = Array.from({ length: 100 }, () => randomBytes(1000));
    const answers = await Promise.all(
      bodies.map(async (body) =>
        (await fetch(`${base}/some/where/x`, { method: 'POST', body })).json(),
      ),
    );
    expect(answers.map((answer) => (answer as { sha256: string }).sha256)).toEqual(
      bodies.map(sha256),
    );
  });

  it('survives a client that hangs up in the middle of a body', async () => {
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(new URL(base).port), '127.0.0.1', () => {
        socket.write('POST /some/where/x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nabc');
        setTimeout(() => socket.destroy(), 20);
      });
      socket.once('error', reject).once('close', () => resolve());
    });
    expect((await fetch(`${base}/some/where/empty`)).status).toBe(204);
  });
});

describe('The Express adapter behind other middleware', () => {
  it.each([
    ['express.json()', express.json(), { a: 1 }],
    ['express.text()', express.text({ type: '*/*' }), '{"a":1}'],
  ])(
    'says that %s consumed the body, and hands over what it made',
    async (_name, parser, parsed) => {
      const app = express();
      app.use(parser);
      app.use('/api', createRouter(echo, { innerPath: '/api' }));
      const answer = await post(app, '/api/x', '{"a":1}');
      expect(answer.consumed?.parsed).toEqual(parsed);
      expect(answer.consumed?.by).toMatch(/body parser such as express\./);
    },
  );

  it('takes the bytes that express.raw() kept', async () => {
    const app = express();
    app.use(express.raw({ type: '*/*' }));
    app.use('/api', createRouter(echo, { innerPath: '/api' }));
    const answer = await post(app, '/api/x', '{"a": 1}');
    expect(answer).toMatchObject({ consumed: null, sha256: sha256(Buffer.from('{"a": 1}')) });
  });

  it('does not mind a parser that had nothing to do', async () => {
    const app = express();
    app.use(express.json({ type: 'application/other' }));
    app.use('/api', createRouter(echo, { innerPath: '/api' }));
    expect(await post(app, '/api/x', '{"a":1}')).toMatchObject({ consumed: null, length: 7 });
  });

  it('gives an error of the handler to the error middleware, and restores the url', async () => {
    const app = express();
    const urls: string[] = [];
    app.use(
      '/in',
      (request, response, next) => {
        response.on('finish', () => urls.push(request.url));
        next();
      },
      createRouter(echo, { innerPath: '/api' }),
    );
    await post(app, '/in/x?y=1', 'abc');
    expect(urls).toHaveLength(1);
  });
});

describe('A guard', () => {
  it('lets through, or answers in place of the route', async () => {
    const app = express();
    const guard = createGuard(async (request) =>
      request.headers.get('x-pass')
        ? null
        : new Response('no', { status: 402, headers: { 'x-why': 'unpaid' } }),
    );
    app.get('/paid', guard, (_request, response) => void response.send('content'));
    const server = createServer(app);
    const base = await listening(server);
    const refused = await fetch(`${base}/paid`);
    expect([refused.status, refused.headers.get('x-why'), await refused.text()]).toEqual([
      402,
      'unpaid',
      'no',
    ]);
    expect(await (await fetch(`${base}/paid`, { headers: { 'x-pass': '1' } })).text()).toBe(
      'content',
    );
    await closed(server);
  });
});

describe('Helpers for Next', () => {
  it('make a value once per process, and again after a failure', async () => {
    let made = 0;
    const make = () => oncePerProcess('test.once', async () => ({ number: (made += 1) }));
    expect(await make()).toBe(await make());
    expect(made).toBe(1);
    const fail = () => oncePerProcess('test.fails', () => Promise.reject(new Error(`${++made}`)));
    await expect(fail()).rejects.toThrow('2');
    await expect(fail()).rejects.toThrow('3');
  });

  it('carry the headers of a page', () => {
    const request = pageRequest(new Headers({ host: 'app.test', authorization: 'Bearer x' }));
    expect([request.url, request.headers.get('authorization')]).toEqual([
      'http://app.test/',
      'Bearer x',
    ]);
  });
});

interface Echoed {
  consumed: { by: string; parsed: unknown } | null;
  sha256: string;
}

async function post(app: RequestListener, path: string, body: string): Promise<Echoed> {
  const server = createServer(app);
  const base = await listening(server);
  const answer = await fetch(base + path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  const echoed = (await answer.json()) as Echoed;
  await closed(server);
  return echoed;
}

function listening(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function raw(base: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(base).port), '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.once('end', () => resolve(answer)).once('error', reject);
  });
}

function allBytes(): Buffer {
  return Buffer.from(Array.from({ length: 256 }, (_, i) => i));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
