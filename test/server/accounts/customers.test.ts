import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { newPerson, PRO, refusal, STARTER } from '../billing/person.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { tokenFor } from '../../support/tokens.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
});
afterAll(() => server.close());

const customerAt = async (id: string) =>
  (await server.stripe.customers.retrieve(id)) as Stripe.Customer;
const rowOf = (id: string) => server.database.knex('customers').where({ user_id: id }).first();

/** Asks with a token of its own making. */
async function ask(
  id: string,
  path: string,
  { body = {}, ...claims }: { email?: string; name?: string; body?: object },
) {
  const headers = { authorization: `Bearer ${await tokenFor(id, claims)}` };
  return server.call('POST', `/api/billing/${path}`, { headers, body });
}

describe('O-13: a customer that Stripe does not have', () => {
  /** As another Stripe account's would be: the link names what is not there, and no event tells. */
  async function loseCustomer(id: string): Promise<void> {
    const unknown = `cus_${Math.random().toString(36).slice(2)}`;
    await server.database
      .knex('customers')
      .where({ user_id: id })
      .update({ stripe_customer_id: unknown });
  }

  it('is left behind at once: checkout goes on with a new one', async () => {
    const person = newPerson(server);
    expect((await person.post('checkout', STARTER)).status).toBe(200);
    await loseCustomer(person.id);
    const lost = await person.customerId();
    const answer = await person.post('checkout', PRO);
    expect(answer.status, answer.text).toBe(200);
    expect(await person.customerId()).not.toBe(lost);
    expect((await customerAt(await person.customerId())).metadata).toMatchObject({
      tenure_account: person.id,
    });
    await payCheckout(String(answer.json['url']));
    await server.settled();
    expect((await person.get('access')).json).toMatchObject({ allowed: true });
  });

  it('leaves no account to show, and nothing that answers 502', async () => {
    const person = newPerson(server);
    await person.post('checkout', STARTER);
    await loseCustomer(person.id);
    expect((await person.post('portal')).status).toBe(409);
    expect((await rowOf(person.id)).deleted_at).not.toBeNull();
    await person.post('checkout', STARTER);
    await loseCustomer(person.id);
    expect((await person.get('invoices')).json).toEqual({ invoices: [], nextCursor: null });
    await person.post('checkout', STARTER);
    await loseCustomer(person.id);
    expect((await person.get('credit')).json).toMatchObject({ balance: 0 });
    await person.post('checkout', STARTER);
    await loseCustomer(person.id);
    const invoice = await person.asAdmin('invoices', {
      userId: person.id,
      items: [{ description: 'Setup', amount: 100, currency: 'usd' }],
      collection: 'send',
    });
    expect(invoice.status, invoice.text).toBe(409);
  });

  it('with its event lost, ends the subscription that is stored, and the payer can subscribe again', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const { knex } = server.database;
    const lost = await person.customerId();
    const subscription = await knex('subscriptions').where({ user_id: person.id }).first();
    await server.stripe.customers.del(lost);
    await server.settled();
    // As if none of the events of it had come.
    const { state, status, facts } = subscription as Record<string, string>;
    await knex('subscriptions').where({ id: subscription.id }).update({ state, status, facts });
    await knex('customers').where({ user_id: person.id }).update({ deleted_at: null });
    const reopened = await person.post('checkout', PRO);
    expect(reopened.status, reopened.text).toBe(200);
    expect(await person.customerId()).not.toBe(lost);
  });

  it('is not believed of a customer that is there: another object may be what is missing', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const before = await person.customerId();
    const answer = await person.post('invoices/in_unknown/pay');
    expect(answer.status).toBe(404);
    const code = await person.command('preview', { priceId: 'price_unknown' });
    expect(code.status).toBe(400);
    expect(await person.customerId()).toBe(before);
    expect((await rowOf(person.id)).deleted_at).toBeNull();
  });
});

