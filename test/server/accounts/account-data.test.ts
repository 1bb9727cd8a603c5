import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT_TABLES } from '../../../db/account-data.ts';
import { isPostgres, type Dialect } from '../../../db/database.ts';
import { exportAccount } from '../../../server/operations/export-account.ts';
import { forgetAccount } from '../../../server/operations/forget-account.ts';
import { verifyDatabase } from '../../../server/operations/verify.ts';
import { newPerson, PRO, STARTER } from '../billing/person.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { tokenFor } from '../../support/tokens.ts';

/** The token of a named operator. */
const ANN = 'token-of-ann-that-is-long-enough';

let server: TestServer;
const startOn = async (database: Dialect) => {
  server = await startTestServer({
    database,
    env: { ADMIN_TOKENS: `ann:admin:${createHash('sha256').update(ANN).digest('hex')}` },
  });
};

const tables = async (): Promise<string[]> => {
  const { knex } = server.database;
  if (isPostgres(knex)) return knex('pg_tables').where({ schemaname: 'public' }).pluck('tablename');
  return knex('sqlite_master')
    .where({ type: 'table' })
    .whereRaw("name NOT LIKE 'sqlite_%'")
    .pluck('name');
};

async function exportOf(id: string): Promise<Record<string, unknown>> {
  let text = '';
  for await (const part of exportAccount(server.services, id)) text += part;
  return JSON.parse(text) as Record<string, unknown>;
}

/** A row by what finds it again. */
function keyOf(table: string, row: object): string {
  const { id, user_id: user, customer_id: customer, key, name } = row as Record<string, unknown>;
  const { stripe_customer_id: linked, subscription_id: subscription } = row as Record<
    string,
    unknown
  >;
  return [table, id, user, customer, key, name, linked, subscription].map(String).join(' ');
}

