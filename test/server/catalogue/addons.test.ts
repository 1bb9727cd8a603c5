import { writeFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setUpAccount } from '../../../server/operations/setup/setup-account.ts';
import { setupOptions } from '../../../server/operations/setup/setup-options.ts';
import { DIALECTS } from '../../support/databases.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, refusal, type Person } from '../billing/person.ts';

const price = (name: string, amount: number, eur?: number) => ({
  price: `$${name}`,
  currency: 'usd',
  amount,
  ...(eur === undefined ? {} : { currencies: { eur: { amount: eur } } }),
});
const FILE = {
  plans: [
    {
      id: 'team',
      name: 'Team',
      rank: 1,
      features: ['boards'],
      limits: { projects: 10 },
      prices: {
        monthly: price('TEAM_MONTHLY', 1000, 900),
        quarterly: price('TEAM_QUARTERLY', 2700),
      },
    },
    {
      id: 'pro',
      name: 'Pro',
      rank: 2,
      features: ['boards', 'exports'],
      limits: { projects: 50 },
      prices: {
        monthly: [price('PRO_MONTHLY', 3000), { price: '$PRO_EUR', currency: 'eur', amount: 2800 }],
        '6_months': price('PRO_HALF_YEAR', 16_000, 15_000),
      },
    },
  ],
  addons: [
    {
      id: 'projects',
      name: '5 more projects',
      limits: { projects: 5 },
      max: 10,
      prices: { monthly: price('PROJECTS_MONTHLY', 200, 180), quarterly: price('PROJECTS_Q', 500) },
    },
    {
      id: 'sso',
      name: 'Single sign-on',
      features: ['sso'],
      plans: ['pro'],
      prices: { monthly: price('SSO_MONTHLY', 1500, 1400) },
    },
  ],
};
const productOf = ({ product }: Stripe.Price) =>
  typeof product === 'string' ? product : product.id;
const TEAM = { plan: 'team', interval: 'monthly' };
const PRO = { plan: 'pro', interval: 'monthly' };