describe('O-17: a subscription that is scheduled to begin later', () => {
  const inDays = async (days: number) => {
    const clock = await server.stripe.testHelpers.testClocks.retrieve(
      server.env['STRIPE_TEST_CLOCK']!,
    );
    return clock.frozen_time + days * 86_400;
  };
  async function schedule(customer: string, price: string): Promise<string> {
    const { id } = await server.stripe.subscriptionSchedules.create({
      customer,
      start_date: await inDays(5),
      phases: [{ items: [{ price }], duration: { interval: 'month', interval_count: 1 } }],
    });
    return id;
  }

  it('keeps a second one from being sold, until it is canceled', async () => {
    const person = newPerson(server);
    await person.post('checkout', STARTER);
    const customer = await person.customerId();
    const id = await schedule(customer, server.env['STRIPE_STARTER_MONTHLY_PRICE_ID']!);
    expect(refusal(await person.post('checkout', PRO))).toEqual([409, 'already_subscribed']);
    await server.stripe.subscriptionSchedules.cancel(id);
    expect((await person.post('checkout', PRO)).status).toBe(200);
  });

  it('keeps a payer from coming back beside it', async () => {
    const person = newPerson(server);
    await person.subscribe();
    await person.command('cancel', { when: 'now' });
    const price = server.env['STRIPE_STARTER_MONTHLY_PRICE_ID']!;
    await schedule(await person.customerId(), price);
    const answer = await person.command('reactivate', PRO);
    expect(refusal(answer)).toEqual([409, 'already_subscribed']);
  });

  it('blocks nothing where it is for a price that no plan has', async () => {
    const person = newPerson(server);
    await person.post('checkout', STARTER);
    const other = await server.stripe.prices.create({
      currency: 'usd',
      unit_amount: 900,
      recurring: { interval: 'month' },
      product_data: { name: 'Newsletter' },
    });
    await schedule(await person.customerId(), other.id);
    expect((await person.post('checkout', PRO)).status).toBe(200);
  });

  it('O-9: a live one that no plan has does not stand in for a comeback', async () => {
    const person = newPerson(server);
    await person.subscribe();
    await person.useCard('pm_card_visa');
    await person.command('cancel', { when: 'now' });
    const other = await server.stripe.prices.create({
      currency: 'usd',
      unit_amount: 900,
      recurring: { interval: 'month' },
      product_data: { name: 'Retainer' },
    });
    const customer = await person.customerId();
    await server.stripe.subscriptions.create({ customer, items: [{ price: other.id }] });
    await server.settled();
    const back = await person.command('reactivate', PRO);
    expect(back.status, back.text).toBe(200);
    expect(await person.subscription()).toMatchObject({ plan: 'pro', state: 'active' });
  });
});

describe('O-14: an e-mail address and a name', () => {
  it('that are new in the token reach Stripe with the next command', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const id = await person.customerId();
    const details = { email: 'new@example.com', name: 'New Name' };
    expect((await ask(person.id, 'subscription/cancel', details)).status).toBe(200);
    expect(await customerAt(id)).toMatchObject(details);
    expect(await rowOf(person.id)).toMatchObject(details);
    expect(
      (await ask(person.id, 'portal', { ...details, email: 'newer@example.com' })).status,
    ).toBe(200);
    expect(await customerAt(id)).toMatchObject({ email: 'newer@example.com' });
  });

  it('that are changed in the portal reach us, and an unchanged token does not undo it', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const id = await person.customerId();
    await server.stripe.customers.update(id, { email: 'portal@example.com', name: 'Portal' });
    await server.settled();
    expect(await rowOf(person.id)).toMatchObject({ email: 'portal@example.com', name: 'Portal' });
    await person.command('cancel');
    await server.settled();
    expect(await customerAt(id)).toMatchObject({ email: 'portal@example.com' });
    await ask(person.id, 'subscription/resume', { email: 'moved@example.com' });
    await server.settled();
    expect(await customerAt(id)).toMatchObject({ email: 'moved@example.com', name: 'Portal' });
    expect(await rowOf(person.id)).toMatchObject({ email: 'moved@example.com', name: 'Portal' });
  });

  it('of a customer that was there before stay as they are, until the token says something new', async () => {
    const id = `imported-${Date.now()}`;
    const customer = await server.stripe.customers.create({
      email: 'invoices@company.example',
      test_clock: server.env['STRIPE_TEST_CLOCK'],
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    await server.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: server.env['STRIPE_PRO_MONTHLY_PRICE_ID'] }],
      metadata: { user_id: id },
    });
    await server.settled();
    await ask(id, 'subscription/cancel', { email: 'person@example.com' });
    expect(await customerAt(customer.id)).toMatchObject({ email: 'invoices@company.example' });
    await ask(id, 'subscription/resume', { email: 'person@example.com' });
    expect(await customerAt(customer.id)).toMatchObject({ email: 'invoices@company.example' });
    await ask(id, 'subscription/cancel', { email: 'else@example.com' });
    expect(await customerAt(customer.id)).toMatchObject({ email: 'else@example.com' });
  });

  it('keep nobody waiting for a Stripe that refuses or fails to change them', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const faults = `${server.emulator.url}/_emulator/faults`;
    const authorization = `Bearer ${server.env['STRIPE_SECRET_KEY']}`;
    const path = `/v1/customers/${await person.customerId()}`;
    await fetch(faults, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'error', status: 500, method: 'POST', path }),
    });
    const email = 'during@example.com';
    const canceled = await ask(person.id, 'subscription/cancel', { email });
    await fetch(faults, { method: 'DELETE', headers: { authorization } });
    expect(canceled.status, canceled.text).toBe(200);
    expect((await ask(person.id, 'subscription/resume', { email })).status).toBe(200);
    expect(await customerAt(await person.customerId())).toMatchObject({ email });
  });
});

describe('O-15: an e-mail claim that is no address', () => {
  it.each(['dev@localhost', '+49 30 123456', 'ada', 'a@b@c.example', 'a b@example.com'])(
    '%s is left out, and blocks nothing',
    async (email) => {
      const id = `odd-${email.length}-${email.charCodeAt(0)}`;
      const opened = await ask(id, 'checkout', { email, body: PRO });
      expect(opened.status, opened.text).toBe(200);
      await payCheckout(String(opened.json['url']));
      await server.settled();
      expect((await rowOf(id)).email).not.toBe(email);
      const canceled = await ask(id, 'subscription/cancel', { email });
      expect(canceled.status, canceled.text).toBe(200);
    },
  );
});
