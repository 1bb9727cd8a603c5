import { insertEvents } from '../../db/insert-events.ts';
import { postponeEvent } from '../../db/webhook-events.ts';
import { aNewEvent } from '../support/factories.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLoginLink } from '../../server/admin/pages/session.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN } from '../support/tokens.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
}, 60_000);
afterAll(() => server.close());

interface Sent {
  cookie?: string;
  form?: Record<string, string>;
  headers?: Record<string, string>;
}

function send(path: string, sent: Sent = {}): Promise<Response> {
  return fetch(server.url + path, {
    method: sent.form ? 'POST' : 'GET',
    redirect: 'manual',
    headers: { ...(sent.cookie ? { cookie: sent.cookie } : {}), ...sent.headers },
    body: sent.form ? new URLSearchParams(sent.form) : null,
  });
}

async function signedIn(): Promise<{ cookie: string; csrf: string }> {
  const response = await send('/admin/login', { form: { token: TEST_ADMIN_TOKEN } });
  const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
  const page = await (await send('/admin', { cookie })).text();
  return { cookie, csrf: /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? '' };
}

describe('Signing in to the dashboard', () => {
  it('is asked of everybody, and the way back is kept', async () => {
    const response = await send('/admin/events?status=dead');
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe(
      `/admin/login?back=${encodeURIComponent('/admin/events?status=dead')}`,
    );
    expect((await send('/admin/api/stats')).status).toBe(401);
    expect((await send('/admin/api/stream')).status).toBe(401);
  });

  it('takes the admin token and gives an HttpOnly, SameSite=Strict cookie', async () => {
    const wrong = await send('/admin/login', { form: { token: 'not-the-admin-token' } });
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get('set-cookie')).toBeNull();
    const right = await send('/admin/login', {
      form: { token: TEST_ADMIN_TOKEN, back: '/admin/metrics' },
    });
    expect(right.headers.get('location')).toBe('/admin/metrics');
    expect(right.headers.get('set-cookie')).toMatch(/HttpOnly; SameSite=Strict/);
  });

  it('never leads to another site', async () => {
    for (const back of [
      'https://evil.example',
      '//evil.example',
      '/admin\\@evil.example',
      '/other',
    ]) {
      const response = await send('/admin/login', { form: { token: TEST_ADMIN_TOKEN, back } });
      expect(response.headers.get('location')).toBe('/admin');
    }
  });

  it('by a link from the console works once', async () => {
    const path = (createLoginLink(server.services) ?? '').replace(server.url, '');
    const first = await send(path);
    expect(first.headers.get('set-cookie')).toContain('tenure_session=');
    const second = await send(path);
    expect(second.headers.get('set-cookie')).toBeNull();
    expect(await second.text()).toContain('has been used');
  });

  it('cannot be forged, and ends when one signs out', async () => {
    const { cookie, csrf } = await signedIn();
    expect((await send('/admin', { cookie })).status).toBe(200);
    expect((await send('/admin', { cookie: `${cookie.slice(0, -2)}xx` })).status).toBe(303);
    const out = await send('/admin/logout', { cookie, form: { csrf } });
    expect(out.headers.get('set-cookie')).toMatch(/^tenure_session=; .*Max-Age=0/);
    // S-18: on the server too, for a copy of the cookie.
    expect((await send('/admin', { cookie })).status).toBe(303);
    expect((await send('/admin/api/stats', { cookie })).status).toBe(401);
  });

  it('is refused to forms of other sites', async () => {
    const response = await send('/admin/login', {
      form: { token: TEST_ADMIN_TOKEN },
      headers: { origin: 'https://evil.example' },
    });
    expect(response.status).toBe(403);
  });
});

describe('Changes by the dashboard', () => {
  it('need the token of the session that they come from', async () => {
    const { cookie, csrf } = await signedIn();
    const other = await signedIn();
    const attempts: Record<string, string>[] = [{}, { csrf: 'guess' }, { csrf: other.csrf }];
    for (const form of attempts) {
      expect((await send('/admin/time', { cookie, form: { by: 'hour', ...form } })).status).toBe(
        403,
      );
    }
    expect((await send('/admin/theme', { cookie, form: { csrf, back: '/admin' } })).status).toBe(
      303,
    );
  });

  it('through the API need it as a header, unless the admin token is sent', async () => {
    const { cookie, csrf } = await signedIn();
    const replay = (headers: Record<string, string>) =>
      fetch(`${server.url}/admin/api/events/evt_nobody/replay`, { method: 'POST', headers });
    expect((await replay({ cookie })).status).toBe(401);
    expect((await replay({ cookie, 'x-csrf-token': csrf })).status).toBe(404);
    expect((await replay({ authorization: `Bearer ${TEST_ADMIN_TOKEN}` })).status).toBe(404);
  });
});