describe.each(ROUTE_DIALECTS)('O-19: what is stored of an account, on %s', (database) => {
  beforeAll(() => startOn(database));
  afterAll(() => server.close());

  it('is in tables that export and forget know', async () => {
    const known = new Set(ACCOUNT_TABLES.map(({ name }) => name));
    // Locks, and errors of events, which are found by their event.
    const others = new Set(['subjects', 'processing_attempts']);
    const names =
      /^(user|account|customer|stripe_customer|subscription|object)_id$|^(target|subject|payload)$/;
    for (const table of await tables()) {
      const columns = Object.keys(await server.database.knex(table).columnInfo());
      const own = columns.filter((name) => names.test(name));
      if (own.length === 0 || others.has(table)) continue;
      expect(known, `${table} (${own.join(', ')})`).toContain(table);
    }
  });

  it('is exported whole, forgotten when asked, and of no other account', async () => {
    const email = 'ada.lovelace@secret.example';
    const name = 'Ada Lovelace-Byron';
    const person = newPerson(server);
    const bystander = newPerson(server);
    await bystander.subscribe();
    await person.subscribe();
    const authorization = `Bearer ${await tokenFor(person.id, { email, name })}`;
    const ask = (path: string, body: object = {}) =>
      server.call('POST', `/api/billing/${path}`, {
        headers: { authorization, 'idempotency-key': path },
        body,
      });
    await server.stripe.customers.update(await person.customerId(), {
      email,
      name,
      address: { line1: 'St James’s Square 12' },
      metadata: { full_name: name },
    });
    await server.settled();
    await ask('portal');
    await expect(
      forgetAccount(server.services, { accountId: person.id, actor: 'system' }),
    ).rejects.toThrow(/cancel it first/);
    await ask('subscription/cancel', { when: 'now', comment: `${name} leaves` });
    await server.settled();
    // What operators wrote about the customer: a reason, and a request whose body alone names the account.
    const granted = await server.call('POST', `/admin/api/accounts/${person.id}/grants`, {
      admin: true,
      body: { features: ['beta'], reason: `${name} is a friend of the house` },
    });
    expect(granted.status, granted.text).toBe(201);
    const item = { description: `Course for ${name}`, amount: 500, currency: 'usd' };
    const bill = { userId: person.id, items: [item], collection: 'send' };
    expect((await person.asAdmin('invoices', bill)).status).toBe(200);
    const ofOther = { ...bill, userId: bystander.id, items: [{ ...item, description: 'Setup' }] };
    expect((await person.asAdmin('invoices', ofOther)).status).toBe(200);
    await server.settled();

    const whole = await exportOf(person.id);
    const text = JSON.stringify(whole);
    for (const part of [email, name, 'St James’s Square 12']) expect(text).toContain(part);
    expect(text).not.toContain(await bystander.customerId());
    for (const table of [
      'customers',
      'subscriptions',
      'transitions',
      'commands',
      'webhook_events',
    ]) {
      expect(whole[table], table).not.toEqual([]);
      expect(whole[table], table).toBeDefined();
    }

    const lines = () =>
      server.database
        .knex('transitions')
        .where({ customer_id: customer })
        .orderBy('id')
        .select('from_state', 'to_state', 'event', 'actor', 'occurred_at');
    const customer = await person.customerId();
    const before = await lines();
    const result = await forgetAccount(server.services, { accountId: person.id, actor: 'system' });
    expect(result).toMatchObject({ customerIds: [customer] });
    expect(result.redacted).toBeGreaterThan(3);
    for (const table of await tables()) {
      const rows = JSON.stringify(await server.database.knex(table));
      for (const part of [email, 'Lovelace', 'St James’s Square 12']) {
        expect(rows.includes(part), `${part} in ${table}`).toBe(false);
      }
    }
    expect(await lines()).toEqual(before);
    const acts = await server.database.knex('audit_log').orderBy('id').pluck('detail');
    expect(acts.some((detail: string) => detail.includes('"features":["beta"]'))).toBe(true);
    expect(acts.some((detail: string) => detail.includes('Setup'))).toBe(true);
    expect(JSON.stringify(await exportOf(bystander.id))).toContain(`${bystander.id}@example.com`);
    expect(await verifyDatabase(server.services)).toMatchObject({ differences: 0 });
    // A trial is had once, also by one who is forgotten.
    const trials = await server.database.knex('trials').where({ user_id: person.id });
    expect(trials).toHaveLength(1);
    expect((await person.get('invoices')).status).toBe(200);
  });

  it('is told apart from accounts of nearly the same name, and from what other programs sell', async () => {
    const { knex } = server.database;
    const buy = async (id: string) => {
      const customer = await server.stripe.customers.create({
        email: `${id}@example.com`,
        test_clock: server.env['STRIPE_TEST_CLOCK'],
        payment_method: 'pm_card_visa',
        invoice_settings: { default_payment_method: 'pm_card_visa' },
      });
      const { id: subscription } = await server.stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: server.env['STRIPE_PRO_MONTHLY_PRICE_ID'] }],
        metadata: { user_id: id },
      });
      await server.settled();
      const granted = await server.call(
        'POST',
        `/admin/api/accounts/${encodeURIComponent(id)}/grants`,
        {
          admin: true,
          body: { features: ['beta'], reason: `${id} asked` },
        },
      );
      expect(granted.status, granted.text).toBe(201);
      return subscription;
    };
    const subscription = await buy('Grace_H');
    const others = ['grace_h', 'GraceXH', 'Grace_H2', '%'];
    for (const each of others) await buy(each);
    const foreign = await server.stripe.prices.create({
      currency: 'usd',
      unit_amount: 900,
      recurring: { interval: 'month' },
      product_data: { name: 'Newsletter' },
    });
    const stranger = await server.stripe.customers.create({
      email: 'stranger@example.com',
      test_clock: server.env['STRIPE_TEST_CLOCK'],
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
      metadata: { user_id: 'Grace_H' },
    });
    const theirs = await server.stripe.subscriptions.create({
      customer: stranger.id,
      items: [{ price: foreign.id }],
      metadata: { user_id: 'Grace_H', tenure_account: 'Grace_H' },
    });
    await server.stripe.subscriptions.cancel(subscription);
    await server.settled();

    expect(await server.stripe.subscriptions.retrieve(theirs.id)).toMatchObject({
      status: 'active',
    });
    expect(await knex('subscriptions').where({ id: theirs.id })).toMatchObject([
      { state: 'active' },
    ]);
    const whole = await exportOf('Grace_H');
    const text = JSON.stringify(whole);
    for (const name of [...others.slice(0, 3), 'stranger']) {
      expect(text, name).not.toContain(`${name}@example.com`);
      expect(text, name).not.toContain(`"user_id":"${name}"`);
      expect(text, name).not.toContain(`"userId":"${name}"`);
      expect(text, name).not.toContain(`${name} asked`);
    }
    expect(text).not.toContain(theirs.id);
    expect(text).toContain('Grace_H asked');

    const own = new Set(
      Object.entries(whole).flatMap(([table, rows]) =>
        Array.isArray(rows) ? rows.map((row) => keyOf(table, row as object)) : [],
      ),
    );
    const othersRows = async () => {
      const kept: string[] = [];
      for (const table of await tables()) {
        for (const row of await knex<object>(table)) {
          if (!own.has(keyOf(table, row))) kept.push(`${table} ${JSON.stringify(row)}`);
        }
      }
      return kept;
    };
    const before = await othersRows();
    await forgetAccount(server.services, { accountId: 'Grace_H', actor: 'system' });
    const after = new Set(await othersRows());
    expect(before.length).toBeGreaterThan(100);
    expect(before.filter((row) => !after.has(row))).toEqual([]);
    const acts = (await knex('audit_log').where({ target: 'Grace_H' })).map(
      ({ detail }: { detail: string }) => detail,
    );
    expect(acts.join()).not.toContain('Grace_H asked');
  });

  it('is given and taken by operators over the admin API', async () => {
    const person = newPerson(server);
    await person.post('checkout', STARTER);
    const path = `/admin/api/accounts/${person.id}`;
    const exported = await server.call('GET', `${path}/export`, { admin: true });
    expect(exported.json).toMatchObject({
      account: person.id,
      customers: [{ user_id: person.id }],
    });
    expect((await server.call('GET', `${path}/export`, { user: person.id })).status).toBe(401);
    const forgotten = await server.call('POST', `${path}/forget`, { admin: true, body: {} });
    expect(forgotten.status, forgotten.text).toBe(200);
    const audit = await server.database.knex('audit_log').where({ target: person.id });
    expect(audit).toMatchObject([
      { action: 'account.export', actor: 'admin' },
      { action: 'account.forget', actor: 'admin' },
    ]);
    const unknown = '/admin/api/accounts/no-such-account/forget';
    expect((await server.call('POST', unknown, { admin: true, body: {} })).status).toBe(409);
  });
});

