import { setTimeout as sleep } from 'node:timers/promises';
import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { advanceClock } from '../../../scripts/testing/clock.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { SAMPLED, sizeOf } from '../../support/sizes.ts';
import { newPerson, PRO, type Person } from '../billing/person.ts';
import { watchRequests, type RequestWatch } from './request-watch.ts';

const STRANGERS = sizeOf({ sample: 9, full: 200 });
/** Days after which all is looked at: a year, with stops for the tries of Stripe in between. */
const STEPS = Array.from({ length: sizeOf({ sample: 1, full: 12 }) }, () =>
  SAMPLED ? [15, 4] : [15, 4, 12],
).flat();
const DAY = 86_400;
const PAUSE_MS = SAMPLED ? 20 : 250;

/** What a program makes for one payer of its own. Users are numbered as ours are. */
type Program = (at: { stripe: Stripe; customer: string; user: string; i: number }) => Promise<void>;

/**
 * The judge is the log of Stripe's side: three other programs sell for a year in the account of this server, to people whose cards
 * fail, under the metadata keys that it reads too. It serves its own payers meanwhile.
 */
describe('O-1 to O-4: a year in a Stripe account that three other programs use', () => {
  let server: TestServer;
  let watch: RequestWatch;
  const own: Person[] = [];
  const strangers = new Set<string>();

  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      env: { TRIAL_ONE_PER_CARD: 'true', DUNNING_MAX_ATTEMPTS: '2' },
    });
    watch = watchRequests(server);
    for (let i = 0; i < 3; i += 1) own.push(newPerson(server));
    await own[0]!.subscribe(PRO);
    const programs = await threePrograms(server);
    const { stripe } = server;
    for (let i = 0; i < STRANGERS; i += 1) {
      const customer = await stripe.customers.create({
        email: `stranger-${i}@example.com`,
        test_clock: server.env['STRIPE_TEST_CLOCK'],
        metadata: metadataOf(i),
      });
      strangers.add(customer.id);
      await addCard(customer.id, 'pm_card_visa');
      const sell = programs[i % programs.length]!;
      await sell({ stripe, customer: customer.id, user: userOf(i), i });
      // Later renewals fail for every other one, in each program.
      if (Math.floor(i / 3) % 2 === 0) await addCard(customer.id, 'pm_card_chargeCustomerFail');
      if (i % 20 === 19) await watch.look();
    }
    await settled();
  }, 300_000);
  afterAll(() => server.close());

  const userOf = (i: number) => own[i % own.length]!.id;
  const metadataOf = (i: number): Record<string, string> =>
    [
      { user_id: userOf(i) },
      { userId: userOf(i), tenure_account: userOf(i) },
      { user_id: userOf(i), tenure_account: userOf(i), tenure_deployment: 'staging' },
    ][i % 3]!;

  async function addCard(customer: string, token: string): Promise<void> {
    const { id } = await server.stripe.paymentMethods.attach(token, { customer });
    await server.stripe.customers.update(customer, {
      invoice_settings: { default_payment_method: id },
    });
  }

  /** Looks at the log meanwhile: it keeps a thousand calls. */
  async function settled(): Promise<void> {
    const { knex } = server.database;
    await until(async () => {
      await sleep(PAUSE_MS);
      await watch.look();
      if (await knex('webhook_events').where({ status: 'waiting' }).first('id')) return false;
      const acts = knex('outbox').where({ status: 'waiting', attempts: 0 });
      for (const told of ['mail.%', 'webhook.%']) void acts.whereNot('kind', 'like', told);
      if (await acts.first('id')) return false;
      const { data } = await server.stripe.events.list({ limit: 100 });
      return data.every((event) => event.pending_webhooks === 0);
    }, 300_000);
  }

  async function advance(days: number): Promise<void> {
    const { testClocks } = server.stripe.testHelpers;
    const id = server.env['STRIPE_TEST_CLOCK']!;
    const { frozen_time: now } = await testClocks.retrieve(id);
    await advanceClock(server.stripe, id, now + days * DAY);
    await settled();
  }

  /** Every object that hangs on a stranger: subscriptions, invoices, payments, schedules, sessions. */
  async function idsOfStrangers(): Promise<Set<string>> {
    const { stripe } = server;
    const ids = new Set(strangers);
    const clock = { test_clock: server.env['STRIPE_TEST_CLOCK']! };
    const lists: AsyncIterable<{ id?: string; customer?: unknown }>[] = [
      stripe.subscriptions.list({ status: 'all', limit: 100, ...clock }),
      stripe.invoices.list({ limit: 100 }),
      stripe.paymentIntents.list({ limit: 100 }),
      stripe.charges.list({ limit: 100 }),
      stripe.subscriptionSchedules.list({ limit: 100 }),
      stripe.checkout.sessions.list({ limit: 100 }),
    ];
    for (const list of lists) {
      for await (const { id, customer } of list) {
        const of = typeof customer === 'string' ? customer : (customer as { id?: string })?.id;
        if (id !== undefined && of !== undefined && strangers.has(of)) ids.add(id);
      }
      await watch.look();
    }
    return ids;
  }

  it(`leaves ${STRANGERS} subscriptions alone: no writing call, no mail, no figure`, async () => {
    // One of ours fails too, so that dunning is seen at work.
    await own[1]!.subscribe(PRO, '5555555555554444');
    await own[1]!.useCard('pm_card_chargeCustomerFail');
    for (const days of STEPS) await advance(days);
    const ids = await idsOfStrangers();
    expect(ids.size).toBeGreaterThan(STRANGERS * 3);
    const writes = watch.ofServer().filter(({ method }) => method !== 'GET');
    const ourFailing = await own[1]!.customerId();
    const { data: ended } = await server.stripe.subscriptions.list({
      customer: ourFailing,
      status: 'canceled',
    });
    expect(ended).toHaveLength(1);
    expect(writes.map(({ method, path }) => `${method} ${path}`)).toContain(
      `DELETE /v1/subscriptions/${ended[0]!.id}`,
    );
    const touching = writes.filter((request) => watch.idsIn(request).some((id) => ids.has(id)));
    expect(touching.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
    await nothingIsKept(ids);
  }, 500_000);

  async function nothingIsKept(ids: ReadonlySet<string>): Promise<void> {
    const { knex } = server.database;
    const effects: { kind: string; payload: string }[] = await knex('outbox').select(
      'kind',
      'payload',
    );
    expect(effects.filter(({ kind }) => kind.startsWith('mail.')).length).toBeGreaterThan(0);
    const named = (text: string) => (text.match(/\b[a-z_]+_\w+/g) ?? []).some((id) => ids.has(id));
    expect(effects.filter(({ payload }) => named(payload))).toEqual([]);
    for (const [table, column] of [
      ['transitions', 'customer_id'],
      ['trials', 'customer_id'],
      ['customers', 'stripe_customer_id'],
      ['owner_conflicts', 'stripe_customer_id'],
    ] as const) {
      const kept: string[] = await knex(table).pluck(column);
      expect(kept.filter((id) => ids.has(id))).toEqual([]);
    }
    const rows = await knex('subscriptions').whereIn('customer_id', [...strangers]);
    expect(rows.filter((row) => !row.is_foreign || row.user_id !== null)).toEqual([]);
    const { json } = await server.call('GET', '/admin/api/stats', { admin: true });
    expect(json).toMatchObject({ paying: 1, mrr: { usd: 5_000 } });
  }
});