describe('A server with a live key', () => {
  it('has no storefront and no time travel', async () => {
    const { services } = server;
    const { stripe } = services.config;
    stripe.live = true;
    try {
      expect((await send('/')).status).toBe(404);
      const { cookie } = await signedIn();
      expect((await send('/admin/time', { cookie })).status).toBe(404);
      const page = await (await send('/admin', { cookie })).text();
      expect(page).not.toContain('Test clock');
      expect(page).not.toContain('/admin/time');
    } finally {
      stripe.live = false;
    }
  });
});

describe('P-20: What is not there', () => {
  afterAll(async () => {
    await server.database.knex('webhook_events').delete();
  });

  const asBrowser = { accept: 'text/html,application/xhtml+xml' };

  it('is a page for a person, and JSON for a program', async () => {
    for (const [path, status] of [
      ['/admin/nothing', 404],
      ['/admin/events/replay/nothing', 404],
      ['/admin/theme', 405],
    ] as const) {
      const response = await fetch(server.url + path, { headers: asBrowser });
      expect(response.status, path).toBe(status);
      expect(response.headers.get('content-type'), path).toContain('text/html');
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(await response.text(), path).toContain('<h1 id="error-title">Page not found</h1>');
      const program = await fetch(server.url + path);
      expect(program.headers.get('content-type'), path).toContain('application/json');
    }
    const api = await fetch(`${server.url}/admin/api/nothing`, { headers: asBrowser });
    expect(api.headers.get('content-type')).toContain('application/json');
  });

  it('is not hidden where it is: events are found by the beginning of their type', async () => {
    const events = ['invoice.paid', 'invoice.finalized', 'invoiceitem.created'];
    await insertEvents(
      server.database.knex,
      events.map((type) => aNewEvent({ id: `evt_${type}`, type })),
    );
    const { json } = await server.call('GET', '/admin/api/events?type=invoice.*', { admin: true });
    const found = (json['events'] as { type: string }[]).map(({ type }) => type);
    expect(found.sort()).toEqual(['invoice.finalized', 'invoice.paid']);
  });

  it('and what needs attention is counted beyond the few that are shown', async () => {
    const ids = Array.from({ length: 7 }, (_, index) => `evt_dead_${index}`);
    await insertEvents(
      server.database.knex,
      ids.map((id) => aNewEvent({ id })),
    );
    const worst = { error: 'boom', attempts: 9, nextAttemptAt: 0, dead: true };
    for (const id of ids) await postponeEvent(server.database.knex, id, worst);
    const { cookie } = await signedIn();
    const text = await (await send('/admin/events', { cookie })).text();
    expect(text).toContain('2 more');
    expect(text).toContain('All 7 dead');
  });
});

describe('The API behind the dashboard', () => {
  it('tells the machine with its counts, the stats, and nothing of what is not there', async () => {
    const lifecycle = await server.call('GET', '/admin/api/lifecycle', { admin: true });
    expect(lifecycle.status).toBe(200);
    expect(lifecycle.json['states']).toHaveLength(10);
    const stats = await server.call('GET', '/admin/api/stats', { admin: true });
    expect(stats.json).toMatchObject({ counts: {}, inbox: { dead: 0 } });
    for (const path of ['subscriptions/sub_nobody', 'events/evt_nobody']) {
      expect((await server.call('GET', `/admin/api/${path}`, { admin: true })).status).toBe(404);
    }
    const wrong = await server.call('GET', '/admin/api/subscriptions?state=happy', { admin: true });
    expect(wrong.status).toBe(400);
  });

  it('says of an event that is not there that old ones are deleted, where they are', async () => {
    const { config } = server.services;
    const messages: unknown[] = [];
    for (const days of [null, 90]) {
      config.eventRetentionDays = days;
      const answer = await server.call('GET', '/admin/api/events/evt_old', { admin: true });
      messages.push((answer.json['error'] as { message: string }).message);
    }
    config.eventRetentionDays = null;
    expect(messages).toEqual([
      'There is no such event here.',
      expect.stringMatching(/^There is no such event here\. .* deleted after 90 days/),
    ]);
  });
});