describe('PUT /admin/api/accounts/:id/customer', () => {
  beforeAll(() => startOn('sqlite'));
  afterAll(() => server.close());

  it('gives a customer and its subscriptions to an account', async () => {
    const customer = await server.stripe.customers.create({
      test_clock: server.env['STRIPE_TEST_CLOCK'],
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const { id } = await server.stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: server.env['STRIPE_PRO_MONTHLY_PRICE_ID'] }],
    });
    await server.settled();
    const listed = await server.call('GET', '/admin/api/subscriptions?foreign=true', {
      admin: true,
    });
    expect(listed.json['subscriptions']).toContainEqual(expect.objectContaining({ id }));
    const ours = await server.call('GET', '/admin/api/subscriptions', { admin: true });
    expect(ours.text).not.toContain(id);

    const account = newPerson(server);
    const put = (customerId: string) =>
      server.call('PUT', `/admin/api/accounts/${account.id}/customer`, {
        headers: { authorization: `Bearer ${ANN}` },
        body: { customerId, mark: true },
      });
    expect((await put('cus_unknown')).status).toBe(404);
    expect((await put('sub_1')).status).toBe(400);
    expect((await put(customer.id)).json).toEqual({ replaced: null, subscriptions: 1 });
    expect(await account.subscription()).toMatchObject({ id, plan: 'pro' });
    expect((await account.post('checkout', PRO)).status).toBe(409);
    const marked = await server.stripe.customers.retrieve(customer.id);
    expect(marked).toMatchObject({ metadata: { tenure_account: account.id } });
    const audit = await server.database.knex('audit_log').where({ target: account.id });
    expect(audit.at(-1)).toMatchObject({ action: 'account.link', actor: 'operator:ann' });
    const lines = await server.database.knex('transitions').where({ subscription_id: id });
    expect(lines).toMatchObject([{ actor: 'operator:ann', cause_type: 'link' }]);
    const none = await server.call('GET', '/admin/api/subscriptions?foreign=true', { admin: true });
    expect(none.text).not.toContain(id);
  });
});
