import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, PRO } from '../billing/person.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { createOtherProgram, type OtherProgram } from './other-program.ts';

const ALL_ACTIONS = ['checkout'];

describe('A Stripe account that other programs use too', () => {
  let server: TestServer;
  let other: OtherProgram;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      env: { TRIAL_ONE_PER_CARD: 'true' },
    });
  });
  beforeEach(async () => {
    other = await createOtherProgram(server);
  });
  afterAll(() => server.close());

  const stateOf = async (id: string) => (await server.stripe.subscriptions.retrieve(id)).status;
  const figures = async () => {
    const { json } = await server.call('GET', '/admin/api/stats', { admin: true });
    const { counts, mrr, paying, trialing } = json;
    return { counts, mrr, paying, trialing };
  };

  it('O-1: keeps its failing payers: no cancel, no pause, no mail, no figure', async () => {
    const before = await figures();
    const stranger = await other.subscriber();
    await server.settled();
    await stranger.useCard('pm_card_chargeCustomerFail');
    for (const days of [32, 4, 6]) await server.advance(days);
    expect(await stateOf(stranger.subscriptionId)).toBe('past_due');
    await other.expectUntouched();
    expect(await figures()).toEqual(before);
    const flags: string[] = await server.database
      .knex('webhook_events')
      .where({ subscription_id: stranger.subscriptionId, status: 'ignored' })
      .pluck('flags');
    expect(flags.length).toBeGreaterThan(3);
    expect(new Set(flags)).toEqual(new Set(['foreign']));
    const listed = await server.call('GET', '/admin/api/subscriptions', { admin: true });
    expect(listed.text).not.toContain(stranger.subscriptionId);
  }, 120_000);

  it('O-2: keeps its trials on a card that had one here', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO);
    // The card has had its trial; one that went on would change the figures of another test.
    await person.command('cancel', { when: 'now' });
    const stranger = await other.subscriber({
      trial_period_days: 7,
      default_payment_method: undefined,
      metadata: { user_id: 'their-own-user-17' },
    });
    await other.expectUntouched();
    expect(await stateOf(stranger.subscriptionId)).toBe('trialing');
  }, 60_000);

  it('O-4: gives nothing to our user of the same number, who cannot end it', async () => {
    const stranger = await other.subscriber({ metadata: { user_id: '42' } });
    await server.settled();
    const access = await server.call('GET', '/api/billing/access', { user: '42' });
    expect(access.json).toMatchObject({ allowed: false, level: 'none' });
    const shown = await server.call('GET', '/api/billing/subscription', { user: '42' });
    expect(shown.json).toEqual({ subscription: null });
    const cancel = await server.call('POST', '/api/billing/subscription/cancel', {
      user: '42',
      body: { when: 'now' },
    });
    expect(cancel).toMatchObject({
      status: 409,
      json: { error: { code: 'not_allowed', actions: ALL_ACTIONS } },
    });
    const checkout = await server.call('POST', '/api/billing/checkout', { user: '42', body: PRO });
    expect(checkout.status).toBe(200);
    expect(await stateOf(stranger.subscriptionId)).toBe('active');
    await other.expectUntouched();
  }, 60_000);

  it('O-9: a price in no plan gives our own payer no access and blocks no checkout', async () => {
    const person = newPerson(server);
    expect((await person.post('checkout', PRO)).status).toBe(200);
    const customer = await person.customerId();
    const method = await server.stripe.paymentMethods.attach('pm_card_visa', { customer });
    await other.subscriber({ customer, default_payment_method: method.id });
    await server.settled();
    expect((await person.get('access')).json).toMatchObject({ allowed: false, level: 'none' });
    expect((await person.subscription()) as unknown).toBeNull();
    expect((await person.post('checkout', PRO)).status).toBe(200);
  }, 60_000);

  it('leaves what another deployment made alone, on our own prices', async () => {
    const price = server.env['STRIPE_PRO_MONTHLY_PRICE_ID']!;
    const { subscriptionId } = await other.subscriber({
      items: [{ price }],
      metadata: { user_id: '77', tenure_account: '77', tenure_deployment: 'staging' },
    });
    await server.settled();
    const shown = await server.call('GET', '/api/billing/subscription', { user: '77' });
    expect(shown.json).toEqual({ subscription: null });
    expect(
      await server.database.knex('transitions').where({ subscription_id: subscriptionId }),
    ).toEqual([]);
    expect((await other.touched()).filter((call) => !call.startsWith('GET '))).toEqual([]);
  }, 60_000);
});
