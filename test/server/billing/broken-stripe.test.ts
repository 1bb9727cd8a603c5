import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { DIALECTS } from '../../support/databases.ts';
import { randomFrom } from '../../support/random.ts';
import { startTestServer, type Answer, type TestServer } from '../../support/server.ts';
import { RUNS, SAMPLED } from '../../support/sizes.ts';
import { newPerson, PRO, PRO_YEARLY, STARTER, type Person } from './person.ts';
import { stripeSwitches, troublesOf } from './stripe-calls.ts';

/** A command in a state. `prepare` leads there and may answer what the command is sent with. */
interface Scenario {
  plan?: object | null;
  prepare?: (person: Person) => Promise<object | undefined | void>;
  act: (person: Person, body: object) => Promise<Answer>;
  /** Leads from there to what may be left in between, where the command has a step on its way. */
  midway?: (person: Person) => Promise<Answer>;
}

const quoted = (choice: object) => async (person: Person) => {
  const { prorationDate } = (await person.command('preview', choice)).json;
  return { ...choice, prorationDate };
};
const change = (person: Person, body: object) => person.command('change', body);
const command = (name: string, body: object = {}) => ({
  act: (person: Person) => person.command(name, body),
});
const after = (name: string, body: object = {}) => ({
  prepare: async (person: Person) => {
    const { status, text } = await person.command(name, body);
    if (status >= 300) throw new Error(text);
  },
});

const SCENARIOS: Record<string, Scenario> = {
  'a cancel': command('cancel'),
  'a cancel now': command('cancel', { when: 'now' }),
  'a cancel while a downgrade waits': { ...after('change', STARTER), ...command('cancel') },
  'a resume after a cancel': { ...after('cancel'), ...command('resume') },
  'a resume while a downgrade waits': { ...after('change', STARTER), ...command('resume') },
  'a pause': command('pause'),
  'a pause while a bigger plan waits': {
    plan: STARTER,
    ...after('change', { ...PRO, when: 'period_end' }),
    ...command('pause'),
  },
  'a pause with an end': command('pause', { resumesAt: '2099-01-01T00:00:00.000Z' }),
  'a resume after a pause': { ...after('pause'), ...command('resume') },
  'a resume after a pause with an end': {
    ...after('pause', { resumesAt: '2099-01-01T00:00:00.000Z' }),
    ...command('resume'),
  },
  'an upgrade': { plan: STARTER, prepare: quoted(PRO), act: change },
  'an upgrade while a downgrade waits': {
    prepare: async (person) => {
      await person.command('change', STARTER);
      return quoted(PRO_YEARLY)(person);
    },
    act: change,
  },
  'an upgrade in place of an unpaid one': {
    plan: STARTER,
    prepare: async (person) => {
      await person.useCard('pm_card_chargeCustomerFail');
      await person.changeTo(PRO);
      await person.useCard('pm_card_visa');
      return quoted({ ...PRO, quantity: 2 })(person);
    },
    act: change,
    // The unpaid one is given up first: two cannot wait.
    midway: (person) => person.command('change', STARTER),
  },
  'a downgrade': command('change', STARTER),
  'a downgrade in place of another': {
    ...after('change', STARTER),
    ...command('change', { plan: 'starter', interval: 'yearly', when: 'period_end' }),
  },
  'the present plan while another waits': {
    ...after('change', STARTER),
    ...command('change', PRO),
  },
  'more seats': {
    prepare: quoted({ quantity: 3 }),
    act: (person, body) => person.command('quantity', body),
  },
  'a return on the saved card': {
    ...after('cancel', { when: 'now' }),
    ...command('reactivate', PRO),
  },
  'a checkout': { plan: null, act: (person) => person.post('checkout', PRO) },
  'a one-time payment': {
    plan: null,
    act: (person) => person.post('payments', { product: 'book', quantity: 2 }),
  },
  'a payment of an open invoice': {
    plan: STARTER,
    prepare: async (person) => {
      await person.useCard('pm_card_chargeCustomerFail');
      const { answer } = await person.changeTo(PRO);
      const paymentMethod = await person.useCard('pm_card_visa');
      return { ...(answer.json['payment'] as object), paymentMethod };
    },
    act: (person, { invoiceId, paymentMethod }: { invoiceId?: string; paymentMethod?: string }) =>
      person.post(`invoices/${invoiceId}/pay`, { paymentMethod }),
  },
  'a discount': {
    act: (person) => person.command('discount', { promotionCode: 'TENOFF' }),
  },
  'a one-off invoice': {
    act: (person) =>
      person.asAdmin(
        'invoices',
        {
          userId: person.id,
          collection: 'charge',
          items: [
            { description: 'Setup', amount: 4000, currency: 'usd' },
            { description: 'Hours', amount: 500, currency: 'usd', quantity: 3 },
          ],
        },
        { 'idempotency-key': `invoice-${person.id}` },
      ),
  },
  'the portal': { act: (person) => person.post('portal') },
};
const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000_000);
/** On Postgres reads fail only when more runs are asked for. */
const MORE = RUNS > 1;
/** Both databases store the same rows; Postgres gets those that charge. */
const ON_POSTGRES = ['an upgrade', 'a return on the saved card', 'a one-off invoice'];

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

