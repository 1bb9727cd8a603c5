import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readCursor, saveCursor } from '../../../db/cursors.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { findEvent, type NewEvent } from '../../../db/webhook-events.ts';
import { catchUp } from '../../../server/webhooks/catch-up.ts';
import { GatewayError } from '../../../adapters/stripe-gateway.ts';
import { verifyDatabase } from '../../../server/operations/verify.ts';
import { replayEvents } from '../../../server/webhooks/replay.ts';
import { compareFacts } from '../../../server/operations/compare-facts.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../../support/engine-lab.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/server.ts';
import { beginStory } from '../../support/subscription-story.ts';
import { ownerMetadata } from '../../support/owner-metadata.ts';

const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000_000);

describe.each(DIALECTS)('Events that never arrived, on %s,', (dialect) => {
  let lab: EngineLab;
  let database: TestDatabase;
  const engines: LabEngine[] = [];
  const stop = () => Promise.all(engines.splice(0).map(({ services }) => services.engine.stop()));
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
  });
  afterAll(async () => {
    await database.drop();
  });
  beforeEach(async () => {
    lab = await createEngineLab();
  });
  afterEach(async () => {
    await stop();
    await lab.emulator.close();
    await database.clear();
  });

  function start(options: Parameters<EngineLab['engine']>[1] = {}): LabEngine {
    const engine = lab.engine(database, options);
    engines.push(engine);
    return engine;
  }
  const run = ({ services }: LabEngine, range: { since?: number; onItsWay?: number } = {}) =>
    catchUp(
      { core: services, reader: services.engine.reader },
      (events: NewEvent[]) => services.engine.store(events),
      range,
    );
  const unfinished = () => database.knex('webhook_events').where({ status: 'waiting' });

  it(`lesson 18: are found although 5 % of them are lost (seed ${SEED})`, async () => {
    const random = randomFrom(SEED);
    const engine = start();
    await engine.services.engine.start();
    const stories = [];
    let lost = 0;
    for (let i = 0; i < 12; i += 1) {
      const story = await beginStory(lab);
      stories.push(story);
      await lab.stripe.subscriptions.update(story.subscriptionId, { cancel_at_period_end: true });
      for (const event of await story.news()) {
        // At least the last one, which nothing later makes up for.
        const isLost = random.chance(0.05) || (i === 11 && event.type.endsWith('.updated'));
        if (isLost) lost += 1;
        else expect(await engine.deliver(event)).toMatchObject({ status: 200 });
      }
    }
    expect(lost).toBeGreaterThan(0);
    expect(await run(engine, { since: 0 })).toBe(lost);
    await until(async () => (await unfinished()).length === 0);
    for (const story of stories) {
      const row = await findSubscription(database.knex, story.subscriptionId);
      expect(compareFacts(row!.facts, readSubscription(await story.now()))).toEqual([]);
      expect(row?.state).toBe('cancel_pending');
    }
    expect(await run(engine, { since: 0 })).toBe(0);
  });

  it('are left alone while they may still be on their way', async () => {
    const engine = start();
    const story = await beginStory(lab);
    const news = await story.news();
    expect(await run(engine, { since: news[0]!.created, onItsWay: 60 })).toBe(0);
    expect(await run(engine, { since: news[0]!.created, onItsWay: 0 })).toBeGreaterThan(0);
  });

  it.each([
    ['ahead of time', 90],
    ['behind it', -90],
  ])('are found on a test clock that is %s, and hide none that come later', async (_, days) => {
    const engine = start();
    const { stripe } = lab;
    const now = Math.floor(Date.now() / 1000);
    await saveCursor(database.knex, 'catch-up', String(now));
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: now + days * 86_400 });
    const customer = await stripe.customers.create({
      test_clock: clock.id,
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const { id } = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: lab.prices.starterMonthly }],
      metadata: ownerMetadata(customer.id),
    });
    expect(await run(engine, days < 0 ? { since: 0 } : {})).toBeGreaterThan(0);
    await engine.services.engine.start();
    await until(async () => (await findSubscription(database.knex, id)) !== null);
    // The position stays where real time is: what is sent now is looked at in the next round.
    expect(Number(await readCursor(database.knex, 'catch-up'))).toBeLessThanOrEqual(now + 30);
    const story = await beginStory(lab);
    await run(engine);
    const [created] = await story.news();
    expect(await findEvent(database.knex, created!.id)).toMatchObject({ source: 'catch_up' });
  });

  it('are looked for by one process at a time, page after page', async () => {
    const lists: { engine: number; after: string | null }[] = [];
    const two = [0, 1].map((number) => {
      const engine = start({ engine: { catchUpEvery: 60 } });
      const { stripe } = engine.services;
      const list = stripe.listEvents;
      stripe.listEvents = (page) => {
        lists.push({ engine: number, after: page.startingAfter });
        return list(page);
      };
      return engine;
    });
    // Far enough back for more than one page of the account's events.
    await saveCursor(database.knex, 'catch-up', '1000000000');
    // More than a page of them.
    for (let i = 0; i < 15; i += 1) await beginStory(lab);
    await Promise.all(two.map(({ services }) => services.engine.start()));
    await until(() => Promise.resolve(lists.some(({ after }) => after !== null)));
    await Promise.all(two.map(({ services }) => services.engine.stop()));
    expect(new Set(lists.map(({ engine }) => engine)).size).toBe(1);
  });

  const refusing = (engine: LabEngine, refuse: () => boolean) => {
    const { stripe } = engine.services;
    const list = stripe.listEvents;
    const tried: { from: number; after: string | null }[] = [];
    stripe.listEvents = (page) => {
      tried.push({ from: page.createdFrom, after: page.startingAfter });
      return refuse() ? Promise.reject(rateLimited()) : list(page);
    };
    return tried;
  };

  it('S-6: are found to the last one although pages of the list are refused', async () => {
    const story = await beginStory(lab);
    // Three pages of them.
    for (let i = 0; i < 220; i += 1) {
      await lab.stripe.subscriptions.update(story.subscriptionId, {
        cancel_at_period_end: i % 2 === 0,
      });
    }
    let calls = 0;
    const engine = start();
    const tried = refusing(engine, () => ++calls % 3 === 2);
    const lost = (await story.news()).length;
    expect(await run(engine)).toBeGreaterThanOrEqual(lost);
    expect(tried.length).toBeGreaterThan(3);
    // No page that was read is asked for again.
    expect(new Set(tried.map(({ after }) => after)).size).toBeGreaterThan(2);
    expect(await run(engine)).toBe(0);
  });

  it('S-6: a scan that is cut short goes on where it was, also in another process', async () => {
    const story = await beginStory(lab);
    for (let i = 0; i < 120; i += 1) {
      await lab.stripe.subscriptions.update(story.subscriptionId, {
        cancel_at_period_end: i % 2 === 0,
      });
    }
    const first = start();
    let pages = 0;
    const cut = refusing(first, () => ++pages > 1);
    const parts = { core: first.services, reader: first.services.engine.reader };
    const store = (events: NewEvent[]) => first.services.engine.store(events);
    await expect(catchUp(parts, store, { timeoutMs: 50 })).rejects.toThrow();
    const stored = Number((await database.knex('webhook_events').count({ n: '*' }))[0]!['n']);
    expect(stored).toBeGreaterThan(0);
    const second = start();
    const tried = refusing(second, () => false);
    await run(second);
    expect(tried[0]!.after).toBe(cut.at(-1)!.after);
    expect(await run(second)).toBe(0);
  });

  it('S-6: of a list that was refused from the start on, nothing is lost', async () => {
    const engine = start({ engine: { catchUpEvery: 60_000 } });
    const tried = refusing(engine, () => true);
    await engine.services.engine.start();
    const first = Number(await readCursor(database.knex, 'catch-up'));
    expect(first).toBeGreaterThan(0);
    expect(tried).toEqual([]);
    const parts = { core: engine.services, reader: engine.services.engine.reader };
    const store = (events: NewEvent[]) => engine.services.engine.store(events);
    await expect(catchUp(parts, store, { timeoutMs: 20 })).rejects.toThrow();
    expect(Number(await readCursor(database.knex, 'catch-up'))).toBe(first);
    expect(await engine.services.engine.isCatchUpLate()).toBe(false);
    const longAgo = Date.now() - 11 * 60_000;
    await database.knex('cursors').where({ name: 'catch-up' }).update({ updated_at: longAgo });
    expect(await engine.services.engine.isCatchUpLate()).toBe(true);
    const ready = await engine.handler(new Request('http://localhost/readyz'));
    expect(await ready.json()).toMatchObject({ status: 'ready', checks: { catchUp: 'late' } });
  });

  it('S-5: a position that a wrong clock has put ahead of Stripe’s time hides nothing', async () => {
    const engine = start();
    await saveCursor(database.knex, 'catch-up', String(Math.floor(Date.now() / 1000) + 3_600));
    const story = await beginStory(lab);
    await run(engine);
    const [created] = await story.news();
    expect(await findEvent(database.knex, created!.id)).toMatchObject({ source: 'catch_up' });
    const now = Date.now() / 1000;
    expect(Number(await readCursor(database.knex, 'catch-up'))).toBeLessThanOrEqual(now + 1);
  });

  it('S-7: are found on a test clock that is an hour behind, also by replay and verify', async () => {
    const { stripe } = lab;
    const now = Math.floor(Date.now() / 1000);
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: now - 3_600 });
    const customer = await stripe.customers.create({
      test_clock: clock.id,
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const { id } = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: lab.prices.starterMonthly }],
    });
    const engine = start();
    const missing: string[] = [];
    await verifyDatabase(engine.services, {
      onDifference: ({ subscriptionId }) => missing.push(subscriptionId),
    });
    expect(missing).toContain(id);
    await engine.services.engine.start();
    await run(engine);
    await until(async () => (await findSubscription(database.knex, id)) !== null);
    await stop();
    await database.clear();
    const another = start();
    await another.services.engine.start();
    await replayEvents(another.services, { since: Date.now() - 600_000 });
    await until(async () => (await findSubscription(database.knex, id)) !== null);
    await stripe.testHelpers.testClocks.del(clock.id);
  });
});

function rateLimited(): GatewayError {
  return new GatewayError('rate_limited', 'on purpose', {
    code: null,
    declineCode: null,
    retryAfter: null,
    param: null,
    status: 429,
    cause: undefined,
  });
}