describe.each(DIALECTS)('Add-ons, intervals and currencies on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tenure-addons-')), 'plans.json');
    writeFileSync(file, JSON.stringify(FILE));
    server = await startTestServer({
      database: dialect,
      prepare: async (_, { STRIPE_SECRET_KEY, STRIPE_API_BASE }) => {
        const account = { STRIPE_SECRET_KEY, STRIPE_API_BASE, PLANS_FILE: file };
        const options = setupOptions(account, { portalName: 'test' });
        const { env } = await setUpAccount(options, { dryRun: false });
        return { ...env, PLANS_FILE: file, TRIAL_DAYS: '0' };
      },
    });
  });
  afterAll(() => server.close());

  const limitOf = async (person: Person) => (await person.get('access?feature=projects')).json;

  it('C-7, C-9: are told to pricing pages with every interval and currency', async () => {
    const { json } = await server.call('GET', '/api/billing/plans');
    const plans = json['plans'] as { id: string; offers: Record<string, unknown>[] }[];
    const offers = plans.find(({ id }) => id === 'pro')?.offers;
    expect(offers?.map(({ interval, amounts }) => [interval, amounts])).toEqual([
      ['monthly', { usd: 3000 }],
      ['monthly', { eur: 2800 }],
      ['6_months', { usd: 16_000, eur: 15_000 }],
    ]);
    expect(json['addons']).toMatchObject([
      { id: 'projects', max: 10, plans: null, limits: { projects: 5 } },
      { id: 'sso', max: 1, plans: ['pro'] },
    ]);
    expect(json['currencies']).toEqual(['eur', 'usd']);
  });

  it('are bought with the plan, and then more at once and fewer with the next period, each as quoted', async () => {
    const person = newPerson(server);
    const view = await person.subscribe({ ...TEAM, currency: 'eur', addons: { projects: 2 } });
    expect(view).toMatchObject({ currency: 'eur', addons: [{ id: 'projects', quantity: 2 }] });
    expect((await person.invoices())[0]?.amount_paid).toBe(900 + 2 * 180);
    expect(await limitOf(person)).toMatchObject({ allowed: true, limit: 20 });

    const more = await person.changeTo({ addons: { projects: 4 } });
    expect(more.quote).toMatchObject({ kind: 'upgrade', effective: 'now', amountDue: 2 * 180 });
    expect(more.answer.status).toBe(202);
    expect((await person.invoices())[0]?.amount_paid).toBe(2 * 180);
    expect(await limitOf(person)).toMatchObject({ limit: 30 });

    const fewer = await person.changeTo({ addons: { projects: 0 } });
    expect(fewer.quote).toMatchObject({
      kind: 'downgrade',
      effective: 'period_end',
      amountDue: 0,
      nextAmount: 900,
    });
    await server.settled();
    const waiting = await person.subscription();
    expect(waiting).toMatchObject({
      state: 'downgrading',
      plan: 'team',
      addons: [{ id: 'projects', quantity: 4 }],
      pendingChange: { kind: 'scheduled', plan: 'team', addons: [] },
    });
    // The same again is the same click, and it can be taken back.
    expect((await person.command('change', { addons: { projects: 0 } })).status).toBe(202);
    expect((await person.command('resume')).status).toBe(200);
    await server.settled();
    expect(await person.subscription()).toMatchObject({ state: 'active', pendingChange: null });
    await person.changeTo({ addons: { projects: 1 } });
    await server.advance(31);
    expect(await person.subscription()).toMatchObject({
      state: 'active',
      addons: [{ id: 'projects', quantity: 1 }],
    });
    expect((await person.invoices())[0]?.amount_paid).toBe(900 + 180);
    expect(await limitOf(person)).toMatchObject({ limit: 15 });
  });

  it('go along with the plan to another interval, and are refused in words where they are not sold', async () => {
    const person = newPerson(server);
    await person.subscribe({ ...TEAM, addons: { projects: 2 } });
    const quarter = await person.changeTo({
      plan: 'team',
      interval: { interval: 'month', count: 3 },
    });
    expect(quarter.quote).toMatchObject({
      kind: 'upgrade',
      credit: 1000 + 2 * 200,
      debit: 2700 + 2 * 500,
      nextAmount: 2700 + 2 * 500,
    });
    expect(await person.subscription()).toMatchObject({ interval: 'quarterly' });
    const halfYear = { plan: 'pro', interval: '6_months' };
    const refused = await person.command('preview', halfYear);
    expect(refusal(refused)).toEqual([400, 'invalid_request']);
    expect(refused.text).toContain('Add-on \\"projects\\" is not sold 6_months; take it off');
    const without = await person.changeTo({ ...halfYear, addons: { projects: 0 } });
    expect(without.quote).toMatchObject({ debit: 16_000, nextAmount: 16_000 });
    expect(await person.subscription()).toMatchObject({
      plan: 'pro',
      interval: '6_months',
      addons: [],
    });
  });

  it('go with their plans only, as often as they are sold', async () => {
    const person = newPerson(server);
    const of = async (choice: object) => refusal(await person.post('checkout', choice));
    expect(await of({ ...TEAM, addons: { sso: 1 } })).toEqual([400, 'invalid_request']);
    expect(await of({ ...PRO, addons: { sso: 2 } })).toEqual([400, 'invalid_request']);
    expect(await of({ ...PRO, addons: { nothing: 1 } })).toEqual([400, 'unknown_addon']);
    await person.subscribe({ ...PRO, addons: { sso: 1 } });
    expect((await person.get('access?feature=sso')).json).toMatchObject({ allowed: true });
  });

  it('C-7: a subscription keeps its currency, and another one is refused in words', async () => {
    const person = newPerson(server);
    const unknown = await person.post('checkout', { ...PRO, currency: 'gbp' });
    expect(refusal(unknown)).toEqual([400, 'unknown_price']);
    expect(unknown.text).toContain('is not sold in GBP; it is in USD, EUR');
    const view = await person.subscribe({ ...PRO, currency: 'eur' });
    expect(view).toMatchObject({ currency: 'eur', plan: 'pro' });
    const other = await person.command('preview', { ...TEAM, currency: 'usd' });
    expect(refusal(other)).toEqual([400, 'invalid_request']);
    expect(other.text).toContain('is billed in EUR and keeps its currency');
    const missing = await person.command('preview', { plan: 'team', interval: 'quarterly' });
    expect(missing.status).toBe(400);
    expect(missing.text).toContain('EUR');
    const { quote } = await person.changeTo(TEAM);
    expect(quote).toMatchObject({ currency: 'eur', nextAmount: 900, effective: 'period_end' });
    await person.command('cancel', { when: 'now' });
    await server.settled();
    // A comeback is in the same currency, unless another one is asked for.
    const back = await person.command('preview', { command: 'reactivate', ...TEAM });
    expect(back.json).toMatchObject({ currency: 'eur', amountDue: 900 });
  });

  it('C-3: a price that was agreed with one customer is kept with seats and plan, and left for a listed one', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO);
    const { items, id } = await person.atStripe();
    const own = await server.stripe.prices.create({
      product: productOf(items.data[0]!.price),
      currency: 'usd',
      unit_amount: 2500,
      recurring: { interval: 'month' },
    });
    const item = { id: items.data[0]!.id, price: own.id };
    await server.stripe.subscriptions.update(id, { items: [item], proration_behavior: 'none' });
    await server.settled();
    expect(await person.subscription()).toMatchObject({ plan: 'pro', interval: 'monthly' });
    const stored = await server.database.knex('subscriptions').where({ id }).first('mrr');
    expect(Number(stored?.mrr)).toBe(2500);
    const same = await person.changeTo({ ...PRO, addons: { sso: 1 } });
    expect(same.quote).toMatchObject({ kind: 'upgrade', amountDue: 1500, nextAmount: 4000 });
    const away = await person.changeTo({ ...TEAM, addons: { sso: 0 } });
    expect(away.quote).toMatchObject({ effective: 'period_end', nextAmount: 1000 });
    // Back before it takes effect: the price is still theirs.
    await person.command('change', { ...PRO, addons: { sso: 1 } });
    await server.settled();
    expect(await person.subscription()).toMatchObject({ priceId: own.id, pendingChange: null });
  });
});
