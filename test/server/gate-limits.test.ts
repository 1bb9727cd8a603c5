import express from 'express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGate } from '../../server/access/gate.ts';
import { checkAccess } from '../../server/access/check-access.ts';
import { loadConfig } from '../../server/config/config.ts';
import { requireFeature } from '../../server/entrypoints/express.ts';
import { createLogger } from '../../server/lib/log.ts';
import { createServices } from '../../server/app/compose.ts';
import type { Services } from '../../server/lib/services.ts';
import { ROUTE_DIALECTS } from '../support/databases.ts';
import { startTestServer, until, type TestServer } from '../support/server.ts';
import { tokenFor } from '../support/tokens.ts';
import { newPerson, type Person } from './billing/person.ts';
import { METER, meteredPlans } from './usage/metered-plans.ts';

const TEAM = { plan: 'team', interval: 'monthly' };

describe.each(ROUTE_DIALECTS)('Limits and features on %s', (database) => {
  let server: TestServer;
  let person: Person;
  /** Another process on the same database. */
  let other: Services;

  beforeAll(async () => {
    server = await startTestServer({
      database,
      prepare: meteredPlans,
      env: { TRIAL_DAYS: '0' },
      services: { usage: { flushEvery: 0 } },
    });
    other = createServices(loadConfig(server.env), {
      env: server.env,
      log: createLogger({ level: 'silent' }),
      engine: { catchUpEvery: 0 },
      usage: { flushEvery: 0 },
    });
    await other.engine.start();
    person = newPerson(server);
    await person.subscribe(TEAM);
  });
  afterAll(async () => {
    await other.close();
    await server.close();
  });

  const ask = async (query: string) => (await person.get(`access?${query}`)).json;

  it('say what is left of a limit that a meter counts', async () => {
    expect(await ask(`feature=${METER}`)).toMatchObject({
      allowed: true,
      level: 'full',
      reason: 'active',
      limit: 100,
      remaining: 100,
    });
    await server.services.usage.track({ userId: person.id, meter: METER, quantity: 60 });
    expect(await ask(`feature=${METER}`)).toMatchObject({ allowed: true, remaining: 40 });
    await server.services.usage.track({ userId: person.id, meter: METER, quantity: 60 });
    expect(await ask(`feature=${METER}`)).toEqual({
      allowed: false,
      level: 'full',
      reason: 'limit_reached',
      limit: 100,
      remaining: 0,
    });
  });

  it('C-4: a meter that an item of the subscription bills is a feature of it', async () => {
    const other = newPerson(server);
    await other.subscribe({ plan: 'volume', interval: 'monthly' });
    expect((await other.get(`access?feature=${METER}`)).json).toMatchObject({
      allowed: true,
      reason: 'active',
    });
  });

  it('say what is left of a limit that the host app counts', async () => {
    expect(await ask('feature=projects&used=1')).toMatchObject({ limit: 3, remaining: 2 });
    expect(await ask('feature=projects&used=3')).toMatchObject({ allowed: false, remaining: 0 });
    const unknown = await ask('feature=projects');
    expect(unknown).toMatchObject({ allowed: true, limit: 3 });
    expect(unknown).not.toHaveProperty('remaining');
    expect(await ask('feature=exports')).toMatchObject({ allowed: true, reason: 'active' });
    expect(await ask('feature=teleport')).toMatchObject({
      allowed: false,
      level: 'full',
      reason: 'feature_not_in_plan',
    });
    expect((await person.get('access?feature=projects&used=-1')).status).toBe(400);
  });

  it('close the gate of a host app: 402 for programs, a redirect for people', async () => {
    const { services } = server;
    const person = newPerson(server);
    await person.subscribe(TEAM);
    await services.usage.track({ userId: person.id, meter: METER, quantity: 120 });
    const app = express();
    const page: express.RequestHandler = (_request, response) => void response.send('content');
    let projects = 2;
    app.get('/calls', requireFeature(METER, { services }), page);
    app.post('/projects', requireFeature('projects', { services, used: () => projects }), page);
    const authorization = `Bearer ${await tokenFor(person.id)}`;
    const refused = await request(app).get('/calls').set({ authorization }).expect(402);
    expect(refused.body.error).toMatchObject({
      code: 'limit_reached',
      feature: METER,
      limit: 100,
      remaining: 0,
    });
    const away = await request(app).get('/calls').set({ authorization, accept: 'text/html' });
    expect([away.status, away.headers['location']]).toEqual([303, '/billing?reason=limit_reached']);
    await request(app).post('/projects').set({ authorization }).expect(200);
    projects = 3;
    await request(app).post('/projects').set({ authorization }).expect(402);
  });

  it('close the gate at the cap of a meter, whose usage is billed as far as it was recorded', async () => {
    const { services } = server;
    const person = newPerson(server);
    await person.subscribe({ plan: 'counted', interval: 'monthly' });
    const gate = createGate(services, { feature: 'jobs' });
    const authorization = `Bearer ${await tokenFor(person.id)}`;
    const pass = () => gate(new Request('http://host.example/', { headers: { authorization } }));
    await services.usage.track({ userId: person.id, meter: 'jobs', quantity: 1 });
    expect(await pass()).toBeNull();
    for (let i = 0; i < 5; i += 1)
      await services.usage.track({ userId: person.id, meter: 'jobs', quantity: 1 });
    const refused = await pass();
    expect(refused?.status).toBe(402);
    expect(await refused?.json()).toMatchObject({
      error: { code: 'cap_reached', feature: 'jobs', limit: 6, remaining: 0 },
    });
  });

  it('answer from memory in well under a millisecond', async () => {
    await checkAccess(server.services, person.id, 'exports');
    const started = performance.now();
    for (let i = 0; i < 5_000; i += 1) await checkAccess(server.services, person.id, 'exports');
    expect((performance.now() - started) / 5_000).toBeLessThan(0.5);
  });

  it('are right within a second of a change, in any process', async () => {
    const somebody = newPerson(server);
    await somebody.subscribe(TEAM);
    const there = () => checkAccess(other, somebody.id, 'exports');
    expect(await there()).toMatchObject({ allowed: true });
    // Asked all the time, so that what is remembered is as old as it can be.
    let changedAt = Infinity;
    let seenAt = 0;
    const watch = until(async () => {
      if ((await there()).allowed) return false;
      seenAt = performance.now();
      return true;
    });
    await somebody.command('cancel', { when: 'now' }).then(() => {
      changedAt = performance.now();
    });
    await watch;
    expect(seenAt - changedAt).toBeLessThan(1_000);
    expect(await there()).toMatchObject({ allowed: false, level: 'none', reason: 'canceled' });
  });
});

