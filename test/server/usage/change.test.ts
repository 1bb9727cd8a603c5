import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, viewOf, type Person } from '../billing/person.ts';
import { METER, meteredPlans } from './metered-plans.ts';

const VOLUME = { plan: 'volume', interval: 'monthly' };
const TEAM = { plan: 'team', interval: 'monthly', quantity: 2 };

describe('A change of plan with metered prices', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      prepare: meteredPlans,
      startAt: Date.UTC(2026, 10, 3, 12) / 1000,
      env: { TRIAL_DAYS: '0' },
    });
  });
  afterAll(() => server.close());

  const metersOf = async (person: Person) =>
    (await person.atStripe()).items.data
      .filter(({ price }) => price.recurring?.usage_type === 'metered')
      .map(({ price }) => price.billing_scheme + (price.tiers_mode ?? ''));

  it('takes the metered price of the new plan along, and charges what was quoted', async () => {
    const person = newPerson(server);
    await person.subscribe(VOLUME);
    expect(await metersOf(person)).toEqual(['tieredvolume']);
    await server.services.usage.record([{ userId: person.id, meter: METER, quantity: 5_000 }]);
    await server.advance(10);
    const { quote, answer } = await person.changeTo(TEAM);
    expect(answer.status).toBe(202);
    expect(quote.kind).toBe('upgrade');
    const [charged] = await person.invoices();
    expect(charged).toMatchObject({ amount_due: quote.amountDue, status: 'paid' });
    expect(await metersOf(person)).toEqual(['tieredgraduated']);
    expect(await person.subscription()).toMatchObject({ plan: 'team', quantity: 2 });
    await server.advance(21);
    // What was used under the former plan is billed under that, and not again: 1,000 more are free.
    await server.services.usage.record([{ userId: person.id, meter: METER, quantity: 1_000 }]);
    await server.services.usage.flush();
    await server.advance(1);
    expect((await person.invoices())[0]).toMatchObject({ total: 4_000 });
  });

  it('charges the quote, and counts what was used since under the new plan', async () => {
    const person = newPerson(server);
    await person.subscribe(VOLUME);
    const use = (quantity: number) =>
      server.services.usage.record([{ userId: person.id, meter: METER, quantity }]);
    await use(40);
    await server.advance(1);
    const { prorationDate, amountDue, lines } = (await person.command('preview', TEAM)).json;
    expect(lines).toContainEqual(expect.objectContaining({ quantity: 40, amount: 400 }));
    // In the quote's own second, Stripe would count it before the quote.
    await server.advance(1 / 1440);
    await use(60);
    await server.advance(1 / 48);
    const answer = await person.command('change', { ...TEAM, prorationDate });
    expect(answer).toMatchObject({ status: 202 });
    expect((await person.invoices())[0]).toMatchObject({ amount_due: amountDue, status: 'paid' });
    await server.services.usage.flush();
    await server.advance(31);
    expect((await person.invoices())[0]).toMatchObject({ total: 4_000 });
  });

  it('goes down with the period, and bills the usage of both periods at their own price', async () => {
    const person = newPerson(server);
    await person.subscribe(TEAM);
    const use = (quantity: number) =>
      server.services.usage.record([{ userId: person.id, meter: METER, quantity }]);
    await server.advance(1);
    await use(3_000);
    const { quote, answer } = await person.changeTo(VOLUME);
    expect([answer.status, quote.effective]).toEqual([202, 'period_end']);
    expect(viewOf(answer)).toMatchObject({ state: 'downgrading', plan: 'team' });
    await server.services.usage.flush();
    await server.advance(31);
    expect(await person.subscription()).toMatchObject({ state: 'active', plan: 'volume' });
    expect(await metersOf(person)).toEqual(['tieredvolume']);
    // 2,000 above the free ones at 0.25, and the new plan's base fee; nothing of it at the new plan's price.
    const [first, ...others] = await person.invoices();
    const billed = [first!, ...others].slice(0, -1).reduce((sum, { total }) => sum + total, 0);
    expect(billed).toBe(500 + 1_000);
    await use(10);
    await server.services.usage.flush();
    await server.advance(32);
    expect((await person.invoices())[0]).toMatchObject({ total: 100 + 1_000, status: 'paid' });
  });

  it('adds and takes seats away without touching the usage', async () => {
    const person = newPerson(server);
    await person.subscribe(TEAM);
    await server.advance(5);
    const { quote, answer } = await person.changeTo({ quantity: 5 }, 'quantity');
    expect(answer.status).toBe(202);
    expect(quote.amountDue).toBeGreaterThan(0);
    expect(await metersOf(person)).toEqual(['tieredgraduated']);
    expect(await person.subscription()).toMatchObject({ quantity: 5 });
  });

  it('comes back on the saved card with the metered price', async () => {
    const person = newPerson(server);
    await person.subscribe(TEAM);
    await person.command('cancel', { when: 'now' });
    const back = await person.command('reactivate', VOLUME);
    expect(back.status).toBe(200);
    await server.settled();
    expect(await person.subscription()).toMatchObject({ state: 'active', plan: 'volume' });
    expect(await metersOf(person)).toEqual(['tieredvolume']);
  });
});