describe.each(DIALECTS)('When Stripe fails in the middle of a command, on %s', (dialect) => {
  let server: TestServer;
  let stripe: ReturnType<typeof stripeSwitches>;
  beforeAll(async () => {
    server = await startTestServer({
      database: dialect,
      emulator,
      env: { TRIAL_DAYS: '0' },
      // Otherwise the SDK would hide most troubles, and take seconds for it.
      services: { stripe: { maxNetworkRetries: 0 } },
    });
    stripe = stripeSwitches(server);
    await stripe.silence();
    const product = await server.stripe.products.create({ name: 'Book' });
    const price = await server.stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 900,
    });
    server.services.catalogue.products.push({
      id: 'book',
      name: 'Book',
      priceId: price.id,
      amount: 900,
      currency: 'usd',
    });
    const code = { code: 'TENOFF', percentOff: 10 };
    await server.call('POST', '/api/billing/promotion-codes', { admin: true, body: code });
  });
  afterAll(() => server.close());

  /** Without webhooks: what is stored is what the server read itself. */
  async function subscribe(person: Person, plan: object): Promise<void> {
    const opened = await person.post('checkout', plan);
    await payCheckout(String(opened.json['url']));
    const customerId = await person.customerId();
    const [made] = (await server.stripe.subscriptions.list({ customer: customerId })).data;
    const cause = { type: 'catch_up', id: person.id, actor: 'stripe', at: Date.now() } as const;
    const subscriptionId = String(made?.id);
    await server.services.engine.syncSubscription({ subscriptionId, customerId, cause });
  }

  async function ready({ plan = PRO, prepare }: Scenario): Promise<[Person, object]> {
    const person = newPerson(server);
    if (plan) await subscribe(person, plan);
    return [person, (await prepare?.(person)) ?? {}];
  }

  /** All that a command may have changed, without the names of things. */
  async function outcome(person: Person): Promise<object> {
    const view = await person.subscription();
    const known = await server.database.knex('customers').where({ user_id: person.id }).first();
    // Stripe refuses to list anything of a customer who does not exist.
    if (!known?.stripe_customer_id)
      return { stored: view, stripe: [], invoices: [], items: 0, open: [] };
    const customer = await person.customerId();
    const [subscriptions, invoices, items, open] = await Promise.all([
      server.stripe.subscriptions.list({ customer, status: 'all' }),
      person.invoices(),
      server.stripe.invoiceItems.list({ customer, pending: true }),
      server.stripe.checkout.sessions.list({ customer, status: 'open' }),
    ]);
    const facts = await Promise.all(
      subscriptions.data.map(({ id }) => server.services.engine.reader.subscription(id)),
    );
    return {
      stored: view && [view.state, view.plan, view.interval, view.quantity],
      waiting: view?.pendingChange && [view.pendingChange.kind, view.pendingChange.plan],
      stripe: facts.map((each) => [
        each?.stripeStatus,
        each?.items.map(({ priceId, quantity }) => [priceId, quantity]),
        each?.cancelAt !== null || each.cancelAtPeriodEnd,
        each?.pauseCollection?.behavior,
        each?.nextPhase && [each.nextPhase.priceId, each.nextPhase.quantity],
        each?.pendingUpdate !== null,
        (subscriptions.data.find(({ id }) => id === each?.id)?.discounts ?? []).length,
      ]),
      invoices: invoices.map((each) => [
        each.status,
        each.billing_reason,
        each.total,
        each.amount_paid,
      ]),
      items: items.data.length,
      open: open.data.map(({ mode, amount_total }) => [mode, amount_total]),
    };
  }

  const names = dialect === 'sqlite' ? Object.keys(SCENARIOS) : ON_POSTGRES;
  const random = randomFrom(SEED);
  const title = `%s ends whole or not at all, and the retry completes it (seed ${SEED})`;
  it.each(names)(title, { timeout: 120_000 }, async (name) => {
    const scenario = SCENARIOS[name]!;
    const [first, sent] = await ready(scenario);
    const calls = await stripe.callsOf(async () => {
      const { status, text } = await scenario.act(first, sent);
      expect(status, text).toBeLessThan(300);
    });
    const wanted = await outcome(first);
    const [second] = scenario.midway ? await ready(scenario) : [];
    const midway = second && (await scenario.midway?.(second)) && (await outcome(second));
    const withReads = MORE || dialect === 'sqlite';
    const all = troublesOf(calls).filter(({ call }) => withReads || call.method !== 'GET');
    const troubles = SAMPLED ? random.shuffled(all).slice(0, Math.ceil(all.length / 6)) : all;
    expect(troubles.length).toBeGreaterThan(0);
    for (const trouble of troubles) {
      const where = `${trouble.when} ${trouble.call.method} ${trouble.call.path} (+${trouble.skip})`;
      const [person, body] = await ready(scenario);
      const before = await outcome(person);
      const answer = await stripe.during(trouble, () => scenario.act(person, body));
      if (answer.status >= 300) {
        expect([answer.status, answer.text], where).toEqual([
          502,
          expect.stringMatching(/"code":"stripe_unavailable"/),
        ]);
        // Nothing half done: as before, or, if only the last look failed, as wanted.
        const left = JSON.stringify(atStripe(await outcome(person)));
        const whole = [before, wanted, midway ?? before].map((each) =>
          JSON.stringify(atStripe(each)),
        );
        expect(whole, where).toContain(left);
        const retried = await scenario.act(person, body);
        expect(retried.status, `${where}: ${retried.text}`).toBeLessThan(300);
      }
      expect(await outcome(person), where).toEqual(wanted);
    }
  });
});

function atStripe(outcome: object): object {
  return { ...outcome, stored: undefined, waiting: undefined };
}
