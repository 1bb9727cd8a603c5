import type Stripe from 'stripe';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../db/database.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { timelineOf } from '../../../db/transitions.ts';
import { compareFacts } from '../../../server/operations/compare-facts.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab } from '../../support/engine-lab.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/server.ts';
import { beginStory, type Story } from '../../support/subscription-story.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000_000);
const ROUNDS = 25;

let lab: EngineLab;
let database: TestDatabase;
let proxy: TcpProxy;
let behindProxy: Database;
beforeAll(async () => {
  lab = await createEngineLab();
  database = await createTestDatabase('postgres');
  const url = new URL(database.url);
  proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  url.port = String(proxy.port);
  behindProxy = openDatabase(url.href, { acquireTimeout: 2_000 });
});
afterAll(async () => {
  await behindProxy.close();
  await proxy.close();
  await lab.emulator.close();
  await database.drop();
});

it(
  `A connection that breaks anywhere, even between a commit and its answer, loses nothing and doubles nothing (seed ${SEED})`,
  { timeout: 60_000 },
  async () => {
    const random = randomFrom(SEED);
    const engine = lab.engine(behindProxy, {
      engine: { lease: 300, effectLease: 300, poll: 50, retryBase: 10, retryMax: 100 },
    });
    await engine.services.engine.start();
    const stories: Story[] = [];
    let refused = 0;
    async function send(event: Stripe.Event): Promise<void> {
      while ((await engine.deliver(event)).status !== 200) {
        refused += 1;
        await pause(20);
      }
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      const story = await beginStory(lab);
      stories.push(story);
      await lab.stripe.subscriptions.update(story.subscriptionId, { cancel_at_period_end: true });
      const sending = Promise.all((await story.news()).map(send));
      await pause(random.next() * 40);
      proxy.cut();
      await pause(random.below(30));
      proxy.restore();
      await sending;
    }
    await until(async () => {
      const event = await database.knex('webhook_events').where({ status: 'waiting' }).first('id');
      const effect = await database.knex('outbox').where({ status: 'waiting' }).first('id');
      return event === undefined && effect === undefined;
    });
    await engine.services.engine.stop();
    expect(refused).toBeGreaterThan(0);
    expect(await database.knex('webhook_events').whereNot({ status: 'done' })).toEqual([]);
    for (const story of stories) {
      const { subscriptionId: id } = story;
      const row = await findSubscription(database.knex, id);
      expect(compareFacts(row!.facts, readSubscription(await story.now()))).toEqual([]);
      const lines = await timelineOf(database.knex, id);
      expect(lines.map((line) => line.to).toSorted()).toEqual(['active', 'cancel_pending']);
    }
    // Of each end the team is told, and the customer.
    expect(await database.knex('outbox')).toHaveLength(2 * stories.length);
    const counted = await database
      .knex('subscription_counts')
      .where({ state: 'cancel_pending' })
      .sum({ count: 'count' })
      .first();
    expect(Number(counted?.['count'])).toBe(stories.length);
  },
);

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
