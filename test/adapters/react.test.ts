import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import express, { type Request } from 'express';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { payCheckout } from '../../scripts/pay-checkout.ts';
import { createBillingRouter } from '../../server/entrypoints/express.ts';
import { openBrowser, type TestBrowser } from '../support/browser.ts';
import { startTestServer, until, type TestServer } from '../support/server.ts';

/** The components of the guide, in the page of a host. */
const PAGE = `
  import { createElement, StrictMode } from 'react';
  import { createRoot } from 'react-dom/client';
  import { AccountPanel } from './app/account/panel.tsx';
  import { Welcome } from './app/billing/success/welcome.tsx';
  const { pathname, searchParams } = new URL(location.href);
  const sessionId = searchParams.get('session_id') ?? undefined;
  const shown = pathname === '/billing/success' ? createElement(Welcome, { sessionId }) : createElement(AccountPanel);
  createRoot(document.querySelector('main')).render(createElement(StrictMode, null, shown));
`;

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir: resolve('test/next-app'), loader: 'js' },
    alias: { 'tenure/react': resolve('adapters/react.ts') },
    bundle: true,
    format: 'iife',
    jsx: 'automatic',
    write: false,
    define: { 'process.env.NODE_ENV': '"development"' },
  });
  return outputFiles[0]?.text ?? '';
}

interface Host {
  url: string;
  /** Commands that arrived, with their keys. */
  commands: { path: string; key: string | undefined }[];
  /** How many of the next commands get no answer, though they are done. */
  unanswered: number;
  close: () => void;
}

async function startHost(server: TestServer, script: string): Promise<Host> {
  const app = express();
  const userOf = (request: Request) => /user=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
  const host: Host = { url: '', commands: [], unanswered: 0, close: () => {} };
  app.use('/api', (request, response, next) => {
    if (request.method === 'POST') {
      host.commands.push({ path: request.path, key: request.get('idempotency-key') });
      if (host.unanswered > 0) {
        host.unanswered -= 1;
        // It breaks off in the middle: what a browser repeats by itself is another matter.
        const { socket } = response;
        response.writeHead = () => response;
        response.write = () => true;
        response.end = () => {
          socket?.write('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{');
          socket?.destroySoon();
          return response;
        };
      }
    }
    next();
  });
  app.use(
    '/api',
    createBillingRouter<Request>({
      services: server.services,
      authenticate: (_request, native) => {
        const id = userOf(native);
        return id === undefined ? null : { id, email: `${id}@example.com`, name: null };
      },
    }),
  );
  app.get('/app.js', (_request, response) => void response.type('js').send(script));
  app.use((_request, response) => {
    response.send('<!doctype html><title>Host</title><main></main><script src="/app.js"></script>');
  });
  const http = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  host.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  host.close = () => http.close();
  return host;
}

let server: TestServer;
let browser: TestBrowser;
let host: Host;
let page: Page;
let users = 0;
beforeAll(async () => {
  const [script, started, opened] = await Promise.all([
    bundle(),
    startTestServer({ database: 'sqlite', env: { TRIAL_DAYS: '0' } }),
    openBrowser({ width: 800 }),
  ]);
  [server, browser] = [started, opened];
  host = await startHost(server, script);
}, 120_000);
afterAll(async () => {
  await browser.close();
  host.close();
  await server.close();
});
beforeEach(async () => {
  users += 1;
  await browser.context.clearCookies();
  await browser.context.addCookies([{ name: 'user', value: `react${users}`, url: host.url }]);
  page = await browser.context.newPage();
  page.setDefaultTimeout(20_000);
  host.commands.length = 0;
});

const button = (name: string | RegExp) => page.getByRole('button', { name });
const heading = () => page.getByRole('heading').textContent();

/** Leaves for Checkout, pays there, and comes back to the page of the host that says thanks. */
async function subscribe(): Promise<void> {
  await page.goto(`${host.url}/account`);
  await button('Subscribe').click();
  await page.waitForURL(/\/c\/pay|checkout/);
  const paid = new URL(await payCheckout(page.url()));
  await page.goto(`${host.url}/billing/success${paid.search}`);
  await page.getByRole('heading', { name: 'Welcome to pro' }).waitFor();
}

describe('tenure/react, with the components of the guide', () => {
  it('leads through Checkout and back, and knows the plan before any webhook has come', async () => {
    await page.goto(`${host.url}/account`);
    await page.getByText('The API comes with Pro.').waitFor();
    expect(await heading()).toBe('No plan yet');
    await subscribe();
    await page.goto(`${host.url}/account`);
    await page.getByText('You may use the API.').waitFor();
    expect(await heading()).toBe('pro, active');
  }, 90_000);

  it('shows the price of a change and charges that, and a click that is made twice acts once', async () => {
    await subscribe();
    await page.goto(`${host.url}/account`);
    await button('Pay by the year').click();
    const pay = button(/^Pay [\d.]+ USD now$/);
    const shown = Math.round(Number(/[\d.]+/.exec((await pay.textContent()) ?? '')?.[0]) * 100);
    await pay.dblclick();
    await pay.waitFor({ state: 'detached' });
    const changes = host.commands.filter(({ path }) => path.endsWith('/change'));
    expect(changes).toHaveLength(1);
    await server.settled();
    const row = await server.database
      .knex('subscriptions')
      .where({ user_id: `react${users}` })
      .first('id');
    const { data } = await server.stripe.invoices.list({ subscription: row.id, limit: 1 });
    expect(data[0]?.amount_paid).toBe(shown);
  }, 90_000);

  it('sends a command that got no answer again under its key, so that it is done once', async () => {
    await subscribe();
    await page.goto(`${host.url}/account`);
    host.unanswered = 1;
    host.commands.length = 0;
    await button('Cancel').click();
    await button('Stay').waitFor();
    const [first, second] = host.commands;
    expect(host.commands).toHaveLength(2);
    expect(first?.key).toMatch(/^[0-9a-f]{32}$/);
    expect(second).toEqual(first);
    expect(await heading()).toBe('pro, cancel_pending');
    await button('Stay').click();
    await button('Cancel').waitFor();
    expect(await heading()).toBe('pro, active');
  }, 90_000);

  it('says in words why it was refused, and asks again when the page comes back into view', async () => {
    await subscribe();
    await page.goto(`${host.url}/account`);
    await button('Cancel').waitFor();
    const headers = { cookie: `user=react${users}`, 'content-type': 'application/json' };
    const elsewhere = `${host.url}/api/billing/subscription/cancel`;
    const body = '{"when":"now"}';
    expect((await fetch(elsewhere, { method: 'POST', headers, body })).status).toBe(200);
    await button('Cancel').click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').textContent()).toMatch(/[a-z] /);
    expect(await heading()).toBe('pro, active');
    // An answer that is two seconds old is asked for again.
    await page.evaluate(() => {
      const now = Date.now();
      Date.now = () => now + 60_000;
      const { document: shown } = globalThis as unknown as { document: EventTarget };
      shown.dispatchEvent(new Event('visibilitychange'));
    });
    await until(async () => (await heading()) !== 'pro, active');
    expect(await page.getByText('The API comes with Pro.').count()).toBe(1);
  }, 90_000);

  it('allows nothing to a visitor who is not signed in', async () => {
    await browser.context.clearCookies();
    await page.goto(`${host.url}/account`);
    await page.getByRole('alert').waitFor();
    expect(await page.getByText('The API comes with Pro.').count()).toBe(1);
  }, 60_000);
});
