import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listAudit } from '../../db/audit-log.ts';
import { loadConfig } from '../../server/config/config.ts';
import { createServices } from '../../server/app/compose.ts';
import { startServer } from '../../server/app/http-server.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const CLIENT = { client_id: 'tenure', client_secret: 'the-secret-of-the-client-of-the-test' };
const OPERATORS = 'Anna@example.com:support,*@example.com:viewer';

let idp: Server;
let issuer: string;
let server: TestServer;

beforeAll(async () => {
  idp = createServer();
  await new Promise<void>((resolve) => idp.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(idp.address() as AddressInfo).port}`;
  server = await startTestServer({
    database: 'sqlite',
    env: {
      ADMIN_OIDC_ISSUER: issuer,
      ADMIN_OIDC_CLIENT_ID: CLIENT.client_id,
      ADMIN_OIDC_CLIENT_SECRET: CLIENT.client_secret,
      ADMIN_OIDC_OPERATORS: OPERATORS,
      RATE_LIMIT_PER_ADDRESS: '0',
    },
  });
  const { appUrl } = server.services.config.http;
  const provider = new Provider(issuer, {
    clients: [{ ...CLIENT, redirect_uris: [`${appUrl}/admin/login/oidc/callback`] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    cookies: { keys: ['a key of the test'] },
    ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: id, email_verified: !id.startsWith('unverified') }),
    }),
  });
  const answer = provider.callback();
  idp.on('request', (request, response) => void answer(request, response));
});
afterAll(async () => {
  await server.close();
  idp.closeAllConnections();
  idp.close();
});

/** A browser: keeps the cookies of both hosts and follows redirects one by one. */
class Browser {
  private readonly cookies = new Map<string, Map<string, string>>();

  cookiesFor(url: string): string {
    const jar = this.cookies.get(new URL(url).origin) ?? [];
    return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  async open(url: string, form?: Record<string, string>): Promise<Response> {
    const { origin } = new URL(url);
    const jar = this.cookies.get(origin) ?? new Map<string, string>();
    this.cookies.set(origin, jar);
    const cookie = this.cookiesFor(url);
    const answer = await fetch(url, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: cookie === '' ? {} : { cookie },
      body: form && new URLSearchParams(form),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  }

  /** Follows until there is a page. */
  async follow(
    url: string,
    form?: Record<string, string>,
  ): Promise<{ url: string; page: Response }> {
    let page = await this.open(url, form);
    let here = url;
    for (let i = 0; i < 10 && page.headers.has('location'); i += 1) {
      here = new URL(page.headers.get('location') ?? '', here).href;
      page = await this.open(here);
    }
    return { url: here, page };
  }

  /** Signs in at the provider as its own pages ask; returns the address it leads back to. */
  async signInAt(begin: string, login: string): Promise<string> {
    const asked = await this.follow(begin);
    const consent = await this.follow(asked.url, { prompt: 'login', login, password: 'x' });
    let answer = await this.open(consent.url, { prompt: 'consent' });
    let here = consent.url;
    while (!new URL(here).pathname.endsWith('/callback')) {
      here = new URL(answer.headers.get('location') ?? '', here).href;
      if (new URL(here).origin === issuer) answer = await this.open(here);
    }
    return here;
  }
}

const begin = (back = '/admin') =>
  `${server.url}/admin/login/oidc?back=${encodeURIComponent(back)}`;
const failures = async () =>
  (await listAudit(server.database.knex, { limit: 50 })).filter(
    ({ action }) => action === 'sign_in.failed',
  ).length;

describe('Operators who sign in at an OpenID provider', () => {
  it('have the role of their address, and lead back to the page they came for', async () => {
    const browser = new Browser();
    const form = await (await browser.open(`${server.url}/admin/login?back=/admin/events`)).text();
    expect(form).toContain(`Sign in with ${new URL(issuer).host}`);
    const answer = await browser.open(
      await browser.signInAt(begin('/admin/events'), 'anna@example.com'),
    );
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('url=/admin/events');
    const page = await browser.open(`${server.url}/admin`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('anna@example.com');
    const [latest] = await listAudit(server.database.knex, { limit: 1 });
    expect(latest).toMatchObject({ action: 'sign_in', actor: 'operator:anna@example.com' });
  });

  it('are looked up by their own rule first, then by that of their domain', async () => {
    const browser = new Browser();
    await browser.open(await browser.signInAt(begin(), 'carl@example.com'));
    const csrf = /name="csrf" value="([^"]+)"/.exec(
      await (await browser.open(`${server.url}/admin`)).text(),
    )?.[1];
    expect(csrf).toBeDefined();
    const replay = { csrf: csrf ?? '', id: 'evt_1' };
    expect((await browser.open(`${server.url}/admin/events/replay`, replay)).status).toBe(403);
  });

  it.each([
    ['another address', 'mallory@elsewhere.org', 'is not an operator here'],
    ['a domain that only ends alike', 'mallory@notexample.com', 'is not an operator here'],
    ['an address that the provider does not vouch for', 'unverified@example.com', 'does not vouch'],
  ])('get in neither with %s', async (_, login, words) => {
    const browser = new Browser();
    const before = await failures();
    const answer = await browser.open(await browser.signInAt(begin(), login));
    expect(answer.status).toBe(401);
    expect(await answer.text()).toContain(words);
    expect(await failures()).toBe(before + 1);
    expect((await browser.open(`${server.url}/admin`)).headers.get('location')).toContain('/login');
  });

  it('get in with their own sign-in only: not with the address another browser was led back to, nor twice', async () => {
    const browser = new Browser();
    const address = await browser.signInAt(begin(), 'anna@example.com');
    const stranger = new Browser();
    expect((await stranger.open(address)).status).toBe(401);
    await stranger.open(begin());
    expect((await stranger.open(address)).status).toBe(401);
    expect((await browser.open(address)).status).toBe(200);
    expect((await browser.open(address)).status).toBe(401);
  });

  it('are led to no page of another host', async () => {
    const browser = new Browser();
    const address = await browser.signInAt(begin('https://evil.example/'), 'anna@example.com');
    expect(await (await browser.open(address)).text()).toContain('content="0; url=/admin"');
  });

  it('are out, with the sessions they have, as soon as no rule names them', async () => {
    const browser = new Browser();
    await browser.open(await browser.signInAt(begin(), 'anna@example.com'));
    expect((await browser.open(`${server.url}/admin`)).status).toBe(200);
    const env = { ...server.env, ADMIN_OIDC_OPERATORS: 'ben@example.com:admin', PORT: '0' };
    const services = createServices(loadConfig(env), { env });
    const other = await startServer(services);
    try {
      const cookie = browser.cookiesFor(server.url);
      expect(cookie).toContain('tenure_session=');
      const answer = await fetch(`${other.url}/admin`, { redirect: 'manual', headers: { cookie } });
      expect(answer.headers.get('location')).toContain('/admin/login');
    } finally {
      await other.close();
    }
  });

  it('are told when the provider does not answer', async () => {
    const env = { ...server.env, ADMIN_OIDC_ISSUER: 'http://127.0.0.1:9', PORT: '0' };
    const other = await startServer(createServices(loadConfig(env), { env }));
    try {
      const answer = await fetch(`${other.url}/admin/login/oidc`, { redirect: 'manual' });
      expect(answer.status).toBe(503);
      expect(await answer.text()).toContain('does not answer');
    } finally {
      await other.close();
    }
  });

  it.each([
    [{ ADMIN_OIDC_CLIENT_SECRET: undefined }, /ADMIN_OIDC_CLIENT_SECRET is missing/],
    [{ ADMIN_OIDC_ISSUER: 'http://idp.example.com' }, /must be https/],
    [{ ADMIN_OIDC_OPERATORS: 'anna@example.com' }, /address:role/],
    [
      { ADMIN_TOKENS: `anna@example.com:viewer:${'a'.repeat(64)}` },
      /both name anna@example.com: keep one/,
    ],
  ])('are configured completely or not at all (%j)', (more, words) => {
    expect(() => loadConfig({ ...server.env, ...more })).toThrow(words);
  });
});
