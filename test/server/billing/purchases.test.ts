import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settleCredit } from '../../../server/billing/payments/settle-credit.ts';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { newPerson, type Person } from './person.ts';
import { stripeSwitches } from './stripe-calls.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenure-purchases-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe.each(ROUTE_DIALECTS)('M-28: what is bought once, on %s', (database) => {
  let server: TestServer;
  let receiver: Server;
  /** What the host was told. */
  const told: { type: string; data: { userId?: string } }[] = [];
  beforeAll(async () => {
    receiver = createServer((request, response) => {
      void json(request).then((body) => {
        told.push(body as (typeof told)[number]);
        response.end();
      });
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const { port } = receiver.address() as AddressInfo;
    server = await startTestServer({
      database,
      env: {
        TRIAL_DAYS: '0',
        OUTGOING_WEBHOOK_URL: `http://127.0.0.1:${port}/hook`,
        OUTGOING_WEBHOOK_SECRET: `whsec_${Buffer.from('a secret of the team').toString('base64')}`,
      },
      prepare: async (stripe) => {
        const price = async (name: string, unit_amount: number, more = {}) =>
          (
            await stripe.prices.create({
              currency: 'usd',
              unit_amount,
              product_data: { name },
              ...more,
            })
          ).id;
        const metered = async (event_name: string) => {
          const { id: meter } = await stripe.billing.meters.create({
            display_name: event_name,
            event_name,
            default_aggregation: { formula: 'sum' },
          });
          return { recurring: { interval: 'month', usage_type: 'metered', meter } };
        };
        const plans = [
          {
            id: 'team',
            name: 'Team',
            rank: 1,
            features: ['exports'],
            limits: { credits: 0 },
            prices: { monthly: await price('Team', 2000, { recurring: { interval: 'month' } }) },
            meters: [
              { meter: 'calls', priceId: await price('Calls', 2, await metered('calls')) },
              { meter: 'mails', priceId: await price('Mails', 5, await metered('mails')) },
            ],
          },
        ];
        const products = [
          {
            id: 'lifetime',
            name: 'Lifetime',
            priceId: await price('Lifetime', 29_900),
            once: true,
            grants: { plan: 'team' },
          },
          {
            id: 'credits',
            name: '100 credits',
            priceId: await price('Credits', 1000),
            grants: { limits: { credits: 100 }, combine: 'add', days: 30 },
          },
          {
            id: 'pack',
            name: 'Calls in advance',
            priceId: await price('Calls in advance', 800),
            credit: { amount: 1000, meter: 'calls' },
          },
        ];
        const path = join(dir, `${database}.json`);
        writeFileSync(path, JSON.stringify({ plans, products }));
        return { PLANS_FILE: path };
      },
    });
  });
  afterAll(async () => {
    await server.close();
    receiver.close();
  });

  const access = async (person: Person, feature = '') =>
    (await person.get(`access${feature && `?feature=${feature}`}`)).json;
  const bought = async (person: Person) =>
    (await person.get('payments')).json['payments'] as { id: string; status: string }[];

  async function buy(person: Person, body: object): Promise<string> {
    const { status, json: answer, text } = await person.post('payments', body);
    expect(status, text).toBe(200);
    await payCheckout(String(answer['url']));
    return String(answer['sessionId']);
  }

  async function chargeOf(sessionId: string): Promise<string> {
    const session = await server.stripe.checkout.sessions.retrieve(sessionId, {
      expand: ['payment_intent'],
    });
    const intent = session.payment_intent;
    const charge = intent === null || typeof intent === 'string' ? null : intent.latest_charge;
    if (typeof charge !== 'string') throw new Error('there is no payment');
    return charge;
  }

  it('is listed, told to the host, and gives what its product grants, for every one of its quantity', async () => {
    const person = newPerson(server);
    const metadata = { order: '7' };
    await server.advance(0.5);
    const paidAt = new Date(server.services.clock.now()).toISOString();
    const id = await buy(person, { product: 'credits', quantity: 3, metadata });
    await until(async () => (await bought(person)).length > 0);
    const shown = { id, product: 'credits', quantity: 3, amount: 3000, currency: 'usd' };
    expect(await bought(person)).toMatchObject([{ ...shown, metadata, status: 'paid', paidAt }]);
    expect(await access(person, 'credits')).toMatchObject({ allowed: true, limit: 300 });
    const completed = () =>
      told.filter(({ type, data }) => type === 'purchase.completed' && data.userId === person.id);
    await until(() => Promise.resolve(completed().length > 0));
    expect(completed()).toMatchObject([{ data: { ...shown, metadata } }]);
    expect(await bought(newPerson(server))).toEqual([]);

    await server.advance(31);
    expect(await access(person, 'credits')).toMatchObject({ allowed: false, level: 'none' });
  });

  it('A-10: is there at once for the page behind Checkout, and only for its account', async () => {
    const person = newPerson(server);
    const opened = await person.post('payments', { product: 'lifetime' });
    const sessionId = String(opened.json['sessionId']);
    const sync = (who: Person) => who.post('checkout/sync', { sessionId });
    expect((await sync(person)).json).toMatchObject({ status: 'open', payment: null });
    await payCheckout(String(opened.json['url']));
    expect((await sync(newPerson(server))).status).toBe(404);
    const synced = await sync(person);
    expect(synced.status).toBe(200);
    expect(synced.json).toMatchObject({
      status: 'complete',
      paymentStatus: 'paid',
      payment: { id: sessionId, product: 'lifetime' },
      subscription: null,
    });
    expect(await access(person)).toEqual({ allowed: true, level: 'full', reason: 'granted' });
    await server.settled();
    expect(await bought(person)).toHaveLength(1);

    const again = await person.post('payments', { product: 'lifetime' });
    expect([again.status, again.json['error']]).toMatchObject([409, { code: 'already_purchased' }]);
  });

  it('A-10: a subscription too', async () => {
    const person = newPerson(server);
    const opened = await person.post('checkout', { plan: 'team', interval: 'monthly' });
    await payCheckout(String(opened.json['url']));
    const synced = await person.post('checkout/sync', { sessionId: opened.json['sessionId'] });
    expect(synced.json).toMatchObject({
      subscription: { plan: 'team', access: { level: 'full' } },
    });
    expect((await person.post('checkout/sync', { sessionId: 'cs_test_none' })).status).toBe(404);
  });

  it('is taken back when all of its money is refunded, and not for a part', async () => {
    const person = newPerson(server);
    const id = await buy(person, { product: 'lifetime' });
    await until(async () => (await access(person))['allowed'] === true);
    const charge = await chargeOf(id);
    await server.stripe.refunds.create({ charge, amount: 900 });
    await server.settled();
    expect(await access(person)).toMatchObject({ allowed: true });
    await server.stripe.refunds.create({ charge });
    await until(async () => (await bought(person))[0]?.status === 'returned');
    expect(await access(person)).toMatchObject({ allowed: false, level: 'none' });
    // It may be bought again.
    expect((await person.post('payments', { product: 'lifetime' })).status).toBe(200);
  });

  it('pays in advance for usage of a meter: drawn down first, taken back with a refund, given again when a dispute is won', async () => {
    const person = newPerson(server);
    await person.subscribe({ plan: 'team', interval: 'monthly' });
    const prepaid = async () => {
      const packs = (await person.get('credit')).json['prepaid'] as { left: number }[];
      return packs.map(({ left }) => left);
    };
    const use = (meter: string, quantity: number) =>
      server.services.usage.record([{ userId: person.id, meter, quantity }]);
    const id = await buy(person, { product: 'pack', quantity: 2 });
    await until(async () => (await prepaid()).length > 0);
    expect((await person.get('credit')).json['prepaid']).toMatchObject([
      { purchase: id, amount: 2000, left: 2000, currency: 'usd', expiresAt: null },
    ]);
    // Told twice, it is given once.
    const again = await settleCredit(
      server.services,
      { purchaseId: id, customerId: await person.customerId() },
      server.services.clock.now(),
    );
    expect([again, await prepaid()]).toEqual(['the credit was given before', [2000]]);
    await use('calls', 600);
    await use('mails', 7);
    await server.services.usage.flush();
    const renewal = async () => {
      await server.advance(32);
      await server.settled();
      return (await person.invoices())[0];
    };
    // Calls are paid in advance, mails are not.
    expect(await renewal()).toMatchObject({ total: 2000 + 7 * 5, amount_paid: 2035 });
    expect(await prepaid()).toEqual([800]);

    const charge = await chargeOf(id);
    const { id: dispute } = (await stripeSwitches(server).dispute(charge)) as { id: string };
    await until(async () => (await prepaid()).length === 0);
    await use('calls', 10);
    await server.services.usage.flush();
    expect(await renewal()).toMatchObject({ total: 2000 + 10 * 2 });
    await server.stripe.disputes.update(dispute, {
      evidence: { uncategorized_text: 'winning_evidence' },
      submit: true,
    });
    await until(async () => (await prepaid()).length > 0);
    expect(await prepaid()).toEqual([800]);
    const more = await buy(person, { product: 'pack' });
    await until(async () => (await prepaid()).length === 2);
    await server.stripe.refunds.create({ charge: await chargeOf(more) });
    await until(async () => (await prepaid()).length === 1);
    expect(await prepaid()).toEqual([800]);
  });

  it('can be bought once where it says so, also while webhooks are late and in two open pages', async () => {
    const person = newPerson(server);
    const url = async (body: object) =>
      String((await person.post('payments', { product: 'lifetime', ...body })).json['url']);
    const first = await url({ metadata: { from: 'pricing' } });
    const second = await url({});
    await expect(payCheckout(first)).rejects.toThrow();
    const { database: db, services } = server;
    const waiting = () => db.knex('purchases').where({ account_id: person.id });
    await services.engine.stop();
    await payCheckout(second);
    expect(await waiting()).toEqual([]);
    const again = await person.post('payments', { product: 'lifetime' });
    expect(again.status).toBe(409);
    expect(await waiting()).toHaveLength(1);
    await services.engine.start();
    await server.settled();
    expect(await bought(person)).toHaveLength(1);
  });

  it('pages through a list, and takes no cursor of another account', async () => {
    const person = newPerson(server);
    for (let i = 0; i < 3; i += 1) await buy(person, { product: 'credits', quantity: i + 1 });
    await until(async () => (await bought(person)).length === 3);
    const first = (await person.get('payments?limit=2')).json;
    expect(first['payments']).toHaveLength(2);
    const rest = (await person.get(`payments?limit=2&cursor=${String(first['next'])}`)).json;
    expect(rest).toMatchObject({ payments: [{}], next: null });
    const other = await newPerson(server).get(`payments?cursor=${String(first['next'])}`);
    expect(other.status).toBe(400);
  });
});
