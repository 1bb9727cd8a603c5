import express from 'express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payCheckout } from '../../scripts/pay-checkout.ts';
import { isSubscriptionActive } from '../../server/access/check-access.ts';
import { requireActiveSubscription, requireFeature } from '../../server/entrypoints/express.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tokenFor } from '../support/tokens.ts';

describe('The gates of a host app', () => {
  let server: TestServer;
  let app: express.Express;
  let payer: string;
  let stranger: string;

  beforeAll(async () => {
    server = await startTestServer({ database: 'sqlite' });
    const { services } = server;
    app = express();
    const page: express.RequestHandler = (_request, response) => void response.send('content');
    app.all('/paid', requireActiveSubscription({ services }), page);
    app.get('/api-only', requireFeature('api_access', { services }), page);
    app.get('/teleport', requireFeature('teleport', { services, redirectTo: '/plans?x=1' }), page);
    payer = await subscriber('payer');
    stranger = `Bearer ${await tokenFor('stranger')}`;
  });
  afterAll(() => server.close());

  async function subscriber(user: string): Promise<string> {
    const body = { plan: 'pro', interval: 'monthly' };
    const opened = await server.call('POST', '/api/billing/checkout', { user, body });
    await payCheckout(String(opened.json['url']));
    await server.settled();
    return `Bearer ${await tokenFor(user)}`;
  }
  const ask = (path: string, who: string, accept = 'application/json') =>
    request(app).get(path).set('authorization', who).set('accept', accept);

  it('let whoever has a subscription through', async () => {
    await ask('/paid', payer).expect(200, 'content');
    await ask('/api-only', payer).expect(200, 'content');
    expect(await isSubscriptionActive(server.services, 'payer')).toBe(true);
    expect(await isSubscriptionActive(server.services, 'stranger')).toBe(false);
  });

  it('answer programs 401 and 402 in the error format', async () => {
    const nobody = await request(app).get('/paid').expect(401);
    expect(nobody.body.error.code).toBe('unauthenticated');
    const refused = await ask('/paid', stranger).expect(402);
    expect(refused.body.error).toMatchObject({
      code: 'subscription_required',
      reason: 'no_subscription',
    });
    const poorer = await ask('/teleport', payer).expect(402);
    expect(poorer.body.error).toMatchObject({ code: 'feature_required', feature: 'teleport' });
  });

  it('send people to the billing page, with the reason', async () => {
    const refused = await ask('/paid', stranger, 'text/html').expect(303);
    expect(refused.headers['location']).toBe('/billing?reason=subscription_required');
    const poorer = await ask('/teleport', payer, 'text/html').expect(303);
    expect(poorer.headers['location']).toBe('/plans?x=1&reason=feature_required');
  });

  it('do not redirect what changes something', async () => {
    await request(app)
      .post('/paid')
      .set('authorization', stranger)
      .set('accept', 'text/html')
      .expect(402);
  });

  it('ask the database, never Stripe', async () => {
    const before = await server.stripe.events.list({ limit: 1 });
    const reads = server.services.engine.reader.count();
    for (let i = 0; i < 20; i += 1) await ask('/paid', payer).expect(200);
    expect(server.services.engine.reader.count()).toBe(reads);
    expect((await server.stripe.events.list({ limit: 1 })).data[0]?.id).toBe(before.data[0]?.id);
  });

  it('see a cancellation at once', async () => {
    const leaver = await subscriber('leaver');
    await ask('/paid', leaver).expect(200);
    await server.call('POST', '/api/billing/subscription/cancel', {
      user: 'leaver',
      body: { when: 'now' },
    });
    await ask('/paid', leaver).expect(402);
  });
});
