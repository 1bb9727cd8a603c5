import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subscriptionView } from '../../../server/admin/pages/queries/subscription.ts';
import { checkAccess } from '../../../server/access/check-access.ts';
import { moveToLatest, olderTerms } from '../../../server/operations/migrate-plan/latest-terms.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { SAMPLED } from '../../support/sizes.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson } from '../billing/person.ts';

const dir = mkdtempSync(join(tmpdir(), 'tenure-terms-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const TEAM = { plan: 'team', interval: 'monthly' };
const team = (price: string, features: string[], limits: Record<string, number | null>) => ({
  plans: [{ id: 'team', name: 'Team', rank: 1, features, limits, prices: { monthly: price } }],
});
const other = (price: string) => ({
  plans: [{ id: 'other', name: 'Other', rank: 1, prices: { monthly: price } }],
});

describe.each(ROUTE_DIALECTS)('A plans file that is edited, on %s', (database) => {
  let server: TestServer;
  let price: string;
  let file: string;
  const edit = (content: object) => writeFileSync(file, JSON.stringify(content));

  beforeAll(async () => {
    server = await startTestServer({
      database,
      env: { TRIAL_DAYS: '0' },
      prepare: async (stripe) => {
        price = await priceOf(stripe, 2000, { name: 'Team' });
        file = join(dir, `${price}.json`);
        edit(team(price, ['exports', 'sso'], { projects: null }));
        return { PLANS_FILE: file };
      },
    });
  });
  afterAll(() => server.close());

  const priceOf = async (
    stripe: TestServer['stripe'],
    amount: number,
    product: { id: string } | { name: string },
  ) =>
    (
      await stripe.prices.create({
        currency: 'usd',
        unit_amount: amount,
        recurring: { interval: 'month' },
        ...('id' in product ? { product: product.id } : { product_data: product }),
      })
    ).id;

  it('C-1, C-2: takes nothing from who paid: features, limits, the plan itself', async () => {
    const person = newPerson(server);
    await person.subscribe(TEAM);
    const has = async (who = person) =>
      Promise.all(
        ['exports', 'sso', 'projects'].map((feature) =>
          checkAccess(server.services, who.id, { feature, used: 9 }),
        ),
      ).then((answers) => answers.map(({ allowed }) => allowed));
    expect(await has()).toEqual([true, true, true]);

    edit(team(price, ['sso'], { projects: 5 }));
    await server.restart();
    expect(await has()).toEqual([true, true, true]);
    const later = newPerson(server);
    await later.subscribe(TEAM);
    expect(await has(later)).toEqual([false, true, false]);

    const lose = ['exports', 'projects: unlimited (now 5)'];
    const group = { plan: 'team', version: 1, latest: 2, payers: 1, lose };
    expect(await olderTerms(server.services)).toEqual([group]);
    const { id } = (await person.subscription()) as { id: string };
    const page = await subscriptionView(server.services, id, {
      check: false,
      invoices: false,
      at: null,
    });
    expect(page?.kept).toEqual(lose);

    // The price rises, and nothing says which the former one was.
    const { product } = await server.stripe.prices.retrieve(price, { expand: ['product'] });
    if (typeof product === 'string') throw new Error('The product was not expanded');
    const dearer = await priceOf(server.stripe, 3000, { id: product.id });
    edit(team(dearer, ['sso'], { projects: 5 }));
    await server.restart();
    await server.advance(31);
    expect(await has()).toEqual([true, true, true]);

    // The plan is not sold any more.
    const elsewhere = await priceOf(server.stripe, 900, { name: 'Other' });
    edit(other(elsewhere));
    await server.restart();
    await server.advance(31);
    expect(await has()).toEqual([true, true, true]);
    expect(await person.subscription()).toMatchObject({ plan: 'team', interval: 'monthly' });
    expect((await newPerson(server).post('checkout', TEAM)).status).toBe(400);
    const { json } = await server.call('GET', '/api/billing/plans');
    expect((json['plans'] as { id: string }[]).map(({ id }) => id)).toEqual(['other']);

    // C-8: a price that is archived in Stripe is not offered.
    await server.stripe.prices.update(elsewhere, { active: false });
    await server.restart();
    const { plans } = (await server.call('GET', '/api/billing/plans')).json;
    expect(plans).toMatchObject([{ id: 'other', prices: { monthly: null } }]);

    // Asked to, they get what was sold last.
    expect(await moveToLatest(server.services, [group])).toBe(1);
    server.services.access.invalidateAll();
    expect(await has()).toEqual([false, true, false]);
  }, 60_000);
});

if (SAMPLED) process.stdout.write('skipped: a start with a locked file waits for 30 s (FULL=1)\n');
// It waits for the lock for 30 s: at full size only, and the run says so.
describe.skipIf(SAMPLED)('A server whose SQLite file is locked by another program', () => {
  it('starts all the same, and goes on once the file is free', async () => {
    const server = await startTestServer({ database: 'sqlite', env: { TRIAL_DAYS: '0' } });
    const person = newPerson(server);
    await person.subscribe();
    const other = server.database.again();
    await other.knex.raw('BEGIN IMMEDIATE');
    await server.restart();
    await other.knex.raw('ROLLBACK');
    const canceled = await person.command('cancel');
    expect([canceled.status, canceled.text.slice(0, 200)]).toEqual([200, expect.any(String)]);
    await server.close();
  }, 120_000);
});
