import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, STARTER, type Person } from '../billing/person.ts';
import { watchRequests, type RequestWatch } from './request-watch.ts';

/** What every call that makes something must carry: the mark of account and deployment, under these names. */
const MARKED: Record<string, string[]> = {
  '/v1/customers': ['metadata'],
  '/v1/checkout/sessions in mode subscription': ['metadata', 'subscription_data[metadata]'],
  '/v1/checkout/sessions in mode payment': [
    'metadata',
    'payment_intent_data[metadata]',
    'invoice_creation[invoice_data][metadata]',
  ],
  '/v1/subscriptions': ['metadata'],
  // Stripe takes none with `from_subscription`: the update that follows has it.
  '/v1/subscription_schedules/:id': ['metadata'],
  '/v1/invoices': ['metadata'],
  '/v1/invoiceitems': ['metadata'],
  '/v1/refunds': ['metadata'],
  '/v1/customers/:id/balance_transactions': ['metadata'],
};

/** Of no account: they are made for everyone. */
const OF_DEPLOYMENT = ['/v1/coupons', '/v1/promotion_codes'];

/** What is made and takes no metadata at Stripe. */
const WITHOUT = ['/v1/billing_portal/sessions', '/v1/billing/meter_events'];

/** What changes an object that is there, reads, or ends it. */
const NOTHING_IS_MADE =
  /^(\/v1\/subscription_schedules|\/v1\/invoices\/create_preview|\/v1\/invoices\/:id\/(finalize|pay|send|void|mark_uncollectible)|\/v1\/subscriptions\/:id(\/(pause|resume|migrate))?|\/v1\/subscription_schedules\/:id\/release|\/v1\/customers\/:id|\/v1\/checkout\/sessions\/:id\/expire|\/v1\/invoices\/:id|\/v1\/invoiceitems\/:id)$/;

const directory = mkdtempSync(join(tmpdir(), 'tenure-marks-'));
let server: TestServer;
let watch: RequestWatch;
beforeAll(async () => {
  server = await startTestServer({
    database: 'sqlite',
    prepare: async (stripe, account) => {
      const credits = await stripe.prices.create({
        currency: 'usd',
        unit_amount: 900,
        product_data: { name: 'Credits' },
      });
      const plan = (id: string, rank: number) => ({
        id,
        rank,
        name: id,
        features: [],
        prices: { monthly: account[`STRIPE_${id.toUpperCase()}_MONTHLY_PRICE_ID`] },
      });
      const products = [{ id: 'credits', name: 'Credits', priceId: credits.id }];
      const file = join(directory, 'plans.json');
      const plans = [plan('starter', 1), plan('pro', 2)];
      writeFileSync(file, JSON.stringify({ plans, products }));
      return { PLANS_FILE: file };
    },
    env: { TRIAL_DAYS: '0' },
  });
  watch = watchRequests(server);
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

interface Made {
  account: string | null;
  resource: string;
  params: URLSearchParams;
}

const kindOf = (resource: string, params: URLSearchParams) =>
  resource === '/v1/checkout/sessions' ? `${resource} in mode ${params.get('mode')}` : resource;

const has = (params: URLSearchParams, field: string, account: string | null) =>
  params.get(`${field}[tenure_account]`) === account &&
  params.get(`${field}[tenure_deployment]`) === 'tenure';

it('bears the mark of its account and deployment, whatever a command makes', async () => {
  const person = newPerson(server);
  const { id: account } = person;
  await watch.look();
  const before = new Set(watch.ofServer().map(({ id }) => id));
  await allCommands(person);
  await server.settled();
  await watch.look();
  const calls: Made[] = watch
    .ofServer()
    .filter(({ id, method }) => method === 'POST' && !before.has(id))
    .map(({ path, requestBody }) => ({
      account,
      resource: path.replace(/\/(cus|sub|si|in|ii|cs|sub_sched|pi|ch|re)_\w+/g, '/:id'),
      params: new URLSearchParams(requestBody),
    }));
  const made = new Set<string>();
  for (const { resource, params } of calls) {
    const kind = kindOf(resource, params);
    if (Object.hasOwn(MARKED, kind)) {
      for (const field of MARKED[kind]!) {
        expect(has(params, field, account), `${field} of ${kind}: ${params.toString()}`).toBe(true);
      }
    } else if (OF_DEPLOYMENT.includes(kind)) {
      expect(has(params, 'metadata', null), `${kind}: ${params.toString()}`).toBe(true);
    } else if (!WITHOUT.includes(kind)) {
      expect(kind, `${kind} makes something that this test does not know`).toMatch(NOTHING_IS_MADE);
    }
    made.add(kind);
  }
  expect([...made]).toEqual(expect.arrayContaining([...Object.keys(MARKED), ...OF_DEPLOYMENT]));
});

/** Everything that an account can ask for, and what operators do for it. */
async function allCommands(person: Person): Promise<void> {
  const done = async (answer: Promise<{ status: number; text: string }>, what: string) => {
    const { status, text } = await answer;
    expect(status, `${what}: ${text}`).toBeLessThan(300);
  };
  const act = (path: string, body: object) =>
    server.call('POST', `/admin/api/accounts/${person.id}/${path}`, { admin: true, body });
  await person.subscribe(STARTER);
  await person.useCard('pm_card_visa');
  await done(person.post('portal'), 'portal');
  await done(
    person.changeTo(PRO).then(({ answer }) => answer),
    'upgrade',
  );
  await done(
    person.changeTo(STARTER).then(({ answer }) => answer),
    'downgrade',
  );
  await done(person.command('resume'), 'undo');
  await done(person.command('pause'), 'pause');
  await done(person.command('resume'), 'resume');
  await done(
    server.call('POST', '/api/billing/promotion-codes', {
      admin: true,
      body: { code: 'MARKED', percentOff: 10, duration: 'once' },
    }),
    'code',
  );
  await done(person.command('discount', { promotionCode: 'MARKED' }), 'discount');
  await done(act('credit', { amount: 100, currency: 'usd', description: 'Sorry' }), 'credit');
  const item = { description: 'Setup', amount: 900, currency: 'usd' };
  const bill = { userId: person.id, items: [item], collection: 'charge' };
  await done(person.asAdmin('invoices', bill), 'invoice');
  const charges = await server.stripe.charges.list({ customer: await person.customerId() });
  await done(act('refunds', { payment: charges.data[0]!.id, amount: 1 }), 'refund');
  await done(person.command('cancel', { when: 'now' }), 'cancel');
  await done(person.command('reactivate', PRO), 'reactivate');
  const paid = await person.post('payments', { product: 'credits' });
  await done(Promise.resolve(paid), 'payment');
  await payCheckout(String(paid.json['url']));
}
