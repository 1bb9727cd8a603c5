import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import express from 'express';
import { describe, expect, it } from 'vitest';
import { createGuard, createRouter } from '../../adapters/express.ts';
import { oncePerProcess, pageRequest } from '../../adapters/next.ts';
import { createNodeListener } from '../../adapters/node.ts';
import { echo } from './echo.ts';

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

  it('passes what is not meant for it on to the next route of the host', async () => {
    const app = express();
    const serves = (path: string) => path.startsWith('/api/billing/');
    app.use('/shop', createRouter(echo, { innerPath: '/api', serves }));
    app.get('/shop/users', (_request, response) => void response.send('the host’s own'));
    const server = createServer(app);
    const base = await listening(server);
    expect(await (await fetch(`${base}/shop/users`)).text()).toBe('the host’s own');
    expect(await (await fetch(`${base}/shop/billing/x?y=1`)).json()).toMatchObject({
      path: '/api/billing/x',
      query: '?y=1',
    });
    await closed(server);
  });

  it('leaves the url as it was for whoever looks at it afterwards', async () => {
    const app = express();
    const urls: string[] = [];
    app.use(
      '/in',
      (request, response, next) => {
        response.on('finish', () => setImmediate(() => urls.push(request.url)));
        next();
      },
      createRouter(echo, { innerPath: '/api' }),
    );
    await post(app, '/in/x?y=1', 'abc');
    expect(urls).toEqual(['/x?y=1']);
  });
});

describe('A handler that throws, which the route table never does', () => {
  const broken = () => Promise.reject(new Error('words for the log only'));

  it('reaches the error middleware of Express, which sees its own url', async () => {
    const app = express();
    app.use('/in', createRouter(broken, { innerPath: '/api' }));
    const seen: unknown[] = [];
    const server = createServer((request, response) =>
      app(request as express.Request, response as express.Response, (error: unknown) => {
        seen.push(error, request.url);
        response.end('mine');
      }),
    );
    const base = await listening(server);
    expect(await (await fetch(`${base}/in/x`)).text()).toBe('mine');
    expect(seen).toEqual([new Error('words for the log only'), '/in/x']);
    await closed(server);
  });

  it('is an empty 500 under node:http, and a Host that is no host a 400', async () => {
    const listener = createNodeListener(broken);
    const server = createServer((request, response) => void listener(request, response));
    const base = await listening(server);
    const answer = await fetch(base);
    expect([answer.status, await answer.text()]).toEqual([500, '']);
    const head = 'GET / HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n';
    expect(await raw(base, head)).toMatch(/^HTTP\/1.1 400 /);
    await closed(server);
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

describe('Each adapter', () => {
  const files = ['django', 'express', 'fetch', 'next', 'node'].map((name) => `adapters/${name}.ts`);

  it.each(files)('is short, and its reader learns nothing about billing: %s', (file) => {
    const source = readFileSync(file, 'utf8');
    expect(source.split('\n').length).toBeLessThan(150);
    expect(source).not.toMatch(/subscri|invoice|checkout|trial|customer|meter|stripe-|price/i);
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

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
