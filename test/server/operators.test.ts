import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { listAudit } from '../../db/audit-log.ts';
import { ROUTES } from '../../server/app/route-list.ts';
import type { Route } from '../../server/http/define-route.ts';
import { loadConfig } from '../../server/config/config.ts';
import { mayOperate, OPERATOR_ROLES, type OperatorRole } from '../../state/roles.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const NAMES = { viewer: 'vera', support: 'sam', admin: 'ada' } as const;
const tokenOf = (role: OperatorRole) => `the-token-of-${NAMES[role]}`;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let emulator: RunningEmulator;
let server: TestServer;
beforeAll(async () => {
  emulator = await startEmulator();
  const all = OPERATOR_ROLES.map((role) => `${NAMES[role]}:${role}:${sha256(tokenOf(role))}`);
  server = await startTestServer({
    database: 'sqlite',
    emulator,
    env: { ADMIN_TOKENS: all.join(','), RATE_LIMIT_PER_ADDRESS: '0', TRUST_PROXY: '1' },
  });
});
afterAll(async () => {
  await server.close();
  await emulator.close();
});

/** What is open before anyone has signed in. */
const OPEN = [
  'GET /admin/login',
  'POST /admin/login',
  'POST /admin/login/local',
  'GET /admin/login/oidc',
  'GET /admin/login/oidc/callback',
  'GET /admin/assets/:hash/:name',
];
/** What changes nothing but the operator's own session or browser. */
const OWN = ['/admin/theme', '/admin/logout'];

const nameOf = ({ method, path }: Route) => `${method} ${path}`;
const admin = ROUTES.filter(
  (route) =>
    (route.auth === 'admin' || route.path.startsWith('/admin')) && !OPEN.includes(nameOf(route)),
);

async function signIn(role: OperatorRole): Promise<{ cookie: string; csrf: string }> {
  const answer = await fetch(`${server.url}/admin/login`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ token: tokenOf(role) }),
  });
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  const page = await (await fetch(`${server.url}/admin`, { headers: { cookie } })).text();
  return { cookie, csrf: /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? '' };
}

/** Bodies with which an operator who may would change something. */
const BODIES: Record<string, unknown> = {
  'POST /admin/api/accounts/:id/grants': { features: ['x'], reason: 'goodwill' },
  'POST /admin/api/accounts/:id/notes': { text: 'x' },
};

/** Asks a route in each way in which an operator can; answers the statuses. */
async function tried(route: Route, role: OperatorRole): Promise<number[]> {
  const url = server.url + route.path.replaceAll(/:\w+/g, 'unknown');
  const { method } = route;
  const { cookie, csrf } = await signIn(role);
  const status = async (headers: Record<string, string>, body: string | URLSearchParams | null) => {
    const answer = await fetch(url, { method, redirect: 'manual', headers, body });
    await answer.body?.cancel();
    return answer.status;
  };
  const form = method === 'GET' ? null : new URLSearchParams({ csrf });
  if (route.auth !== 'admin') return [await status({ cookie }, form)];
  const json = { 'content-type': 'application/json' };
  const body = method === 'GET' ? null : JSON.stringify(BODIES[nameOf(route)] ?? {});
  return [
    await status({ ...json, authorization: `Bearer ${tokenOf(role)}` }, body),
    await status({ ...json, cookie, 'x-csrf-token': csrf }, body),
  ];
}

