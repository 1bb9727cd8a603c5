import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertEvents } from '../../db/insert-events.ts';
import { postponeEvent } from '../../db/webhook-events.ts';
import { aNewEvent } from '../support/factories.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN } from '../support/tokens.ts';
import { html, safeUrl } from '../../server/http/pages/html.ts';
import { populate } from './population.ts';

const HOSTILE = `"><img src=x onerror=alert(1)><script>alert(2)</script>'`;

let server: TestServer;
let cookie = '';
let id = '';

beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
  const person = { email: `${HOSTILE}@x.example`, name: HOSTILE, metadata: { [HOSTILE]: HOSTILE } };
  const ids = await populate(server.database, { subscriptions: 1, now: Date.now(), last: person });
  id = ids[0] ?? '';
  await insertEvents(server.database.knex, [
    aNewEvent({
      id: 'evt_hostile',
      type: HOSTILE,
      subject: HOSTILE,
      subscriptionId: id,
      payload: JSON.stringify({ html: HOSTILE }),
    }),
  ]);
  await postponeEvent(server.database.knex, 'evt_hostile', {
    error: HOSTILE,
    nextAttemptAt: 0,
    attempts: 3,
    dead: true,
  });
  const response = await fetch(`${server.url}/admin/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ token: TEST_ADMIN_TOKEN }),
  });
  cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
}, 60_000);
afterAll(() => server.close());

describe('Text from outside stays text', () => {
  const pages = (): string[] => [
    '/admin/subscriptions',
    `/admin/subscriptions/${id}`,
    `/admin/subscriptions?q=${encodeURIComponent(HOSTILE)}`,
    '/admin/events',
    '/admin/events/evt_hostile',
    `/admin/events?type=${encodeURIComponent(HOSTILE)}&q=${encodeURIComponent(HOSTILE)}&since=${encodeURIComponent(HOSTILE)}`,
    `/admin/transitions?from=${encodeURIComponent(HOSTILE)}&window=${encodeURIComponent(HOSTILE)}`,
    `/admin/metrics?span=${encodeURIComponent(HOSTILE)}&currency=${encodeURIComponent(HOSTILE)}`,
    `/admin?did=${encodeURIComponent(HOSTILE)}&n=${encodeURIComponent(HOSTILE)}&window=${encodeURIComponent(HOSTILE)}`,
    `/admin/login?back=${encodeURIComponent(HOSTILE)}&link=${encodeURIComponent(HOSTILE)}`,
  ];

  it('in names, addresses, metadata, payloads, errors and queries', async () => {
    let seen = 0;
    for (const path of pages()) {
      const response = await fetch(server.url + path, { headers: { cookie } });
      const text = await response.text();
      expect(response.status, path).toBe(200);
      expect(text, path).not.toContain('<img');
      expect(text, path).not.toContain('<script>alert');
      seen += text.split('&lt;script&gt;alert(2)').length - 1;
    }
    // It is shown, not swallowed.
    expect(seen).toBeGreaterThan(6);
  });

  it('in the template tag, whatever it is given', () => {
    expect(html`<b title="${HOSTILE}">${[HOSTILE, null, false, 0]}</b>`.markup).toBe(
      `<b title="&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&lt;script&gt;alert(2)&lt;/script&gt;&#39;">` +
        `&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&lt;script&gt;alert(2)&lt;/script&gt;&#39;0</b>`,
    );
  });

  it('in addresses: only http(s) and own paths become links', () => {
    expect(safeUrl('javascript:alert(1)')).toBeNull();
    expect(safeUrl('//evil.example')).toBeNull();
    expect(safeUrl('/\\evil.example')).toBeNull();
    expect(safeUrl('data:text/html,x')).toBeNull();
    expect(safeUrl('https://pay.stripe.com/x')).toBe('https://pay.stripe.com/x');
  });
});
