import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { listAudit } from '../../db/audit-log.ts';
import { findCustomerByUser } from '../../db/customers.ts';
import { createLoginLink } from '../../server/admin/pages/session.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { runScript } from '../scripts/run-script.ts';
import { TEST_ADMIN_TOKEN } from '../support/tokens.ts';
import { newPerson } from './billing/person.ts';

const env = { TRUST_PROXY: '1' };
let emulator: RunningEmulator;
let server: TestServer;
beforeAll(async () => {
  emulator = await startEmulator();
  server = await startTestServer({ database: 'sqlite', emulator, env });
});
afterAll(async () => {
  await server.close();
  await emulator.close();
});

/** What was written since, oldest first. */
async function rowsOf(act: () => Promise<unknown>, { database } = server) {
  const [last] = await listAudit(database.knex, { limit: 1 });
  await act();
  const rows = await listAudit(database.knex, { limit: 500 });
  return rows.filter(({ id }) => id > (last?.id ?? 0)).toReversed();
}

const FROM = '198.51.100.7';
const asAdmin = (method: string, path: string, body: unknown) =>
  server.call(method, path, { admin: true, body, headers: { 'x-forwarded-for': FROM } });
const login = (token: string, address = FROM) =>
  fetch(`${server.url}/admin/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'x-forwarded-for': address },
    body: new URLSearchParams({ token }),
  });

describe('The audit log', () => {
  it('R-11: has every act of an operator through the API, with what was asked, the request and the address', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const promotion = { code: 'FREE4EVER', percentOff: 100, duration: 'forever' };
    const rows = await rowsOf(async () => {
      expect((await asAdmin('POST', '/api/billing/promotion-codes', promotion)).status).toBe(201);
      expect((await asAdmin('POST', '/api/billing/promotion-codes', { code: '' })).status).toBe(
        400,
      );
      const events = await server.call('GET', '/admin/api/events', { admin: true });
      const [event] = events.json['events'] as { id: string }[];
      await asAdmin('POST', `/admin/api/events/${event!.id}/replay`, undefined);
    });
    expect(rows).toMatchObject([
      {
        actor: 'admin',
        action: 'POST /api/billing/promotion-codes',
        detail: { status: 201, body: JSON.stringify(promotion) },
        requestId: expect.stringMatching(/^req_/),
        address: FROM,
      },
      { action: 'POST /api/billing/promotion-codes', detail: { status: 400 } },
      { action: 'events.replay', address: FROM, requestId: expect.stringMatching(/^req_/) },
    ]);
  });

  it('R-11: has no row twice when a request is repeated with its key', async () => {
    const body = { code: 'ONCE', percentOff: 5, duration: 'once' };
    const headers = { 'idempotency-key': 'audit-once' };
    const send = () =>
      server.call('POST', '/api/billing/promotion-codes', { admin: true, body, headers });
    expect(await rowsOf(() => send().then(send))).toHaveLength(1);
  });

  it('R-11: has acts from a terminal, with the name of the user; what is refused is said in words', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const act = (...words: string[]) => runScript('tenure', ['act', ...words], server.env);
    const credit = '{"amount": 500, "currency": "usd", "description": "Sorry"}';
    const rows = await rowsOf(async () => {
      for (const _ of [1, 2]) {
        const run = await act(person.id, 'credit', credit, '--key', 'terminal-once');
        expect(run, run.stderr).toMatchObject({ code: 0 });
      }
    });
    expect(rows).toMatchObject([
      {
        actor: expect.stringMatching(/^operator:cli:./),
        action: 'account.credit',
        target: person.id,
        detail: { amount: 500 },
      },
    ]);
    const stored = await findCustomerByUser(server.database.knex, person.id);
    const customer = await server.stripe.customers.retrieve(stored?.stripeCustomerId ?? '');
    expect(customer).toMatchObject({ balance: -500 });
    const refused = await act(person.id, 'subscription/cancel', '{"when": "never"}');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/when/);
    expect((await act('no-such-user', 'credit', credit)).stderr).toMatch(/no such account/i);
    expect((await act(person.id, 'credit', '500')).code).toBe(2);
    expect((await act('--list')).stdout).toMatch(/^refunds +Refund a payment/m);
  }, 120_000);

  it('R-11: has every sign-in and sign-out, those that failed too', async () => {
    const rows = await rowsOf(async () => {
      await login('wrong');
      const cookie = (await login(TEST_ADMIN_TOKEN)).headers.get('set-cookie')?.split(';')[0] ?? '';
      const page = await fetch(`${server.url}/admin`, { headers: { cookie } });
      const csrf = /name="csrf" value="([^"]+)"/.exec(await page.text())?.[1] ?? '';
      const body = new URLSearchParams({ csrf });
      const out = { method: 'POST', redirect: 'manual', headers: { cookie }, body } as const;
      expect((await fetch(`${server.url}/admin/logout`, out)).status).toBe(303);
      await fetch(createLoginLink(server.services) ?? '', { redirect: 'manual' });
      await fetch(`${server.url}/admin/login?link=nonsense`, { redirect: 'manual' });
    });
    expect(rows.map(({ actor, action, detail }) => [actor, action, detail])).toEqual([
      ['unknown', 'sign_in.failed', { by: 'token' }],
      ['admin', 'sign_in', { by: 'token' }],
      ['admin', 'sign_out', {}],
      ['admin', 'sign_in', { by: 'link' }],
      ['unknown', 'sign_in.failed', { by: 'link' }],
    ]);
    expect(rows[0]).toMatchObject({ address: FROM, requestId: expect.stringMatching(/^req_/) });
    expect(JSON.stringify(rows)).not.toContain(TEST_ADMIN_TOKEN);
  });

  it('R-11: has refused tokens, by address, and cannot be filled by whoever guesses', async () => {
    // On a server of its own: afterwards it writes no failure down for a while.
    const guessed = await startTestServer({ database: 'sqlite', emulator, env });
    const rows = await rowsOf(async () => {
      for (let i = 0; i < 300; i += 1) {
        const authorization = `Bearer guess-${i}`;
        const headers = { authorization, 'x-forwarded-for': `203.0.113.${i % 250}` };
        await guessed.call('GET', '/admin/api/stats', { headers });
      }
    }, guessed);
    await guessed.close();
    expect(rows.length).toBeGreaterThan(150);
    expect(rows.length).toBeLessThanOrEqual(200);
    expect(rows[0]).toMatchObject({
      actor: 'unknown',
      action: 'token.refused',
      detail: { path: '/admin/api/stats' },
      address: '203.0.113.0',
    });
    expect(JSON.stringify(rows)).not.toContain('guess-');
  });
});