describe('Operators', () => {
  it('R-12: every admin route says which role it needs, and what changes something needs more than a viewer', () => {
    expect(admin.length).toBeGreaterThan(30);
    for (const route of admin) {
      expect(route.role, nameOf(route)).toBeDefined();
      if (route.method === 'GET' || OWN.includes(route.path)) continue;
      expect(route.role, nameOf(route)).not.toBe('viewer');
    }
  });

  it.each(OPERATOR_ROLES)(
    'R-12: as %s: every admin route is refused exactly where the role is too little',
    async (role) => {
      for (const route of admin) {
        const enough = mayOperate({ name: NAMES[role], role }, route.role ?? 'admin');
        for (const status of await tried(route, role)) {
          if (enough) expect(status, nameOf(route)).not.toBe(403);
          else expect(status, nameOf(route)).toBe(403);
          expect([401, 500], nameOf(route)).not.toContain(status);
        }
      }
    },
    120_000,
  );

  it('R-12: a viewer writes nothing by any route: the database is the same afterwards', async () => {
    const { knex } = server.database;
    const rows: { name: string }[] = await knex('sqlite_master').where({ type: 'table' });
    const tables = rows.map(({ name }) => name).filter((name) => !name.startsWith('sqlite_'));
    const contents = async () => {
      const found: [string, unknown][] = [];
      for (const table of tables) {
        // What is refused is noted; sign-outs end sessions.
        if (['audit_log', 'used_login_links', 'leases'].includes(table)) continue;
        found.push([table, await knex(table).select()]);
      }
      return JSON.stringify(found);
    };
    await server.settled();
    const before = await contents();
    for (const route of admin) if (route.method !== 'GET') await tried(route, 'viewer');
    expect(await contents()).toBe(before);
  }, 120_000);

  it('R-12: acts, sign-ins, sign-outs and refusals tell which operator it was, and from where', async () => {
    const [last] = await listAudit(server.database.knex, { limit: 1 });
    const { cookie, csrf } = await signIn('support');
    const post = (path: string, authorization: string, body: unknown) =>
      server.call('POST', path, {
        body,
        headers: { authorization, 'x-forwarded-for': '198.51.100.7' },
      });
    const grants = '/admin/api/accounts/acme/grants';
    const grant = { features: ['x'], reason: 'goodwill' };
    expect((await post(grants, `Bearer ${tokenOf('support')}`, grant)).status).toBe(201);
    expect((await post(grants, `Bearer ${tokenOf('viewer')}`, grant)).status).toBe(403);
    const body = new URLSearchParams({ csrf });
    const out = { method: 'POST', redirect: 'manual', headers: { cookie }, body } as const;
    await fetch(`${server.url}/admin/logout`, out);
    expect((await fetch(`${server.url}/admin/api/stats`, { headers: { cookie } })).status).toBe(
      401,
    );
    const rows = await listAudit(server.database.knex, { limit: 20 });
    const news = rows.filter(({ id }) => id > (last?.id ?? 0)).toReversed();
    expect(news).toMatchObject([
      { actor: 'operator:sam', action: 'sign_in', detail: { by: 'token' } },
      { actor: 'operator:sam', action: 'grants.create', address: '198.51.100.7' },
      {
        actor: 'operator:vera',
        action: 'POST /admin/api/accounts/:id/grants',
        detail: { status: 403, role: 'viewer' },
        address: '198.51.100.7',
        requestId: expect.stringMatching(/^req_/),
      },
      { actor: 'operator:sam', action: 'sign_out' },
    ]);
    expect(JSON.stringify(news)).not.toContain('the-token-of');
  });

  it('R-12: a session has the role that its operator has now, and ends with their token', async () => {
    const { operators } = server.services.config;
    const { cookie } = await signIn('support');
    const status = async (path: string) =>
      (await fetch(server.url + path, { headers: { cookie }, redirect: 'manual' })).status;
    const sam = operators.find(({ name }) => name === 'sam')!;
    expect(await status('/admin/events/replay')).toBe(200);
    sam.role = 'viewer';
    expect(await status('/admin/events/replay')).toBe(403);
    sam.role = 'support';
    const hash = sam.tokenHash;
    sam.tokenHash = sha256('another');
    expect(await status('/admin/events/replay')).toBe(303);
    sam.tokenHash = hash;
    expect(await status('/admin/events/replay')).toBe(200);
  });

  it('R-12: a cookie that names another operator is no session', async () => {
    const { cookie } = await signIn('viewer');
    const [name = '', token = ''] = cookie.split('=');
    const [nonce, expires, , mac] = token.split('.');
    const ada = Buffer.from('ada').toString('base64url');
    for (const forged of [
      [nonce, expires, ada, mac],
      [nonce, expires, mac],
    ]) {
      const headers = { cookie: `${name}=${forged.join('.')}` };
      expect((await fetch(`${server.url}/admin/api/stats`, { headers })).status).toBe(401);
    }
  });

  it('R-12: a viewer’s pages have no form that would be refused', async () => {
    const { cookie } = await signIn('viewer');
    for (const path of ['/admin', '/admin/events', '/admin/time']) {
      const page = await (await fetch(server.url + path, { headers: { cookie } })).text();
      const targets = [...page.matchAll(/method="post" action="([^"]+)"/g)].map(([, to]) => to);
      expect(new Set(targets), path).toEqual(new Set(OWN));
      expect(page).toContain('Signed in as vera (viewer)');
    }
  });
});

describe('ADMIN_TOKENS', () => {
  const problem = (value: string) => {
    try {
      loadConfig({ ...server.env, ADMIN_TOKENS: value });
      return null;
    } catch (error) {
      return String(error);
    }
  };
  const hash = sha256('x');

  it.each([
    ['a token in place of its hash', 'anna:support:the-token', 'name:role:sha256'],
    ['an unknown role', `anna:owner:${hash}`, 'name:role:sha256'],
    ['a second admin', `admin:viewer:${hash}`, 'ADMIN_TOKEN'],
    ['two roles of one name', `a:viewer:${hash},a:admin:${sha256('y')}`, 'one role'],
    ['one token of two', `a:viewer:${hash},b:admin:${hash}`, 'one token'],
  ])('refuses %s', (_, value, words) => {
    expect(problem(value)).toContain(words);
    expect(problem(value)).not.toContain('the-token');
  });

  it('takes two hashes of a name, while its token is replaced', () => {
    expect(problem(`a:viewer:${hash},a:viewer:${sha256('y')}`)).toBeNull();
  });
});
