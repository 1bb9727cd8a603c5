import { setTimeout as sleep } from 'node:timers/promises';
import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkAccount } from '../../../server/operations/link.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, refusal, type Person } from '../billing/person.ts';
import { shareAccount, type SharedAccount } from './shared-stripe.ts';

const idOf = (object: string | { id: string } | null) =>
  typeof object === 'string' ? object : (object?.id ?? '');

/** What other programs do to objects of their own, and to customers of ours. */
describe('O-1, O-4: other programs and our payers', () => {
  let server: TestServer;
  let shared: SharedAccount;
  let retainer: string;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      env: { TRIAL_DAYS: '0', GRACE_MAX_DAYS: '2', DUNNING_MAX_ATTEMPTS: '9' },
      engine: { overdueEvery: 100 },
    });
    shared = await shareAccount(server);
    retainer = shared.retainer;
  });
  afterAll(() => server.close());

  /** The next period is paid with a card whose holder disputes it. */
  async function renewDisputed(customer: string, subscription: string): Promise<string> {
    const method = await server.stripe.paymentMethods.attach('pm_card_createDispute', { customer });
    await server.stripe.subscriptions.update(subscription, { default_payment_method: method.id });
    await server.advance(32);
    const { data } = await server.stripe.disputes.list({ limit: 1 });
    expect(data).toMatchObject([{ status: 'needs_response' }]);
    return data[0]!.id;
  }

  async function payer(): Promise<Person> {
    const person = newPerson(server);
    await person.subscribe(PRO);
    return person;
  }

  async function charge(customer: string, params: Partial<Stripe.PaymentIntentCreateParams> = {}) {
    const method = await server.stripe.paymentMethods.attach('pm_card_visa', { customer });
    return server.stripe.paymentIntents.create({
      amount: 700,
      currency: 'usd',
      customer,
      payment_method: method.id,
      confirm: true,
      off_session: true,
      ...params,
    });
  }

  it('a stranger’s schedule that names our user is not theirs, nor paused for a dispute', async () => {
    const person = await payer();
    const customer = await shared.stranger('pm_card_visa', { userId: person.id });
    const schedule = await server.stripe.subscriptionSchedules.create({
      customer,
      start_date: 'now',
      phases: [
        {
          items: [{ price: retainer }],
          duration: { interval: 'month', interval_count: 3 },
          metadata: { user_id: person.id },
        },
      ],
    });
    const id = idOf(schedule.subscription);
    const dispute = await renewDisputed(customer, id);
    // An event of the schedule alone does not tell what is sold.
    await server.stripe.subscriptionSchedules.update(schedule.id, { metadata: { note: 'x' } });
    await shared.settled();
    await server.stripe.disputes.close(dispute);
    expect(await shared.writesTo(id, customer)).toEqual([]);
    expect(await shared.effectsNaming(id)).toEqual([]);
    const { knex } = server.database;
    expect(await knex('subscriptions').where({ id })).toMatchObject([
      { is_foreign: 1, user_id: null },
    ]);
    const { json } = await server.call('GET', `/admin/api/accounts/${person.id}/export`, {
      admin: true,
    });
    expect(JSON.stringify(json)).not.toContain(id);
  }, 60_000);

  it('a retainer of our own payer is not paused, ended or told of when its money comes back', async () => {
    const person = await payer();
    const customer = await person.customerId();
    const method = await server.stripe.paymentMethods.attach('pm_card_visa', { customer });
    const { id } = await server.stripe.subscriptions.create({
      customer,
      items: [{ price: retainer }],
      default_payment_method: method.id,
      metadata: { user_id: person.id },
    });
    const dispute = await renewDisputed(customer, id);
    // Read without an event, too.
    await linkAccount(server.services, {
      accountId: person.id,
      customerId: customer,
      actor: 'system',
      mark: false,
    });
    await server.stripe.disputes.close(dispute);
    expect(await shared.writesTo(id)).toEqual([]);
    expect(await shared.effectsNaming(id)).toEqual([]);
    expect((await person.get('access')).json).toMatchObject({ allowed: true, level: 'full' });
    expect(await person.subscription()).toMatchObject({ plan: 'pro' });
  }, 60_000);

  it('what our payer bought elsewhere is not receipted, nor its refund mailed', async () => {
    const person = await payer();
    const customer = await person.customerId();
    const { id: intent } = await charge(customer);
    await server.stripe.refunds.create({ payment_intent: intent });
    const invoice = await shared.invoice(customer, { user_id: person.id });
    await server.stripe.invoices.pay(invoice, { paid_out_of_band: true });
    await shared.settled();
    expect(await shared.effectsNaming(invoice)).toEqual([]);
    expect(await shared.effectsNaming(customer)).not.toContain('mail.refunded');
    const kept = await server.database.knex('payment_returns').where({ customer_id: customer });
    expect(kept).toEqual([]);
  }, 60_000);

  it('what we billed once is receipted, and its refund mailed', async () => {
    const person = await payer();
    const answer = await person.asAdmin('invoices', {
      userId: person.id,
      items: [{ description: 'Setup', amount: 900, currency: 'usd' }],
      collection: 'charge',
    });
    const { id } = answer.json['invoice'] as { id: string };
    const made = await server.stripe.invoices.retrieve(id, { expand: ['payments'] });
    expect(made.metadata).toMatchObject({ tenure_account: person.id, tenure_deployment: 'tenure' });
    await shared.settled();
    expect(await shared.effectsNaming(id)).toContain('mail.receipt');
    const { data } = await server.stripe.charges.list({ customer: await person.customerId() });
    await server.stripe.refunds.create({ charge: data.find(({ amount }) => amount === 900)!.id });
    await shared.settled();
    expect(await shared.effectsNaming(id)).toContain('mail.refunded');
  }, 60_000);

  it('one that leaves our prices while it fails is not ended for its debt', async () => {
    const person = await payer();
    const { id } = await person.subscription();
    await person.useCard('pm_card_chargeCustomerFail');
    await server.advance(32);
    expect(await person.subscription()).toMatchObject({ state: 'past_due' });
    const { items, latest_invoice: open } = await server.stripe.subscriptions.retrieve(id);
    await server.stripe.subscriptions.update(id, {
      items: [{ id: items.data[0]!.id, price: retainer }],
      proration_behavior: 'none',
    });
    await server.settled();
    await server.stripe.invoices.update(idOf(open), { auto_advance: false });
    await server.advance(3);
    await sleep(400);
    expect(await shared.writesTo(id)).toEqual([]);
    const [row] = await server.database.knex('subscriptions').where({ id });
    expect(row).toMatchObject({ is_foreign: 1 });
  }, 60_000);

  it('a checkout or an invoice of another program at our payer is not closed or paid', async () => {
    const person = newPerson(server);
    await person.post('checkout', PRO);
    const customer = await person.customerId();
    const session = await server.stripe.checkout.sessions.create({
      mode: 'subscription',
      customer,
      line_items: [{ price: retainer, quantity: 1 }],
      client_reference_id: person.id,
      success_url: 'https://agency.example/',
    });
    const other = await person.post('checkout', { ...PRO, interval: 'yearly' });
    expect(other.status).toBe(200);
    expect(await shared.writesTo(session.id)).toEqual([]);
    const method = await server.stripe.paymentMethods.attach('pm_card_visa', { customer });
    const bad = await server.stripe.paymentMethods.attach('pm_card_chargeCustomerFail', {
      customer,
    });
    const retained = await server.stripe.subscriptions.create({
      customer,
      items: [{ price: retainer }],
      default_payment_method: bad.id,
      payment_behavior: 'allow_incomplete',
    });
    const invoiceId = idOf(retained.latest_invoice);
    const paid = await person.post(`invoices/${invoiceId}/pay`, { paymentMethod: method.id });
    expect(refusal(paid)).toEqual([409, 'not_allowed']);
    expect(await shared.writesTo(invoiceId, retained.id)).toEqual([]);
  }, 60_000);
});
