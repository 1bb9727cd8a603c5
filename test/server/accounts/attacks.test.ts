import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Stripe from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { enqueueEffects } from '../../../db/outbox.ts';
import { linkAccount } from '../../../server/operations/link.ts';
import { verifyDatabase } from '../../../server/operations/verify.ts';
import { replayEvents } from '../../../server/webhooks/replay.ts';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { signStripePayload } from '../../support/sign-stripe-payload.ts';
import { newPerson, PRO, refusal, STARTER, type Person } from '../billing/person.ts';
import { shareAccount, type SharedAccount } from './shared-stripe.ts';

const idOf = (object: string | { id: string } | null) =>
  typeof object === 'string' ? object : (object?.id ?? '');

/** More that other programs, Connect accounts and operators do beside us; `strangers.test.ts` has the usual. */
describe('Only what is ours is touched', () => {
  let server: TestServer;
  let shared: SharedAccount;
  let ours: string;
  let book: string;
  const directory = mkdtempSync(join(tmpdir(), 'tenure-attacks-'));
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      prepare: async (stripe, account) => {
        book = (
          await stripe.prices.create({
            currency: 'usd',
            unit_amount: 500,
            product_data: { name: 'Book' },
          })
        ).id;
        const plan = (id: string, rank: number) => ({
          id,
          rank,
          name: id,
          features: [],
          prices: {
            monthly: account[`STRIPE_${id.toUpperCase()}_MONTHLY_PRICE_ID`],
            yearly: account[`STRIPE_${id.toUpperCase()}_YEARLY_PRICE_ID`],
          },
        });
        const products = [{ id: 'book', name: 'Book', priceId: book, once: true }];
        const file = join(directory, 'plans.json');
        writeFileSync(
          file,
          JSON.stringify({ plans: [plan('starter', 1), plan('pro', 2)], products }),
        );
        return { PLANS_FILE: file };
      },
      env: { TRIAL_DAYS: '0', DUNNING_MAX_ATTEMPTS: '2' },
    });
    shared = await shareAccount(server);
    ours = server.env['STRIPE_PRO_MONTHLY_PRICE_ID']!;
  });
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });

  // What is left would renew, and be listened to, with every leap of time of the tests that follow.
  afterEach(async () => {
    const test_clock = server.env['STRIPE_TEST_CLOCK']!;
    for await (const { id } of server.stripe.subscriptions.list({ test_clock, limit: 100 })) {
      await server.stripe.subscriptions.cancel(id);
    }
    await shared.settled();
  }, 60_000);

  async function payer(choice: object = PRO): Promise<Person> {
    const person = newPerson(server);
    await person.subscribe(choice);
    return person;
  }

  const rowOf = (id: string) => server.database.knex('subscriptions').where({ id }).first();

  async function buyAt(
    customer: string,
    price: string,
    params: Partial<Stripe.SubscriptionCreateParams> = {},
  ): Promise<Stripe.Subscription> {
    const method = await server.stripe.paymentMethods.attach('pm_card_visa', { customer });
    return server.stripe.subscriptions.create({
      customer,
      items: [{ price }],
      default_payment_method: method.id,
      ...params,
    });
  }

  /** That it is foreign, and nothing came of it. */
  async function expectForeign(id: string, ...more: string[]): Promise<void> {
    expect(await shared.writesTo(id, ...more)).toEqual([]);
    for (const each of [id, ...more]) expect(await shared.effectsNaming(each)).toEqual([]);
    const row = await rowOf(id);
    if (row !== undefined) expect(row).toMatchObject({ is_foreign: 1, mrr: 0 });
    const { knex } = server.database;
    expect(await knex('transitions').where({ subscription_id: id })).toEqual([]);
    expect(await knex('trials').where({ subscription_id: id })).toEqual([]);
  }

  async function acceptQuote(params: Stripe.QuoteCreateParams): Promise<Stripe.Quote> {
    const { id } = await server.stripe.quotes.create(params);
    await server.stripe.quotes.finalizeQuote(id);
    return server.stripe.quotes.accept(id);
  }

  it('a quote that another program made and its customer accepted is theirs, at our payer too', async () => {
    const person = await payer();
    const metadata = { user_id: person.id, tenure_account: person.id };
    for (const customer of [
      await shared.stranger('pm_card_visa', metadata),
      await person.customerId(),
    ]) {
      const method = await server.stripe.paymentMethods.attach('pm_card_visa', { customer });
      await server.stripe.customers.update(customer, {
        invoice_settings: { default_payment_method: method.id },
      });
      const quote = await acceptQuote({
        customer,
        line_items: [{ price: shared.retainer, quantity: 1 }],
        metadata,
        subscription_data: { metadata },
      });
      await expectForeign(idOf(quote.subscription), quote.id);
    }
    expect(await person.subscription()).toMatchObject({ plan: 'pro', state: 'active' });
  }, 60_000);

  it('a quote of our plan for our account is ours once it is accepted', async () => {
    const person = newPerson(server);
    await person.post('checkout', PRO);
    const customer = await person.customerId();
    const method = await server.stripe.paymentMethods.attach('pm_card_visa', { customer });
    await server.stripe.customers.update(customer, {
      invoice_settings: { default_payment_method: method.id },
    });
    const quote = await acceptQuote({ customer, line_items: [{ price: ours, quantity: 1 }] });
    await shared.settled();
    expect(await person.subscription()).toMatchObject({
      id: idOf(quote.subscription),
      plan: 'pro',
      state: 'active',
    });
  }, 60_000);

  describe('events of a Connect account', () => {
    const send = async (type: string, object: object): Promise<string> => {
      const id = `evt_${randomBytes(8).toString('hex')}`;
      const event = {
        id,
        object: 'event',
        type,
        account: 'acct_1Connected',
        api_version: '2026-10-28.endive',
        created: Math.floor(Date.now() / 1000),
        livemode: false,
        data: { object },
        request: null,
      };
      const body = Buffer.from(JSON.stringify(event));
      const secret = server.env['STRIPE_WEBHOOK_SECRET']!;
      const answer = await fetch(`${server.url}/api/webhooks/stripe`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'stripe-signature': signStripePayload(body, secret, Math.floor(Date.now() / 1000)),
        },
        body,
      });
      expect(answer.status, type).toBe(200);
      return id;
    };

    it('are stored and followed by nothing, though they name a customer and subscription of ours; also when replayed', async () => {
      const person = await payer();
      const customer = await person.customerId();
      const subscription = await person.atStripe();
      const mark = { tenure_account: 'someone', tenure_deployment: 'tenure' };
      const stored = async () => ({
        row: await rowOf(subscription.id),
        account: await server.database.knex('customers').where({ user_id: person.id }),
        accounts: await server.database.knex('customers').count(),
        outbox: await server.database.knex('outbox').count(),
      });
      await shared.settled();
      const [before, seen] = [await stored(), await shared.seen()];
      const ids = [
        await send('customer.subscription.deleted', { ...subscription, status: 'canceled' }),
        await send('customer.deleted', { id: customer, object: 'customer', deleted: true }),
        await send('customer.updated', {
          id: customer,
          object: 'customer',
          email: 'attacker@example.com',
          metadata: mark,
        }),
        await send('invoice.payment_failed', {
          id: idOf(subscription.latest_invoice),
          object: 'invoice',
          customer,
          attempt_count: 9,
          status: 'open',
          parent: { subscription_details: { subscription: subscription.id } },
        }),
        await send('checkout.session.completed', {
          id: 'cs_test_connect',
          object: 'checkout.session',
          mode: 'payment',
          status: 'complete',
          payment_status: 'paid',
          customer: 'cus_ofConnect',
          metadata: { ...mark, product: 'credits', quantity: '1' },
        }),
        await send('charge.dispute.created', {
          id: 'dp_connect',
          object: 'dispute',
          charge: 'ch_connect',
          status: 'needs_response',
        }),
      ];
      await replayEvents(server.services, { ids });
      await replayEvents(server.services, { failed: true });
      await shared.settled();
      expect(await stored()).toEqual(before);
      expect(await shared.writesSince(seen)).toEqual([]);
      const events: { status: string; flags: string }[] = await server.database
        .knex('webhook_events')
        .whereIn('id', ids);
      expect(events.map(({ status }) => status)).toEqual(ids.map(() => 'ignored'));
      for (const { flags } of events) expect(flags).toContain('foreign_account');
    }, 60_000);
  });

  describe('a customer of ours that is deleted at Stripe', () => {
    const customersOf = async (account: string) => {
      const found: string[] = [];
      const list = { test_clock: server.env['STRIPE_TEST_CLOCK']!, limit: 100 };
      for await (const { id, metadata } of server.stripe.customers.list(list)) {
        if (metadata['tenure_account'] === account) found.push(id);
      }
      return found;
    };

    it.each(['told by its event', 'while its event is lost'])(
      '%s is made again once, though two commands come at once',
      async (how) => {
        const person = newPerson(server);
        await person.post('checkout', STARTER);
        const lost = await person.customerId();
        await server.stripe.customers.del(lost);
        await shared.settled();
        if (how.startsWith('while')) {
          await server.database
            .knex('customers')
            .where({ user_id: person.id })
            .update({ deleted_at: null });
        }
        const answers = await Promise.all([
          person.post('checkout', PRO),
          person.post('checkout', STARTER),
          person.post('checkout', { ...PRO, interval: 'yearly' }),
        ]);
        expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
        await shared.settled();
        const now = await person.customerId();
        expect(now).not.toBe(lost);
        expect(await customersOf(person.id)).toEqual([now]);
        await payCheckout(String(answers[0].json['url'])).catch(() => undefined);
        expect((await person.post('portal')).status).toBe(200);
      },
      60_000,
    );
  });

  it('a user who names objects of another program, or of another account, is told that there are none', async () => {
    const [person, other] = [await payer(), await payer()];
    const customer = await shared.stranger('pm_card_visa', { user_id: person.id });
    const theirs = await buyAt(customer, shared.retainer, { metadata: { user_id: person.id } });
    const session = await server.stripe.checkout.sessions.create({
      mode: 'subscription',
      customer,
      client_reference_id: person.id,
      line_items: [{ price: shared.retainer, quantity: 1 }],
      success_url: 'https://agency.example/',
    });
    await shared.settled();
    const seen = await shared.seen();
    const invoices = [idOf(theirs.latest_invoice), idOf((await other.atStripe()).latest_invoice)];
    for (const id of invoices) {
      expect((await person.get(`invoices/${id}`)).status).toBe(404);
      expect((await person.get(`invoices/${id}/pdf`)).status).toBe(404);
      expect((await person.post(`invoices/${id}/pay`)).status).toBe(404);
      expect((await person.get(`invoices?cursor=${id}`)).status).toBe(404);
    }
    expect((await person.post('checkout/sync', { sessionId: session.id })).status).toBe(404);
    const poor = newPerson(server);
    // The account is not there, or its name is that of their customer.
    for (const user of [poor.id, customer, theirs.id]) {
      const ask = (method: string, path: string, body?: object) =>
        server.call(method, `/api/billing/${path}`, { user, body });
      expect((await ask('POST', 'portal', {})).status).toBe(409);
      expect((await ask('GET', 'invoices')).json).toMatchObject({ invoices: [] });
      expect((await ask('GET', 'credit')).json).toMatchObject({ balance: 0, entries: [] });
      expect((await ask('GET', 'subscription')).json).toEqual({ subscription: null });
    }
    const refund = await server.call('POST', `/admin/api/accounts/${person.id}/refunds`, {
      admin: true,
      body: { payment: invoices[0] },
    });
    expect(refund.status).toBe(404);
    // The portal of `person` was never asked for.
    expect(await shared.writesSince(seen)).toEqual([]);
  }, 60_000);

  it('metadata of our names that another program writes, without our deployment, makes nothing ours', async () => {
    const person = newPerson(server);
    for (const more of [{}, { tenure_deployment: 'staging' }] as Record<string, string>[]) {
      const metadata = {
        user_id: person.id,
        tenure_account: person.id,
        product: 'credits',
        quantity: '3',
        wish: 'pro monthly',
        ...more,
      };
      const customer = await shared.stranger('pm_card_visa', metadata);
      const { id } = await buyAt(customer, shared.retainer, { metadata });
      const session = await server.stripe.checkout.sessions.create({
        mode: 'payment',
        customer,
        client_reference_id: person.id,
        line_items: [
          {
            price_data: { currency: 'usd', unit_amount: 500, product_data: { name: 'Book' } },
            quantity: 1,
          },
        ],
        payment_intent_data: { metadata },
        invoice_creation: { enabled: true, invoice_data: { metadata } },
        metadata,
        success_url: 'https://agency.example/',
      });
      await payCheckout(session.url ?? '');
      const paid = await server.stripe.checkout.sessions.retrieve(session.id);
      await server.stripe.refunds.create({ payment_intent: idOf(paid.payment_intent) });
      await server.stripe.customers.update(customer, { metadata: { ...metadata, note: 'x' } });
      await expectForeign(id, customer, session.id);
    }
    const { knex } = server.database;
    expect(await knex('customers').where({ user_id: person.id })).toEqual([]);
    expect(await knex('purchases').where({ account_id: person.id })).toEqual([]);
    expect(await knex('owner_conflicts').where({ account_id: person.id })).toEqual([]);
    expect((await person.get('access')).json).toMatchObject({ allowed: false });
    expect((await person.get('payments')).json).toMatchObject({ payments: [] });
  }, 60_000);

  it('our own price with the mark of another deployment stays theirs, wherever the mark is, whatever reads it', async () => {
    const person = newPerson(server);
    const staging = { tenure_account: person.id, tenure_deployment: 'staging' };
    const marked = await shared.stranger('pm_card_visa', staging);
    const [onCustomer, onSubscription] = [
      // As sold in the Dashboard to a customer of that deployment.
      await buyAt(marked, ours, { metadata: { user_id: person.id } }),
      await buyAt(await shared.stranger('pm_card_visa'), ours, { metadata: staging }),
    ];
    const customer = await shared.stranger('pm_card_visa');
    const session = await server.stripe.checkout.sessions.create({
      mode: 'subscription',
      customer,
      client_reference_id: person.id,
      line_items: [{ price: ours, quantity: 1 }],
      metadata: staging,
      success_url: 'https://staging.example/',
    });
    await payCheckout(session.url ?? '');
    const bought = await server.stripe.checkout.sessions.retrieve(session.id);
    await shared.settled();
    await verifyDatabase(server.services, { repair: true });
    await replayEvents(server.services, { since: 0 });
    await shared.settled();
    for (const id of [onCustomer.id, onSubscription.id, idOf(bought.subscription)]) {
      await expectForeign(id);
    }
    expect((await person.get('access')).json).toMatchObject({ allowed: false });
    expect((await person.post('portal')).status).toBe(409);
  }, 60_000);

  it('one of ours that another deployment marks is theirs from then on: no command of ours, no dunning', async () => {
    const person = await payer();
    const { id } = await person.subscription();
    await server.stripe.subscriptions.update(id, { metadata: { tenure_deployment: 'staging' } });
    await shared.settled();
    expect(refusal(await person.command('cancel', { when: 'now' }))).toEqual([409, 'not_allowed']);
    await person.useCard('pm_card_chargeCustomerFail');
    const seen = await shared.seen();
    for (const days of [32, 4, 6]) await server.advance(days);
    expect(await shared.writesSince(seen)).toEqual([]);
    expect((await person.get('access')).json).toMatchObject({ allowed: false });
  }, 60_000);

  it('one of ours that is moved to a price of another program and back is ours again, told once', async () => {
    const person = await payer();
    const { id } = await person.subscription();
    const move = async (price: string) => {
      const { items } = await server.stripe.subscriptions.retrieve(id);
      await server.stripe.subscriptions.update(id, {
        items: [{ id: items.data[0]!.id, price }],
        proration_behavior: 'none',
      });
      await shared.settled();
    };
    const mrr = async () =>
      (await server.call('GET', '/admin/api/stats', { admin: true })).json['mrr'];
    await shared.settled();
    const [earned, mails] = [await mrr(), await shared.effectsNaming(id)];
    await move(shared.retainer);
    expect((await person.get('access')).json).toMatchObject({ allowed: false });
    expect(refusal(await person.command('cancel'))).toEqual([409, 'not_allowed']);
    expect(await rowOf(id)).toMatchObject({ is_foreign: 1, user_id: person.id, mrr: 0 });
    await move(ours);
    expect(await person.subscription()).toMatchObject({ id, plan: 'pro', state: 'active' });
    expect((await person.get('access')).json).toMatchObject({ allowed: true });
    expect(await mrr()).toEqual(earned);
    const sent = (await shared.effectsNaming(id)).filter((kind) => kind.startsWith('mail.'));
    expect(sent).toEqual(mails.filter((kind) => kind.startsWith('mail.')));
    expect((await person.command('cancel')).status).toBe(200);
  }, 60_000);

  it('an invoice of another program at our payer is not paid here, with a subscription or without', async () => {
    const person = await payer();
    const customer = await person.customerId();
    const invoice = await shared.invoice(customer, { user_id: person.id });
    const staged = await buyAt(customer, ours, {
      collection_method: 'send_invoice',
      days_until_due: 30,
      default_payment_method: undefined,
      metadata: { tenure_account: person.id, tenure_deployment: 'staging' },
    });
    await server.stripe.invoices.finalizeInvoice(idOf(staged.latest_invoice));
    await shared.settled();
    const seen = await shared.seen();
    for (const id of [invoice, idOf(staged.latest_invoice)]) {
      expect((await person.get(`invoices/${id}`)).status, id).toBe(200);
      expect(refusal(await person.post(`invoices/${id}/pay`)), id).toEqual([409, 'not_allowed']);
    }
    expect(await shared.writesSince(seen)).toEqual([]);
  }, 60_000);

  it('an item of another program on our subscription survives a change of plan, now and later', async () => {
    const person = await payer(STARTER);
    const { id } = await person.subscription();
    await server.stripe.subscriptionItems.create({
      subscription: id,
      price: shared.retainer,
      proration_behavior: 'none',
    });
    await shared.settled();
    const prices = async () =>
      (await server.stripe.subscriptions.retrieve(id)).items.data.map(({ price }) => price.id);
    const upgraded = (await person.changeTo(PRO)).answer;
    expect(upgraded.status, upgraded.text).toBe(202);
    expect((await prices()).toSorted()).toEqual([ours, shared.retainer].toSorted());
    const downgraded = (await person.changeTo(STARTER)).answer;
    expect(downgraded.status, downgraded.text).toBe(202);
    await server.advance(32);
    await shared.settled();
    const starter = server.env['STRIPE_STARTER_MONTHLY_PRICE_ID']!;
    expect((await prices()).toSorted()).toEqual([starter, shared.retainer].toSorted());
  }, 60_000);

  it('a comeback neither stands in for, nor collects, what another program or deployment sells to our payer', async () => {
    const person = await payer();
    await person.useCard('pm_card_visa');
    const customer = await person.customerId();
    await person.command('cancel', { when: 'now' });
    const staged = await buyAt(customer, ours, {
      metadata: { tenure_account: person.id, tenure_deployment: 'staging' },
    });
    const owed = await buyAt(customer, shared.retainer, {
      collection_method: 'send_invoice',
      days_until_due: 30,
      default_payment_method: undefined,
    });
    await server.stripe.invoices.finalizeInvoice(idOf(owed.latest_invoice));
    await shared.settled();
    const back = await person.command('reactivate', PRO);
    expect(back.status, back.text).toBe(200);
    expect(await person.subscription()).toMatchObject({ plan: 'pro', state: 'active' });
    expect((await person.subscription()).id).not.toBe(staged.id);
    expect(await shared.writesTo(staged.id, owed.id, idOf(owed.latest_invoice))).toEqual([]);
  }, 60_000);

  it('a payment without a customer, its refund and its dispute are of no account', async () => {
    const person = await payer();
    const pay = (card: string) =>
      server.stripe.paymentIntents.create({
        amount: 700,
        currency: 'usd',
        payment_method: card,
        confirm: true,
        metadata: { user_id: person.id, tenure_account: person.id },
        automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
      });
    await shared.settled();
    const seen = await shared.seen();
    const { id: refunded } = await pay('pm_card_visa');
    await server.stripe.refunds.create({ payment_intent: refunded });
    const { id: disputed } = await pay('pm_card_createDispute');
    expect(await shared.writesSince(seen)).toEqual([]);
    for (const id of [refunded, disputed]) expect(await shared.effectsNaming(id)).toEqual([]);
    expect(await server.database.knex('payment_returns')).toEqual([]);
    expect((await person.get('access')).json).toMatchObject({ allowed: true });
  }, 60_000);

  it('an operator’s link gives a customer of another program, and none of its subscriptions that are not ours', async () => {
    const person = newPerson(server);
    const customer = await shared.stranger('pm_card_visa', { user_id: 'their-17', crm: '9' });
    const theirs = await buyAt(customer, shared.retainer, { metadata: { user_id: 'their-17' } });
    const staged = await buyAt(customer, ours, { metadata: { tenure_deployment: 'staging' } });
    await shared.settled();
    await linkAccount(server.services, {
      accountId: person.id,
      customerId: customer,
      actor: 'system',
      mark: true,
    });
    await expectForeign(theirs.id);
    await expectForeign(staged.id);
    expect((await person.get('access')).json).toMatchObject({ allowed: false });
    // What the other program wrote there stays.
    expect(await server.stripe.customers.retrieve(customer)).toMatchObject({
      metadata: { user_id: 'their-17', crm: '9', tenure_account: person.id },
    });
  }, 60_000);

  it('what left us while no webhook came is not ended by what was decided before', async () => {
    const { stripe } = server;
    const [disputing, failing, trying] = [await payer(), await payer(), newPerson(server)];
    for (const [person, card] of [
      [disputing, 'pm_card_createDispute'],
      [failing, 'pm_card_chargeCustomerFail'],
    ] as const) {
      await person.useCard(card);
      await stripe.subscriptions.update((await person.subscription()).id, {
        billing_cycle_anchor: { type: 'now' },
        proration_behavior: 'none',
      });
    }
    await trying.post('checkout', PRO);
    const trial = await buyAt(await trying.customerId(), ours, { trial_period_days: 7 });
    await shared.settled();
    const [disputed, failed] = [await disputing.atStripe(), await failing.atStripe()];
    expect([disputed.status, failed.status, trial.status]).toEqual([
      'active',
      'past_due',
      'trialing',
    ]);

    const { data: endpoints } = await stripe.webhookEndpoints.list();
    const hear = (isHeard: boolean) =>
      Promise.all(
        endpoints.map(({ id }) => stripe.webhookEndpoints.update(id, { disabled: !isHeard })),
      );
    await hear(false);
    for (const { id, items } of [disputed, trial]) {
      await stripe.subscriptions.update(id, {
        items: [{ id: items.data[0]!.id, price: shared.retainer }],
        proration_behavior: 'none',
      });
    }
    await stripe.subscriptions.update(failed.id, { metadata: { tenure_deployment: 'staging' } });
    await hear(true);
    const seen = await shared.seen();
    const { data: disputes } = await stripe.disputes.list({ limit: 1 });
    await stripe.disputes.close(disputes[0]!.id);
    const of = ({ id, customer }: Stripe.Subscription) => ({
      subscriptionId: id,
      customerId: idOf(customer),
      plan: 'pro',
    });
    await enqueueEffects(
      server.database.knex,
      [
        {
          objectId: failed.id,
          kind: 'dunning.final_action',
          payload: {
            ...of(failed),
            userId: failing.id,
            invoiceId: idOf(failed.latest_invoice),
            action: 'cancel',
            attempts: 2,
          },
        },
        {
          objectId: trial.id,
          kind: 'trial.refuse',
          payload: { ...of(trial), userId: trying.id },
        },
      ],
      Date.now(),
    );
    expect(await shared.writesSince(seen)).toEqual([]);
    for (const { id } of [disputed, failed, trial]) {
      expect((await stripe.subscriptions.retrieve(id)).ended_at, id).toBeNull();
      // It is known from then on, as if its event had come.
      expect(await rowOf(id), id).toMatchObject({ is_foreign: 1 });
    }
  }, 90_000);

  it('a Checkout page of another deployment or program for the same thing is neither shown for ours nor closed', async () => {
    const person = newPerson(server);
    const { stripe } = server;
    const [plan, once] = [
      await person.post('checkout', PRO),
      await person.post('payments', { product: 'book' }),
    ];
    const customer = await person.customerId();
    const theirs: string[] = [];
    for (const { json } of [plan, once]) {
      const own = await stripe.checkout.sessions.retrieve(String(json['sessionId']));
      await stripe.checkout.sessions.expire(own.id);
      const isPlan = own.mode === 'subscription';
      // The same names for a wish and a product, as another deployment has them.
      for (const more of [{ tenure_deployment: 'staging' }, { wish: 'their own' }] as Record<
        string,
        string
      >[]) {
        const metadata: Record<string, string> = { ...own.metadata, ...more };
        if (!('tenure_deployment' in more)) delete metadata['tenure_deployment'];
        const { id } = await stripe.checkout.sessions.create({
          mode: own.mode as 'payment' | 'subscription',
          customer,
          line_items: [{ price: isPlan ? ours : book, quantity: 1 }],
          metadata,
          success_url: 'https://staging.example/',
        });
        theirs.push(id);
      }
    }
    await shared.settled();
    for (const again of [
      await person.post('checkout', PRO),
      await person.post('payments', { product: 'book' }),
    ]) {
      expect(again.status, again.text).toBe(200);
      expect(theirs).not.toContain(again.json['sessionId']);
    }
    expect(await shared.writesTo(...theirs)).toEqual([]);
  }, 60_000);
});