describe.each(ROUTE_DIALECTS)('Stripe Entitlements on %s', (database) => {
  let server: TestServer;
  let person: Person;

  beforeAll(async () => {
    server = await startTestServer({
      database,
      env: { TRIAL_DAYS: '0', ENTITLEMENTS: 'stripe' },
    });
    const { stripe, env } = server;
    const price = await stripe.prices.retrieve(env['STRIPE_PRO_MONTHLY_PRICE_ID']!);
    const feature = await stripe.entitlements.features.create({
      name: 'Single sign-on',
      lookup_key: 'sso',
    });
    await stripe.products.createFeature(price.product as string, {
      entitlement_feature: feature.id,
    });
    person = newPerson(server);
    await person.subscribe({ plan: 'pro', interval: 'monthly' });
  });
  afterAll(() => server.close());

  const ask = async (feature: string) => (await person.get(`access?feature=${feature}`)).json;

  it('decide about features when they are configured, and follow their webhook', async () => {
    await until(async () => (await ask('sso'))['allowed'] === true);
    // In the plans file, but not at Stripe.
    expect(await ask('api_access')).toMatchObject({
      allowed: false,
      level: 'full',
      reason: 'feature_not_entitled',
    });
    const { stripe, env } = server;
    const price = await stripe.prices.retrieve(env['STRIPE_STARTER_MONTHLY_PRICE_ID']!);
    await stripe.subscriptions.update((await person.subscription()).id, {
      items: [{ id: (await person.atStripe()).items.data[0]!.id, price: price.id }],
    });
    await until(async () => (await ask('sso'))['allowed'] === false);
    expect(await ask('sso')).toMatchObject({ level: 'full', reason: 'feature_not_entitled' });
  });

  it('let nobody in before they are known, and read them in the background', async () => {
    const newcomer = newPerson(server);
    await newcomer.subscribe({ plan: 'starter', interval: 'monthly' });
    const ask = async () => (await newcomer.get('access?feature=sso')).json;
    const { customerId } = (await server.services.access.subscriptionOf(newcomer.id))!;
    await server.database.knex('entitlements').where({ customer_id: customerId }).delete();
    server.services.access.invalidateAll();
    expect(await ask()).toMatchObject({ allowed: false, reason: 'entitlements_unknown' });
    await until(async () => (await ask())['reason'] === 'feature_not_entitled');
    expect(await ask()).toMatchObject({ allowed: false, level: 'full' });
  });
});
