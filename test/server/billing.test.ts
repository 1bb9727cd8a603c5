import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CARDS, payCheckout } from '../../scripts/pay-checkout.ts';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { onceForKey } from '../../server/http/idempotency.ts';
import { ROUTE_DIALECTS } from '../support/databases.ts';
import { startTestServer, type Answer, type TestServer } from '../support/server.ts';

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

const MONTHLY_PRO = { plan: 'pro', interval: 'monthly' };
let users = 0;
const newUser = () => `user_${(users += 1)}`;

describe.each(ROUTE_DIALECTS)('Billing over HTTP on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: dialect, emulator });
  });
  afterAll(() => server.close());

  const checkout = (
    user: string,
    body: object = MONTHLY_PRO,
    headers: Record<string, string> = {},
  ) => server.call('POST', '/api/billing/checkout', { user, body, headers });
  const command = (user: string, name: string, body: object = {}) =>
    server.call('POST', `/api/billing/subscription/${name}`, { user, body });
  const subscriptionOf = async (user: string) =>
    field(await server.call('GET', '/api/billing/subscription', { user }), 'subscription');

  /** Somebody who is in their trial. */
  async function trialist(): Promise<string> {
    const user = newUser();
    const { json } = await checkout(user);
    await payCheckout(String(json['url']));
    await server.settled();
    return user;
  }

  it('lists the plans to anybody, with amounts from Stripe', async () => {
    const { status, json } = await server.call('GET', '/api/billing/plans');
    expect(status).toBe(200);
    expect(json['plans']).toMatchObject([
      { id: 'starter', prices: { monthly: { amount: 2000, currency: 'usd' } } },
      { id: 'pro', prices: { yearly: { amount: 50_000, currency: 'usd' } } },
    ]);
  });

  describe('A checkout', () => {
    it('that is paid shows a trial', async () => {
      const user = newUser();
      const opened = await checkout(user);
      expect(opened.status).toBe(200);
      expect(opened.json).toEqual({
        url: expect.stringMatching(/^http/),
        sessionId: expect.stringMatching(/^cs_/),
      });
      const lead = await payCheckout(String(opened.json['url']));
      expect(lead).toBe(
        `${server.url}/billing/success?session_id=${String(opened.json['sessionId'])}`,
      );
      await server.settled();
      const subscription = await subscriptionOf(user);
      expect(subscription).toMatchObject({
        state: 'trialing',
        status: 'trialing',
        plan: 'pro',
        interval: 'monthly',
        quantity: 1,
        cancelAt: null,
        pendingChange: null,
        access: { level: 'full', reason: 'trialing' },
      });
      expect(subscription?.['trialEnd']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
      expect(subscription?.['actions']).toContain('cancel');
      expect(subscription?.['actions']).not.toContain('checkout');
    });

    it('is refused for an unknown plan, price or promotion code, and for half a choice', async () => {
      const user = newUser();
      const refused = async (body: object) => code(await checkout(user, body));
      expect(await refused({ plan: 'gold', interval: 'monthly' })).toEqual([400, 'unknown_plan']);
      expect(await refused({ priceId: 'price_nope' })).toEqual([400, 'unknown_price']);
      expect(await refused({ ...MONTHLY_PRO, promotionCode: 'NOPE' })).toEqual([
        400,
        'unknown_promotion_code',
      ]);
      expect(await refused({ plan: 'pro' })).toEqual([400, 'invalid_request']);
      expect(await refused({ ...MONTHLY_PRO, priceId: 'price_1' })).toEqual([
        400,
        'invalid_request',
      ]);
      expect(await refused({ plan: 'starter', interval: 'monthly', quantity: 2 })).toEqual([
        400,
        'invalid_request',
      ]);
      expect(await refused({ ...MONTHLY_PRO, amount: 1 })).toEqual([400, 'invalid_request']);
      expect(await subscriptionOf(user)).toBeNull();
    });

    it('takes a price id in place of a plan', async () => {
      const priceId = server.env['STRIPE_STARTER_YEARLY_PRICE_ID'];
      const user = newUser();
      await payCheckout(String((await checkout(user, { priceId })).json['url']));
      await server.settled();
      expect(await subscriptionOf(user)).toMatchObject({
        plan: 'starter',
        interval: 'yearly',
        priceId,
      });
    });

    it('is refused to whoever has a subscription, with what they can do instead', async () => {
      const user = await trialist();
      const again = await checkout(user, { plan: 'starter', interval: 'monthly' });
      expect(again.status).toBe(409);
      expect(again.json['error']).toMatchObject({
        code: 'already_subscribed',
        state: 'trialing',
        actions: expect.arrayContaining(['change', 'cancel']),
      });
    });

    it('in two tabs is one checkout; another choice replaces it (lesson 13)', async () => {
      const user = newUser();
      const first = await checkout(user);
      const same = await checkout(user);
      expect(same.json).toEqual(first.json);
      const other = await checkout(user, { plan: 'starter', interval: 'monthly' });
      expect(other.json['sessionId']).not.toBe(first.json['sessionId']);
      await expect(payCheckout(String(first.json['url']))).rejects.toThrow(/expired/i);
      await payCheckout(String(other.json['url']));
      await server.settled();
      expect(await subscriptionOf(user)).toMatchObject({ plan: 'starter' });
    });

    it('asked for by many tabs at once leaves one Stripe customer and one session to pay on', async () => {
      const user = newUser();
      const bodies = Array.from({ length: 8 }, (_, i) =>
        i % 2 ? MONTHLY_PRO : { plan: 'pro', interval: 'yearly' },
      );
      const answers = await Promise.all(bodies.map((body) => checkout(user, body)));
      expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 200));
      const customers = await server.stripe.customers.list({
        limit: 100,
        test_clock: String(server.env['STRIPE_TEST_CLOCK']),
      });
      const mine = customers.data.filter((customer) => customer.metadata['user_id'] === user);
      expect(mine).toHaveLength(1);
      const open = await server.stripe.checkout.sessions.list({
        customer: mine[0]?.id ?? '',
        status: 'open',
      });
      expect(open.data).toHaveLength(1);
    });

    it('is refused when Stripe knows of a subscription whose webhook never came', async () => {
      const user = newUser();
      const opened = await checkout(user);
      await payCheckout(String(opened.json['url']));
      await server.settled();
      // As if every event about it had been lost.
      const { knex } = server.database;
      await knex('subscriptions').where({ user_id: user }).delete();
      expect(code(await checkout(user))).toEqual([409, 'already_subscribed']);
      expect(await subscriptionOf(user)).toMatchObject({ state: 'trialing' });
    });

    it('gives no second trial', async () => {
      const user = await trialist();
      expect((await command(user, 'cancel', { when: 'now' })).status).toBe(200);
      expect(await subscriptionOf(user)).toMatchObject({
        state: 'canceled',
        access: { level: 'none' },
      });
      await payCheckout(String((await checkout(user)).json['url']));
      await server.settled();
      expect(await subscriptionOf(user)).toMatchObject({ state: 'active', trialEnd: null });
    });

    it('whose card is declined leaves nothing behind', async () => {
      const user = newUser();
      const url = String((await checkout(user)).json['url']);
      await expect(payCheckout(url, { card: CARDS.declined })).rejects.toThrow(/declined/i);
      await server.settled();
      expect(await subscriptionOf(user)).toBeNull();
      await payCheckout(url);
      await server.settled();
      expect(await subscriptionOf(user)).toMatchObject({ state: 'trialing' });
    });
  });

  describe('Cancel and resume', () => {
    it('schedule the end of the period and take it back, answering from the new state at once', async () => {
      const user = await trialist();
      const canceled = field(
        await command(user, 'cancel', { feedback: 'unused', comment: 'bye' }),
        'subscription',
      );
      expect(canceled).toMatchObject({ state: 'cancel_pending', access: { level: 'full' } });
      expect(canceled?.['cancelAt']).toBe(canceled?.['trialEnd']);
      expect(canceled?.['actions']).toContain('resume');
      expect(await subscriptionOf(user)).toEqual(canceled);
      const resumed = field(await command(user, 'resume'), 'subscription');
      expect(resumed).toMatchObject({ state: 'trialing', cancelAt: null });
    });

    it('take back what the portal scheduled, which sets cancel_at and not the flag', async () => {
      const user = await trialist();
      const { id } = (await subscriptionOf(user)) ?? {};
      await server.stripe.subscriptions.update(String(id), { cancel_at: 'min_period_end' });
      await server.settled();
      expect(await subscriptionOf(user)).toMatchObject({ state: 'cancel_pending' });
      expect(field(await command(user, 'resume'), 'subscription')).toMatchObject({
        state: 'trialing',
      });
    });

    it('end it now when asked, and then there is nothing to take back', async () => {
      const user = await trialist();
      const ended = field(await command(user, 'cancel', { when: 'now' }), 'subscription');
      expect(ended).toMatchObject({
        state: 'canceled',
        access: { level: 'none', reason: 'canceled' },
      });
      const refused = await command(user, 'resume');
      expect(refused.json['error']).toMatchObject({
        code: 'not_allowed',
        state: 'canceled',
        actions: expect.arrayContaining(['checkout']),
      });
    });

    it('are refused where the state does not allow them', async () => {
      expect((await command(newUser(), 'cancel')).json['error']).toMatchObject({
        code: 'not_allowed',
        state: 'none',
        actions: ['checkout'],
      });
      const user = await trialist();
      expect(code(await command(user, 'resume'))).toEqual([409, 'not_allowed']);
      await command(user, 'cancel');
      expect(code(await command(user, 'cancel'))).toEqual([409, 'not_allowed']);
    });

    it('clicked twice have one effect', async () => {
      const user = await trialist();
      const answers = await Promise.all([command(user, 'cancel'), command(user, 'cancel')]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses).toContain(200);
      await server.settled();
      const lines = await server.database
        .knex('transitions')
        .where({ event: 'cancel_scheduled' })
        .whereIn(
          'subscription_id',
          server.database.knex('subscriptions').where({ user_id: user }).select('id'),
        );
      expect(lines).toHaveLength(1);
    });
  });

  describe('The portal', () => {
    it('opens for whoever has a billing account', async () => {
      expect(
        code(await server.call('POST', '/api/billing/portal', { user: newUser(), body: {} })),
      ).toEqual([409, 'no_billing_account']);
      const user = await trialist();
      for (const body of [{}, { flow: 'payment_method_update' }, { flow: 'subscription_cancel' }]) {
        const opened = await server.call('POST', '/api/billing/portal', { user, body });
        expect([opened.status, opened.json]).toEqual([
          200,
          { url: expect.stringMatching(/^http/) },
        ]);
      }
    });
  });

  describe('Access', () => {
    const access = (user: string, feature?: string) =>
      server.call('GET', `/api/billing/access${feature ? `?feature=${feature}` : ''}`, { user });

    it('follows the state and the features of the plan', async () => {
      expect((await access(newUser())).json).toEqual({
        allowed: false,
        level: 'none',
        reason: 'no_subscription',
      });
      const user = await trialist();
      expect((await access(user)).json).toMatchObject({ allowed: true, level: 'full' });
      expect((await access(user, 'api_access')).json).toMatchObject({ allowed: true });
      expect((await access(user, 'teleport')).json).toEqual({
        allowed: false,
        level: 'full',
        reason: 'feature_not_in_plan',
      });
      await command(user, 'cancel', { when: 'now' });
      expect((await access(user)).json).toMatchObject({ allowed: false, level: 'none' });
    });
  });

  describe('A subscription of somebody else', () => {
    it('is out of reach', async () => {
      const owner = await trialist();
      const other = newUser();
      expect(await subscriptionOf(other)).toBeNull();
      expect(code(await command(other, 'cancel', { when: 'now' }))).toEqual([409, 'not_allowed']);
      expect(await subscriptionOf(owner)).toMatchObject({ state: 'trialing' });
    });
  });

  describe('An Idempotency-Key', () => {
    it('makes a retry return the first answer, byte for byte', async () => {
      const user = newUser();
      const headers = { 'idempotency-key': `key-${user}` };
      const first = await checkout(user, MONTHLY_PRO, headers);
      const second = await checkout(user, MONTHLY_PRO, headers);
      expect([second.status, second.text]).toEqual([first.status, first.text]);
      expect(second.headers.get('idempotent-replayed')).toBe('true');
    });

    it('repeats a refusal as well', async () => {
      const user = newUser();
      const headers = { 'idempotency-key': `refusal-${user}` };
      const cancel = () =>
        server.call('POST', '/api/billing/subscription/cancel', {
          user,
          body: { when: 'now' },
          headers,
        });
      const first = await cancel();
      const second = await cancel();
      expect([second.status, second.text]).toEqual([409, first.text]);
    });

    it('S-26: is not kept for input that was refused', async () => {
      const user = newUser();
      const headers = { 'idempotency-key': `refused-${user}` };
      const refused = await checkout(user, { plan: 'gold', interval: 'monthly' }, headers);
      expect(refused.status).toBe(400);
      expect((await checkout(user, MONTHLY_PRO, headers)).status).toBe(200);
    });

    it('keeps no answer that says to try again: the retry does the work', async () => {
      const request = { owner: newUser(), key: 'busy', hash: 'the same' };
      const busy = new Response('{}', { status: 409, headers: { 'retry-after': '2' } });
      const run = async (answer: Response) => {
        const given = await onceForKey(server.services, request, () => Promise.resolve(answer));
        return given.status;
      };
      expect(await run(busy)).toBe(409);
      expect(await run(new Response('{}', { status: 200 }))).toBe(200);
      expect(await run(busy)).toBe(200);
    });

    it('is refused for another request, and is each user’s own', async () => {
      const user = newUser();
      const headers = { 'idempotency-key': 'the-same-key' };
      await checkout(user, MONTHLY_PRO, headers);
      const other = await checkout(user, { plan: 'starter', interval: 'monthly' }, headers);
      expect(code(other)).toEqual([409, 'idempotency_conflict']);
      expect((await checkout(newUser(), MONTHLY_PRO, headers)).status).toBe(200);
      expect(code(await checkout(user, MONTHLY_PRO, { 'idempotency-key': 'two words' }))).toEqual([
        400,
        'invalid_request',
      ]);
    });

    it('sent twice at once gives one effect and the same answer to both', async () => {
      const user = newUser();
      const headers = { 'idempotency-key': `both-${user}` };
      const [one, two] = await Promise.all([
        checkout(user, MONTHLY_PRO, headers),
        checkout(user, MONTHLY_PRO, headers),
      ]);
      expect(one?.status).toBe(200);
      expect(two?.text).toBe(one?.text);
    });
  });
});

function field(answer: Answer, name: string): Record<string, unknown> | null {
  return answer.json[name] as Record<string, unknown> | null;
}

function code(answer: Answer): [number, unknown] {
  return [answer.status, (answer.json['error'] as { code: string } | undefined)?.code];
}
