import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTE_DIALECTS } from '../support/databases.ts';
import { startTestServer, type Answer, type TestServer } from '../support/server.ts';
import { newPerson, type Person } from './billing/person.ts';

const DAY = 86_400_000;
const TEAM = { plan: 'team', interval: 'monthly' };
const dir = mkdtempSync(join(tmpdir(), 'tenure-grants-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A free default plan, and one that is sold. */
function plansFile(price: string): string {
  const path = join(dir, `${price}.json`);
  const plans = [
    {
      id: 'free',
      name: 'Free',
      rank: 0,
      features: ['projects'],
      limits: { projects: 1 },
      default: true,
    },
    {
      id: 'team',
      name: 'Team',
      rank: 1,
      features: ['projects', 'exports'],
      limits: { projects: 10 },
      prices: { monthly: price },
    },
  ];
  writeFileSync(path, JSON.stringify({ plans }));
  return path;
}

describe.each(ROUTE_DIALECTS)('Grants on %s', (database) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database,
      env: { TRIAL_DAYS: '0' },
      prepare: async (stripe) => {
        const price = await stripe.prices.create({
          currency: 'usd',
          unit_amount: 2000,
          recurring: { interval: 'month' },
          product_data: { name: 'Team' },
        });
        return { PLANS_FILE: plansFile(price.id) };
      },
    });
  });
  afterAll(() => server.close());

  const access = async (person: Person, feature = '') =>
    (await person.get(`access${feature && `?feature=${feature}`}`)).json;
  const admin = (method: string, path: string, body?: object): Promise<Answer> =>
    server.call(method, `/admin/api/${path}`, { admin: true, body });
  const give = (person: Person, body: object) =>
    admin('POST', `accounts/${person.id}/grants`, { reason: 'sorry', ...body });

  it('C-6: an account without a subscription has the free plan, and no more', async () => {
    const person = newPerson(server);
    expect(await access(person, 'projects')).toMatchObject({
      allowed: true,
      level: 'full',
      reason: 'default_plan',
      limit: 1,
    });
    expect(await access(person, 'exports')).toEqual({
      allowed: false,
      level: 'none',
      reason: 'no_subscription',
    });
    expect(await access(person)).toMatchObject({ allowed: false, reason: 'no_subscription' });
    const { json } = await server.call('GET', '/api/billing/plans');
    expect(json['plans']).toMatchObject([
      { id: 'free', default: true, prices: { monthly: null, yearly: null } },
      { id: 'team', default: false, prices: { monthly: { amount: 2000 } } },
    ]);
  });

  it('R-10: features, limits and plans last until their end, are seen by the account, and are audited', async () => {
    const person = newPerson(server);
    const endsAt = new Date(server.services.clock.now() + 7 * DAY).toISOString();
    const made = await give(person, {
      features: ['exports'],
      limits: { projects: 5 },
      combine: 'add',
      endsAt,
    });
    expect(made.status, made.text).toBe(201);
    expect(await access(person, 'exports')).toMatchObject({ allowed: true, reason: 'granted' });
    expect(await access(person, 'projects')).toMatchObject({ allowed: true, limit: 6 });
    expect(await access(person)).toMatchObject({ allowed: false });
    expect((await person.get('grants')).json['grants']).toMatchObject([
      {
        id: made.json['id'],
        features: ['exports'],
        source: 'complimentary',
        reason: 'sorry',
        endsAt,
      },
    ]);
    expect((await newPerson(server).get('grants')).json).toEqual({ grants: [] });

    const whole = await give(person, { plan: 'team', source: 'goodwill' });
    expect(await access(person)).toEqual({ allowed: true, level: 'full', reason: 'granted' });
    expect(await access(person, 'projects')).toMatchObject({ allowed: true, limit: 15 });
    expect(await access(person, 'teleport')).toMatchObject({
      allowed: false,
      reason: 'feature_not_in_plan',
    });
    await person.subscribe(TEAM);
    expect(await access(person)).toMatchObject({ allowed: true, reason: 'active' });

    const revoked = await admin('POST', `grants/${String(whole.json['id'])}/revoke`);
    expect(revoked.json['revokedAt']).not.toBeNull();
    await person.command('cancel', { when: 'now' });
    expect(await access(person)).toMatchObject({
      allowed: false,
      level: 'none',
      reason: 'canceled',
    });
    await server.advance(8);
    expect(await access(person, 'exports')).toMatchObject({ allowed: false });
    expect(await access(person, 'projects')).toMatchObject({ allowed: true, limit: 1 });
    expect((await person.get('grants')).json).toEqual({ grants: [] });

    const all = (await admin('GET', `accounts/${person.id}/grants`)).json['grants'];
    expect(all).toHaveLength(2);
    const audit = await server.database
      .knex('audit_log')
      .where({ target: person.id })
      .orderBy('id');
    expect(audit.map(({ action }) => action)).toEqual([
      'grants.create',
      'grants.create',
      'grants.revoke',
    ]);
  });

  it('are refused when they give nothing, end in the past or name no plan, and to users', async () => {
    const person = newPerson(server);
    const endsAt = new Date(server.services.clock.now() - DAY).toISOString();
    for (const body of [
      {},
      { plan: 'gone' },
      { features: ['a'], endsAt },
      { plan: 'team', reason: '' },
    ]) {
      expect((await give(person, body)).status, JSON.stringify(body)).toBe(400);
    }
    expect((await admin('POST', 'grants/grant_none/revoke')).status).toBe(404);
    const path = `/admin/api/accounts/${person.id}/grants`;
    const own = await server.call('POST', path, {
      user: person.id,
      body: { plan: 'team', reason: 'me' },
    });
    expect(own.status).toBe(401);
    expect((await person.get('grants')).json).toEqual({ grants: [] });
  });
});
