import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimPort } from '../../../scripts/free-port.ts';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { runServer, type Run } from '../../../server/app/run-server.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { tokenFor } from '../../support/tokens.ts';
import { newPerson, PRO } from '../billing/person.ts';

describe('Two deployments in one Stripe account, on the same prices', () => {
  let first: TestServer;
  let second: Run;
  let database: TestDatabase;
  beforeAll(async () => {
    const env = { TRIAL_DAYS: '0', DUNNING_MAX_ATTEMPTS: '2' };
    first = await startTestServer({ database: 'sqlite', env });
    database = await createTestDatabase('sqlite');
    const port = await claimPort(0, '127.0.0.1');
    const endpoint = await first.stripe.webhookEndpoints.create({
      url: `http://127.0.0.1:${port}/api/webhooks/stripe`,
      enabled_events: ['*'],
    });
    second = await runServer({
      env: {
        ...first.env,
        DEPLOYMENT_ID: 'second',
        DATABASE_URL: database.url,
        STRIPE_WEBHOOK_SECRET: endpoint.secret,
        PORT: String(port),
      },
    });
  });
  afterAll(async () => {
    await second.close();
    await database.drop();
    await first.close();
  });

  const atSecond = async (user: string, [method, path]: [string, string], body?: object) => {
    const response = await fetch(`${second.url}/api/billing/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await tokenFor(user)}`,
        'content-type': 'application/json',
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  };

  it('never act on each other’s subscriptions, though their users have the same ids', async () => {
    const person = newPerson(first);
    const ofFirst = await person.subscribe(PRO);
    expect((await atSecond(person.id, ['GET', 'subscription'])).json).toEqual({
      subscription: null,
    });
    const opened = await atSecond(person.id, ['POST', 'checkout'], PRO);
    expect(opened.status).toBe(200);
    await payCheckout(String(opened.json['url']));
    await first.settled();
    const { json } = await atSecond(person.id, ['GET', 'subscription']);
    const ofSecond = (json['subscription'] as { id: string }).id;
    expect(ofSecond).not.toBe(ofFirst.id);
    expect((await person.subscription()).id).toBe(ofFirst.id);

    await person.useCard('pm_card_chargeCustomerFail');
    for (const days of [32, 4, 6]) await first.advance(days);
    const statusOf = async (id: string) => (await first.stripe.subscriptions.retrieve(id)).status;
    expect(await statusOf(ofFirst.id)).toBe('canceled');
    expect(await statusOf(ofSecond)).toBe('active');
    expect((await atSecond(person.id, ['GET', 'access'])).json).toMatchObject({ allowed: true });
    for (const [own, db] of [
      [ofSecond, first.database],
      [ofFirst.id, database],
    ] as const) {
      expect(await db.knex('transitions').where({ subscription_id: own })).toEqual([]);
      expect(await db.knex('outbox').whereLike('payload', `%${own}%`)).toEqual([]);
      expect(await db.knex('trials').where({ subscription_id: own })).toEqual([]);
    }
    const canceled = await atSecond(person.id, ['POST', 'subscription/cancel'], { when: 'now' });
    expect(canceled.status).toBe(200);
  }, 120_000);
});