/** A magazine with failing readers, an agency with schedules, sessions and one-off invoices, and another deployment on our prices. */
async function threePrograms(server: TestServer): Promise<Program[]> {
  const { stripe } = server;
  const priceOf = (name: string, amount: number, interval: 'month' | 'week' = 'month') =>
    stripe.prices.create({
      product_data: { name },
      currency: 'usd',
      unit_amount: amount,
      recurring: { interval },
    });
  const magazine = await priceOf('Magazine', 900);
  const retainer = await priceOf('Retainer', 99_000);
  const ours = server.env['STRIPE_PRO_MONTHLY_PRICE_ID']!;

  return [
    async ({ customer, user, i }) => {
      await stripe.subscriptions.create({
        customer,
        items: [{ price: magazine.id }],
        metadata: { user_id: user, userId: user, plan: 'pro' },
        ...(i % 2 === 0 ? { trial_period_days: 7 } : {}),
      });
    },
    async ({ customer, user, i }) => {
      await stripe.invoiceItems.create({ customer, amount: 5_000, currency: 'usd' });
      const invoice = await stripe.invoices.create({
        customer,
        metadata: { user_id: user, tenure_account: user },
      });
      await stripe.invoices.finalizeInvoice(invoice.id);
      await stripe.checkout.sessions.create({
        mode: 'subscription',
        customer,
        client_reference_id: user,
        line_items: [{ price: retainer.id, quantity: 1 }],
        metadata: { userId: user, product: 'credits' },
        success_url: 'https://agency.example/',
      });
      if (i % 2 === 0) {
        await stripe.subscriptions.create({
          customer,
          items: [{ price: retainer.id }],
          metadata: { userId: user, tenure_account: user },
        });
        return;
      }
      await stripe.subscriptionSchedules.create({
        customer,
        start_date: 'now',
        metadata: { user_id: user },
        phases: [
          {
            items: [{ price: retainer.id }],
            duration: { interval: 'month', interval_count: 1 },
            metadata: { user_id: user },
          },
          {
            items: [{ price: magazine.id }],
            duration: { interval: 'month', interval_count: 12 },
          },
        ],
      });
    },
    async ({ customer, user, i }) => {
      await stripe.subscriptions.create({
        customer,
        items: [{ price: ours }],
        metadata: { user_id: user, tenure_account: user, tenure_deployment: 'staging' },
        ...(i % 2 === 0 ? { trial_period_days: 14 } : {}),
      });
    },
  ];
}
