import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkCustomer } from '../../../db/customers.ts';
import { listConflicts } from '../../../db/owner-conflicts.ts';
import { linkAccount } from '../../../server/operations/link.ts';
import { createLogger } from '../../../server/lib/log.ts';
import { examine } from '../../../server/operations/doctor/examine.ts';
import { newPerson, PRO, STARTER, type Person } from '../billing/person.ts';
import { createLoginLink } from '../../../server/admin/pages/session.ts';
import { verifyDatabase } from '../../../server/operations/verify.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';

describe('The account of a subscription', () => {
  let server: TestServer;
  const logged: string[] = [];
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      env: { OWNER_METADATA_KEYS: 'user_id,userId,supabase_uid' },
      services: {
        log: createLogger({
          level: 'error',
          destination: { write: (line: string) => void logged.push(line) },
        }),
      },
    });
  });
  afterAll(() => server.close());

  async function buyAtStripe(
    params: Partial<Stripe.SubscriptionCreateParams> = {},
    customerMetadata: Record<string, string> = {},
  ): Promise<{ customerId: string; subscriptionId: string }> {
    const customer = await server.stripe.customers.create({
      test_clock: server.env['STRIPE_TEST_CLOCK'],
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
      metadata: customerMetadata,
    });
    const { id } = await server.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: server.env['STRIPE_PRO_MONTHLY_PRICE_ID'] }],
      ...params,
    });
    await server.settled();
    return { customerId: customer.id, subscriptionId: id };
  }

  const conflictsOf = async (account: string) =>
    (await listConflicts(server.database.knex, 99)).filter(
      ({ accountId }) => accountId === account,
    );

  async function expectWhole(person: Person, subscriptionId: string): Promise<void> {
    expect((await person.subscription()).id).toBe(subscriptionId);
    expect((await person.get('access')).json).toMatchObject({ allowed: true });
    expect((await person.post('portal')).status).toBe(200);
    expect((await person.get('invoices')).json['invoices']).toHaveLength(1);
    expect((await person.get('credit')).status).toBe(200);
    expect((await person.post('checkout', PRO)).status).toBe(409);
  }

  it.each([
    ['subscription metadata', (id: string) => buyAtStripe({ metadata: { userId: id } })],
    ['a key of another program', (id: string) => buyAtStripe({ metadata: { supabase_uid: id } })],
    ['customer metadata', (id: string) => buyAtStripe({}, { user_id: id })],
  ])('O-5, O-7: is learned from %s, and everything works at once', async (_name, buy) => {
    const person = newPerson(server);
    const { subscriptionId } = await buy(person.id);
    await expectWhole(person, subscriptionId);
  });

  it('a second customer of one account is news once, not with every read of it', async () => {
    const person = newPerson(server);
    await buyAtStripe({ metadata: { user_id: person.id } });
    const second = await buyAtStripe({ metadata: { user_id: person.id } });
    const { knex } = server.database;
    expect(await conflictsOf(person.id)).toHaveLength(1);
    const { customerId } = second;
    const link = { accountId: person.id, customerId, source: 'subscription', at: 1 };
    expect(await linkCustomer(knex, link)).toBe('known_conflict');
    await knex('owner_conflicts').where({ account_id: person.id }).delete();
    expect(await linkCustomer(knex, link)).toBe('new_conflict');
    await knex('owner_conflicts').where({ account_id: person.id }).delete();
  });

  it('two claims on one customer are reported, and the link stays until an operator decides', async () => {
    const person = newPerson(server);
    const { customerId, subscriptionId } = await buyAtStripe(
      { metadata: { user_id: person.id } },
      { user_id: 'another' },
    );
    await expectWhole(person, subscriptionId);
    expect(await conflictsOf('another')).toMatchObject([{ customerId, source: 'customer' }]);
    const request = { accountId: 'another', customerId, actor: 'system', mark: true };
    expect(await linkAccount(server.services, request)).toEqual({
      replaced: null,
      subscriptions: 1,
    });
    expect(await conflictsOf('another')).toEqual([]);
    const { json } = await server.call('GET', '/api/billing/subscription', { user: 'another' });
    expect(json).toMatchObject({ subscription: { id: subscriptionId } });
    expect((await person.subscription()) as unknown).toBeNull();
    const customer = (await server.stripe.customers.retrieve(customerId)) as Stripe.Customer;
    expect(customer.metadata).toMatchObject({
      tenure_account: 'another',
      tenure_deployment: 'tenure',
    });
  });

  describe('O-16: an owner that is changed at Stripe', () => {
    const claimsOn = async (customerId: string) =>
      (await listConflicts(server.database.knex, 99)).filter(
        (each) => each.customerId === customerId,
      );
    const payerOf = async (subscriptionId: string) =>
      (await server.database.knex('subscriptions').where({ id: subscriptionId }).first()).user_id;
    const followed = async () => {
      await server.settled();
      const waits = () =>
        server.database.knex('outbox').where({ status: 'waiting', kind: 'owner.follow' }).first();
      await until(async () => (await waits()) === undefined);
    };

    it('is followed when every mark of ours says so, with all that belongs to it', async () => {
      const [before, after] = [newPerson(server), newPerson(server)];
      const { id } = await before.subscribe();
      const customerId = await before.customerId();
      await server.stripe.subscriptions.update(id, { metadata: { tenure_account: after.id } });
      await followed();
      expect(await payerOf(id)).toBe(before.id);
      expect(await claimsOn(customerId)).toMatchObject([{ accountId: after.id, source: 'mark' }]);
      await server.stripe.customers.update(customerId, { metadata: { tenure_account: after.id } });
      await followed();
      await expectWhole(after, id);
      expect((await before.subscription()) as unknown).toBeNull();
      expect((await before.get('access')).json).toMatchObject({ allowed: false });
      expect((await before.post('portal')).status).toBe(409);
      expect(await claimsOn(customerId)).toEqual([]);
    });

    it('is reported where the other account has a customer, in log, verify, doctor and dashboard', async () => {
      const [before, after] = [newPerson(server), newPerson(server)];
      const { id } = await before.subscribe();
      await after.post('checkout', PRO);
      const customerId = await before.customerId();
      const metadata = { tenure_account: after.id };
      await server.stripe.subscriptions.update(id, { metadata });
      await server.stripe.customers.update(customerId, { metadata });
      await followed();
      expect(await payerOf(id)).toBe(before.id);
      expect(await claimsOn(customerId)).toMatchObject([{ accountId: after.id, source: 'mark' }]);
      expect((await verifyDatabase(server.services)).conflicts).toBeGreaterThan(0);
      expect(logged.filter((line) => line.includes(customerId)).join()).toMatch(
        /claimed for an account that has another/,
      );
      const found = (await examine({ env: server.env })).find(
        ({ code }) => code === 'owner_conflicts',
      );
      expect(found?.message).toContain(`${customerId} for ${after.id} (mark)`);
      const link = createLoginLink(server.services) ?? '';
      const cookie = (await fetch(link, { redirect: 'manual' })).headers.get('set-cookie') ?? '';
      const page = await fetch(`${server.url}/admin/subscriptions`, {
        headers: { cookie: cookie.split(';')[0] ?? '' },
      });
      expect(await page.text()).toContain(`${customerId} for ${after.id} (mark)`);
    });

    it('is reported and never followed by a key of other programs, or the mark of another deployment', async () => {
      const [before, after] = [newPerson(server), newPerson(server)];
      const { id } = await before.subscribe();
      const customerId = await before.customerId();
      await server.stripe.customers.update(customerId, { metadata: { user_id: after.id } });
      await followed();
      expect(await claimsOn(customerId)).toMatchObject([
        { accountId: after.id, source: 'customer' },
      ]);
      const metadata = { tenure_account: after.id, tenure_deployment: 'staging' };
      await server.stripe.customers.update(customerId, { metadata });
      await followed();
      expect(await payerOf(id)).toBe(before.id);
      expect((await before.get('access')).json).toMatchObject({ allowed: true });
    });
  });

  it('O-11: a second live customer of an account is flagged and not merged', async () => {
    const person = newPerson(server);
    const first = await person.subscribe(STARTER);
    const { customerId, subscriptionId } = await buyAtStripe({ metadata: { user_id: person.id } });
    const marked: string[] = await server.database
      .knex('subscriptions')
      .where({ user_id: person.id, duplicate: true })
      .pluck('id');
    expect(marked.sort()).toEqual([first.id, subscriptionId].sort());
    expect(await conflictsOf(person.id)).toMatchObject([{ customerId }]);
    // The best plan is shown and acted on, and the answer names it; then the other one is there.
    expect(await person.subscription()).toMatchObject({ id: subscriptionId, plan: 'pro' });
    const ended = await person.command('cancel', { when: 'now' });
    expect(ended.json, ended.text).toMatchObject({
      subscription: { id: subscriptionId, state: 'canceled' },
    });
    expect(await person.subscription()).toMatchObject({ id: first.id, plan: 'starter' });
    expect(await server.stripe.subscriptions.retrieve(first.id)).toMatchObject({
      status: 'trialing',
      cancel_at_period_end: false,
    });
    expect((await person.get('access')).json).toMatchObject({ allowed: true });
  });
});
