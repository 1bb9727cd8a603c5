import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { restrictedCounts } from '../../../db/return-figures.ts';
import { toNewEvent } from '../../../server/webhooks/parse-event.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, PRO_YEARLY, STARTER, type Person } from './person.ts';
import { stripeSwitches } from './stripe-calls.ts';

const DISPUTED_CARD = '4000000000000259';

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

describe.each(ROUTE_DIALECTS)('R-1: money that comes back on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: dialect,
      emulator,
      env: {
        TRIAL_DAYS: '0',
        // What no one is told of is not stored.
        OUTGOING_WEBHOOK_URL: 'http://127.0.0.1:9/hook',
        OUTGOING_WEBHOOK_SECRET: `whsec_${'A'.repeat(32)}`,
      },
    });
  });
  afterAll(() => server.close());

  async function subscriber(card?: string, choice = PRO): Promise<Person> {
    const person = newPerson(server);
    await person.subscribe(choice, card);
    await settled();
    return person;
  }
  async function chargeOf(person: Person): Promise<Stripe.Charge> {
    const { data } = await server.stripe.charges.list({ customer: await person.customerId() });
    return data[0]!;
  }
  /** Events are processed, and what they told of was read again from Stripe. */
  async function settled(): Promise<void> {
    await server.settled();
    const waiting = () =>
      server.database.knex('outbox').where({ status: 'waiting', kind: 'returns.read' }).first();
    await until(async () => (await waiting()) === undefined);
    await server.settled();
  }
  const access = async (person: Person) => (await person.subscription()).access;
  const told = async (person: Person): Promise<string[]> => {
    const customerId = await person.customerId();
    const rows: { kind: string; payload: string }[] = await server.database.knex('outbox');
    return rows
      .filter(({ payload }) => payload.includes(customerId))
      .map(({ kind }) => kind)
      .filter((kind) => /refund|dispute/.test(kind))
      .sort();
  };

  it('a refund of a part changes nothing; the rest of it ends access to the period', async () => {
    const person = await subscriber();
    const charge = await chargeOf(person);
    await server.stripe.refunds.create({ charge: charge.id, amount: 1000 });
    await settled();
    expect(await access(person)).toMatchObject({ level: 'full' });
    await server.stripe.refunds.create({ charge: charge.id });
    await settled();
    expect(await access(person)).toMatchObject({ level: 'none', reason: 'refunded' });
    expect(await told(person)).toEqual([
      'mail.refunded',
      'mail.refunded',
      'webhook.payment.refunded',
      'webhook.payment.refunded',
    ]);
  });

  it('a dispute suspends access and collection until it is won', async () => {
    const counts = () => restrictedCounts(server.database.knex, server.services.clock.now());
    const { active = 0 } = await counts();
    const person = await subscriber(DISPUTED_CARD);
    expect(await access(person)).toMatchObject({ level: 'none', reason: 'disputed' });
    expect((await person.atStripe()).pause_collection).toMatchObject({
      behavior: 'keep_as_draft',
    });
    const path = `/admin/api/subscriptions/${(await person.subscription()).id}`;
    expect((await server.call('GET', path, { admin: true })).json).toMatchObject({
      restriction: 'disputed',
      returns: [{ kind: 'dispute', amount: '$50.00', status: 'needs_response' }],
    });
    expect(await counts()).toMatchObject({ active: active + 1 });
    const { text } = await server.call('GET', '/metrics', { admin: true });
    expect(text).toContain(
      'tenure_returned_minor_units{kind="dispute",status="needs_response",currency="usd"} 5000',
    );
    const charge = await chargeOf(person);
    const { data } = await server.stripe.disputes.list({ charge: charge.id });
    await server.stripe.disputes.update(data[0]!.id, {
      evidence: { uncategorized_text: 'winning_evidence' },
      submit: true,
    });
    await settled();
    expect(await access(person)).toMatchObject({ level: 'full' });
    expect((await person.atStripe()).pause_collection).toBeNull();
    expect(await told(person)).toEqual(['webhook.dispute.opened', 'webhook.dispute.won']);
  });

  it('credit of a payment that is disputed later is taken back with it, and comes again when the dispute is won', async () => {
    const person = await subscriber(undefined, PRO_YEARLY);
    const charge = await chargeOf(person);
    await server.advance(1);
    const { quote } = await person.changeTo({ ...STARTER, when: 'now' });
    const credit = async () => (await person.get('credit')).json['balance'];
    expect(await credit()).toBe(quote.credit - quote.debit);
    const dispute = async () => {
      const { id } = (await stripeSwitches(server).dispute(charge.id)) as { id: string };
      await settled();
      return id;
    };
    const first = await dispute();
    expect(await credit()).toBe(0);
    await server.stripe.disputes.update(first, {
      evidence: { uncategorized_text: 'winning_evidence' },
      submit: true,
    });
    await settled();
    expect(await credit()).toBe(quote.credit - quote.debit);
    await server.stripe.disputes.close(await dispute());
    await settled();
    expect(await person.subscription()).toMatchObject({ state: 'canceled' });
    expect(await credit()).toBe(0);
    // Nothing is left that a comeback could live on.
    const back = await person.command('preview', { command: 'reactivate', ...STARTER });
    expect(back.json).toMatchObject({ amountDue: 2_000, fromBalance: 0 });
  });

  it('a dispute that is told before its subscription suspends it as well', async () => {
    const switches = stripeSwitches(server);
    await switches.silence('customer.*', 'invoice*', 'checkout.*', 'payment_*', 'charge.succeeded');
    const person = await subscriber(DISPUTED_CARD);
    await switches.calm();
    expect(await access(person)).toMatchObject({ level: 'none', reason: 'disputed' });
    expect((await person.atStripe()).pause_collection).not.toBeNull();
  });

  it('what was renewed during a dispute is collected once it is won', async () => {
    const person = await subscriber(DISPUTED_CARD);
    const charge = await chargeOf(person);
    await person.useCard('pm_card_visa');
    await server.advance(32);
    const bills = async () =>
      (await person.invoices()).map(({ status, total }) => `${status} ${total}`);
    expect(await bills()).toEqual(['draft 5000', 'paid 5000']);
    const { data } = await server.stripe.disputes.list({ charge: charge.id });
    await server.stripe.disputes.update(data[0]!.id, {
      evidence: { uncategorized_text: 'winning_evidence' },
      submit: true,
    });
    await settled();
    expect(await bills()).toEqual(['paid 5000', 'paid 5000']);
    expect(await access(person)).toMatchObject({ level: 'full' });
  });

  it('a dispute that is lost ends the subscription', async () => {
    const person = await subscriber(DISPUTED_CARD);
    const charge = await chargeOf(person);
    const { data } = await server.stripe.disputes.list({ charge: charge.id });
    await server.stripe.disputes.close(data[0]!.id);
    await settled();
    expect((await person.subscription()).state).toBe('canceled');
    expect(await access(person)).toMatchObject({ level: 'none' });
  });

  it('a dispute that is heard of before its subscription suspends that, too', async () => {
    const person = newPerson(server);
    const opened = await person.post('checkout', PRO);
    const faults = `${emulator.url}/_emulator/faults`;
    const authorization = `Bearer ${server.env['STRIPE_SECRET_KEY']}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const drop = JSON.stringify({ type: 'webhook_drop' });
    await fetch(faults, { method: 'POST', headers, body: drop });
    await payCheckout(String(opened.json['url']), { card: DISPUTED_CARD });
    await fetch(faults, { method: 'DELETE', headers });
    const { data } = await server.stripe.events.list({ type: 'charge.dispute.created', limit: 1 });
    const context = { live: false, receivedAt: Date.now(), source: 'catch_up' } as const;
    await server.services.engine.store([toNewEvent(JSON.stringify(data[0]), context)]);
    await settled();
    expect(await access(person)).toMatchObject({ level: 'none', reason: 'disputed' });
    expect((await person.atStripe()).pause_collection).not.toBeNull();
    expect(await told(person)).toEqual(['webhook.dispute.opened']);
  });

  it('of a stranger in the same Stripe account is left alone', async () => {
    const stripe = server.stripe;
    const customer = await stripe.customers.create({ email: 'stranger@example.com' });
    const method = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
    const intent = await stripe.paymentIntents.create({
      amount: 700,
      currency: 'usd',
      customer: customer.id,
      payment_method: method.id,
      confirm: true,
      off_session: true,
    });
    await stripe.refunds.create({ payment_intent: intent.id });
    await settled();
    const rows = await server.database.knex('payment_returns').where({ customer_id: customer.id });
    expect(rows).toEqual([]);
  });
});
