import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readCursor, saveCursor } from '../../../db/cursors.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { findEvent, type NewEvent } from '../../../db/webhook-events.ts';
import { catchUp } from '../../../server/webhooks/catch-up.ts';
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
    lab = await createEngineLab();
    database = await createTestDatabase(dialect);
  });
  afterAll(async () => {
    await stop();
    await lab.emulator.close();
    await database.drop();
  });
  beforeEach(async () => {
    await stop();
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
});
