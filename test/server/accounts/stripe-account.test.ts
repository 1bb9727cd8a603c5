import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rememberedStripe } from '../../../db/deployment.ts';
import { prepareLocalAccount } from '../../../scripts/local-account.ts';
import { createServices } from '../../../server/app/compose.ts';
import { runServer } from '../../../server/app/run-server.ts';
import { loadConfig } from '../../../server/config/config.ts';
import { examine } from '../../../server/operations/doctor/examine.ts';
import { otherStripe, requireSameStripe } from '../../../server/operations/stripe-account.ts';
import { newPerson } from '../billing/person.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

describe('O-13: the Stripe account of a database', () => {
  let server: TestServer;
  let other: Record<string, string | undefined>;
  beforeAll(async () => {
    server = await startTestServer({ database: 'sqlite' });
    const account = await prepareLocalAccount({
      apiBase: server.emulator.url,
      secretKey: `sk_test_other${Date.now()}`,
      secretsFile: null,
      webhookUrl: 'http://127.0.0.1:9/api/webhooks/stripe',
      testClock: null,
    });
    const { AUTH_JWT_SECRET, ADMIN_TOKEN } = server.env;
    other = { ...server.env, ...account, AUTH_JWT_SECRET, ADMIN_TOKEN, PORT: '0' };
  });
  beforeEach(async () => {
    // As the server's start leaves a new database, whatever the test before this one remembered.
    await server.database.knex('deployment').delete();
    await requireSameStripe(server.services);
  });
  afterAll(() => server.close());

  it('is remembered, and another one is refused in words that say what to do', async () => {
    const { id } = await server.stripe.accounts.retrieveCurrent();
    const { knex } = server.database;
    expect(await rememberedStripe(knex)).toEqual({ accountId: id, mode: 'test' });
    await requireSameStripe(server.services);
    await expect(runServer({ env: other })).rejects.toThrow(/ACCEPT_STRIPE_ACCOUNT=acct_\w+:test/);
    const found = await examine({ env: other });
    expect(found.filter(({ code }) => code === 'other_stripe_account')).toHaveLength(1);
    const own = await examine({ env: server.env });
    expect(own.map(({ code }) => code)).not.toContain('other_stripe_account');
  });

  it('is refused in the other mode, even while Stripe cannot be asked', async () => {
    const { config, stripe } = server.services;
    const live = {
      ...server.services,
      config: { ...config, stripe: { ...config.stripe, live: true } },
      stripe: { ...stripe, probeAccount: () => new Promise<never>(() => undefined) },
    };
    await expect(requireSameStripe(live)).rejects.toThrow(/unknown:live/);
    const late = { ...live, config };
    expect(await otherStripe(late)).toBeNull();
  }, 30_000);

  it('may be left for another: nothing of the old one gives access or is in the way', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const before = await person.customerId();
    const wrong = createServices(
      loadConfig({ ...other, ACCEPT_STRIPE_ACCOUNT: 'acct_1someother:test' }),
      { env: other },
    );
    await expect(requireSameStripe(wrong)).rejects.toThrow(/docs\/existing-account/);
    const words = (await otherStripe(wrong)) ?? '';
    await wrong.close();
    const accepted = /ACCEPT_STRIPE_ACCOUNT=(\S+)/.exec(words)?.[1];
    const mails = () =>
      server.database.knex('outbox').whereLike('kind', 'mail.%').count({ n: '*' });
    const mailed = await mails();
    const run = await runServer({ env: { ...other, ACCEPT_STRIPE_ACCOUNT: accepted } });
    try {
      expect(await rememberedStripe(server.database.knex)).toMatchObject({ mode: 'test' });
      expect(await otherStripe(run.services)).toBeNull();
      expect(await mails()).toEqual(mailed);
      const { tokenFor } = await import('../../support/tokens.ts');
      const authorization = `Bearer ${await tokenFor(person.id)}`;
      const ask = (method: string, path: string, body?: object) =>
        fetch(`${run.url}/api/billing/${path}`, {
          method,
          headers: { authorization, 'content-type': 'application/json' },
          ...(body && { body: JSON.stringify(body) }),
        });
      expect(await (await ask('GET', 'access')).json()).toMatchObject({ allowed: false });
      const opened = await ask('POST', 'checkout', { plan: 'pro', interval: 'monthly' });
      expect(opened.status, await opened.text()).toBe(200);
      expect(await person.customerId()).not.toBe(before);
      expect((await server.stripe.subscriptions.list({ customer: before })).data).toMatchObject([
        { status: 'trialing' },
      ]);
    } finally {
      await run.close();
    }
  });

  it('going live, forgets the trials that were had with test cards', async () => {
    const { knex } = server.database;
    await newPerson(server).subscribe();
    expect(await knex('trials').count({ n: '*' })).not.toEqual([{ n: 0 }]);
    const { config, stripe } = server.services;
    const live = {
      ...server.services,
      config: { ...config, stripe: { ...config.stripe, live: true, accept: 'acct_live:live' } },
      stripe: {
        ...stripe,
        probeAccount: async () => ({ accountId: 'acct_live', serverTime: null }),
      },
    };
    await requireSameStripe(live);
    expect(await knex('trials').count({ n: '*' })).toEqual([{ n: 0 }]);
    expect(await rememberedStripe(knex)).toEqual({ accountId: 'acct_live', mode: 'live' });
  });
});
