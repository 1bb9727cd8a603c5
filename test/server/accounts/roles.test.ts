import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../../server/app/route-list.ts';
import { isSubscriptionActive } from '../../../server/access/check-access.ts';
import { createGate } from '../../../server/access/gate.ts';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { startTestServer, type Answer, type TestServer } from '../../support/server.ts';
import { tokenFor } from '../../support/tokens.ts';
import { PRO, STARTER } from '../billing/person.ts';

const READ_BY_MEMBERS = new Set([
  'GET /api/billing/subscription',
  'GET /api/billing/access',
  'POST /api/billing/usage',
]);

describe('O-18: an account of several people', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      env: {
        // Every route of operators is asked with the wrong token.
        RATE_LIMIT_PER_ADDRESS: '0',
        AUTH_ACCOUNT_CLAIM: 'o.id',
        AUTH_ROLE_CLAIM: 'o.role',
        AUTH_ACCOUNT_NAME_CLAIM: 'https://example.com/team',
      },
    });
  });
  afterAll(() => server.close());

  interface Acting {
    user: string;
    account?: unknown;
    role?: unknown;
    email?: string;
  }
  const headersOf = async ({ user, account, role, email }: Acting) => ({
    authorization: `Bearer ${await tokenFor(user, {
      email,
      name: `Name of ${user}`,
      more: { o: { id: account, role }, 'https://example.com/team': 'Team Seven' },
    })}`,
  });
  async function as(
    who: Acting,
    [method, path]: [string, string],
    more: { body?: object; key?: string } = {},
  ): Promise<Answer> {
    const headers = {
      ...(await headersOf(who)),
      ...(more.key === undefined ? {} : { 'idempotency-key': more.key }),
    };
    return server.call(method, path, { headers, body: more.body });
  }
  const codeOf = ({ json }: Answer) => (json['error'] as { code: string } | undefined)?.code;

  it.each(['owner', 'billing', 'member'])('every route is asked with the role %s', async (role) => {
    const forUsers = ROUTES.filter(({ auth }) => auth === 'user');
    expect(forUsers.length).toBeGreaterThan(15);
    for (const { method, path } of forUsers) {
      const who = { user: `walker-${role}`, account: `walk-${role}`, role };
      const answer = await as(who, [method, path.replace(':id', 'in_1').replace(':code', 'X')]);
      const refused = answer.status === 403 && codeOf(answer) === 'forbidden';
      const name = `${method} ${path} as ${role}: ${answer.text}`;
      expect(refused, name).toBe(role === 'member' && !READ_BY_MEMBERS.has(`${method} ${path}`));
      expect(answer.status, name).not.toBe(401);
    }
    // No role in an account makes an operator.
    for (const { method, path } of ROUTES.filter(({ auth }) => auth === 'admin')) {
      const who = { user: `walker-${role}`, account: `walk-${role}`, role };
      const answer = await as(who, [method, path.replaceAll(/:\w+/g, 'x')]);
      const isPage = answer.status === 302 && answer.headers.get('location')?.includes('/login');
      expect(isPage ? 401 : answer.status, `${method} ${path} as ${role}`).toBe(401);
    }
  });

  it.each([
    ['an unknown word', 'admin'],
    ['nothing', undefined],
    ['a list without a role of ours', ['editor', 'viewer']],
  ])('whose role is %s is a member', async (_name, role) => {
    const who = { user: 'someone', account: 'team-x', role };
    expect((await as(who, ['GET', '/api/billing/subscription'])).status).toBe(200);
    expect((await as(who, ['POST', '/api/billing/checkout'], { body: PRO })).status).toBe(403);
  });

  it('the strongest of several roles counts, and an account may have a number for its id', async () => {
    const who = { user: 'someone', account: 42, role: ['member', 'billing'] };
    expect((await as(who, ['POST', '/api/billing/portal'])).status).toBe(409);
  });

  it.each([undefined, '', { id: 1 }, 'a\0b', 'x'.repeat(256)])(
    'a token that names no account (%s) is refused, not taken for an account of its user',
    async (account) => {
      const answer = await as({ user: 'team-7', account, role: 'owner' }, [
        'GET',
        '/api/billing/subscription',
      ]);
      expect([answer.status, codeOf(answer)]).toEqual([403, 'forbidden']);
    },
  );

  it('shares subscription, access and idempotency keys; nobody else sees any of it', async () => {
    const team = { account: 'team-7' };
    const [owner, payer, member] = [
      { ...team, user: 'u-owner', role: 'owner', email: 'owner@example.com' },
      { ...team, user: 'u-payer', role: 'billing', email: 'payer@example.com' },
      { ...team, user: 'u-member', role: 'member' },
    ];
    const stranger = { user: 'u-owner', account: 'team-8', role: 'owner' };
    const opened = await as(owner, ['POST', '/api/billing/checkout'], { body: PRO, key: 'k' });
    const again = await as(payer, ['POST', '/api/billing/checkout'], { body: PRO, key: 'k' });
    const other = await as(stranger, ['POST', '/api/billing/checkout'], { body: PRO, key: 'k' });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(other.headers.get('idempotent-replayed')).toBeNull();
    await payCheckout(String(opened.json['url']));
    await server.settled();

    for (const who of [owner, payer, member]) {
      const { json } = await as(who, ['GET', '/api/billing/subscription']);
      expect(json).toMatchObject({ subscription: { plan: 'pro', access: { level: 'full' } } });
    }
    const gate = createGate(server.services);
    const at = async (who: Acting) =>
      (await gate(new Request('http://app/', { headers: await headersOf(who) })))?.status ?? 200;
    expect([await at(member), await at(stranger)]).toEqual([200, 402]);
    expect(await isSubscriptionActive(server.services, 'team-7')).toBe(true);
    expect(await isSubscriptionActive(server.services, 'u-owner')).toBe(false);

    const { json: theirs } = await as(payer, ['GET', '/api/billing/invoices']);
    const [invoice] = theirs['invoices'] as { id: string }[];
    const path = `/api/billing/invoices/${invoice?.id}`;
    expect((await as(payer, ['GET', path])).status).toBe(200);
    expect((await as(stranger, ['GET', path])).status).toBe(404);
    expect((await as(stranger, ['GET', '/api/billing/subscription'])).json).toEqual({
      subscription: null,
    });

    const before = await server.database.knex('customers').where({ user_id: 'team-7' }).first();
    expect(before).toMatchObject({ email: 'owner@example.com', name: 'Team Seven' });
  });

  it('the history says which of its people did it, and the command which account it was for', async () => {
    const who = { account: 'team-9', user: 'u-nine', role: 'owner' };
    const opened = await as(who, ['POST', '/api/billing/checkout'], { body: STARTER });
    await payCheckout(String(opened.json['url']));
    await server.settled();
    const payer = { account: 'team-9', user: 'u-second', role: 'billing' };
    const canceled = await as(payer, ['POST', '/api/billing/subscription/cancel'], { body: {} });
    expect(canceled.status).toBe(200);
    await server.settled();
    const { knex } = server.database;
    const subscription = await knex('subscriptions').where({ user_id: 'team-9' }).first();
    const lines = await knex('transitions').where({ subscription_id: subscription.id });
    expect(lines.map(({ actor }: { actor: string }) => actor)).toContain('user:u-second');
    const commands = await knex('commands').where({ actor: 'user:u-second' });
    expect(commands).toMatchObject([{ account_id: 'team-9' }]);
  });
});

describe('O-18: a host that names accounts itself', () => {
  it('is believed, and a user without an account is their own', async () => {
    const server = await startTestServer({
      database: 'sqlite',
      services: {
        authenticate: (request) => {
          const id = request.headers.get('x-user');
          const [team, role] = request.headers.get('x-team')?.split(' ') ?? [];
          if (id === null) return null;
          return { id, email: null, name: null, account: team ? { id: team, role } : null };
        },
      },
    });
    try {
      const status = async (path: string, headers: Record<string, string>) =>
        (await server.call('POST', `/api/billing/${path}`, { headers, body: PRO })).status;
      expect(await status('checkout', { 'x-user': 'u1' })).toBe(200);
      expect(await status('checkout', { 'x-user': 'u1', 'x-team': 't1 member' })).toBe(403);
      expect(await status('checkout', { 'x-user': 'u1', 'x-team': 't1 owner' })).toBe(200);
      const rows = await server.database.knex('customers').orderBy('user_id').pluck('user_id');
      expect(rows).toEqual(['t1', 'u1']);
    } finally {
      await server.close();
    }
  });
});
