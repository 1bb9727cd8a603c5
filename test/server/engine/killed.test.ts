import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dialect } from '../../../db/database.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { compareFacts } from '../../../server/operations/compare-facts.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab } from '../../support/engine-lab.ts';
import { randomFrom } from '../../support/random.ts';
import { RUNS, sizeOf } from '../../support/sizes.ts';
import { until } from '../../support/server.ts';
import {
  deliverTo,
  prepareServerProcesses,
  type ServerProcess,
  type ServerProcesses,
} from '../../support/server-processes.ts';
import { beginStory, type Story } from '../../support/subscription-story.ts';

const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000_000);

let lab: EngineLab;
let processes: ServerProcesses;
beforeAll(async () => {
  lab = await createEngineLab();
  processes = await prepareServerProcesses();
});
afterAll(async () => {
  await processes.close();
  await lab.emulator.close();
});

describe.each<[Dialect, { servers: number; runs: number }]>([
  ['postgres', { servers: 4, runs: sizeOf({ sample: 2, full: 15 }) }],
  // S-28: more than one process on a SQLite file is slow, and safe.
  ['sqlite', { servers: 2, runs: sizeOf({ sample: 1, full: 5 }) }],
])('Server processes on %s', (dialect, given) => {
  const random = randomFrom(SEED);
  let database: TestDatabase;
  let servers: ServerProcess[];
  const start = () => processes.start(lab.env(database));
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
    servers = await Promise.all(Array.from({ length: given.servers }, start));
    // Stripe takes its time, so that a kill meets work under way.
    await lab.control('POST', '/_emulator/faults', {
      type: 'latency',
      ms: 40,
      method: 'GET',
      path: '/v1/subscriptions/*',
    });
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await database.drop();
  });

  /** As Stripe does: again and again until somebody acknowledges it. */
  async function deliver(event: Stripe.Event): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const alive = servers.filter((server) => server.isAlive());
      const status = alive.length > 0 ? await deliverTo(random.pick(alive), event) : null;
      if (status === 200) return;
      await pause(50);
    }
    throw new Error(`Nobody took ${event.id}`);
  }

  const leased = async (customers: string[]) =>
    (
      await database
        .knex('subjects')
        .where('lease_until', '>', Date.now())
        .whereIn('key', customers)
    ).length;

  async function someNews(): Promise<{ stories: Story[]; events: Stripe.Event[] }> {
    const stories = await Promise.all([beginStory(lab), beginStory(lab)]);
    for (const { subscriptionId } of stories) {
      await lab.stripe.subscriptions.update(subscriptionId, { cancel_at_period_end: true });
    }
    const events = new Map<string, Stripe.Event>();
    for (const story of stories)
      for (const event of await story.news()) events.set(event.id, event);
    return { stories, events: random.shuffled([...events.values()]) };
  }

  it(
    `that are killed in the middle of their work lose nothing and do nothing twice, in ${given.runs} runs (seed ${SEED})`,
    { timeout: 150_000 * RUNS },
    async () => {
      let midWork = 0;
      for (let run = 0; run < given.runs; run += 1) {
        const { stories, events } = await someNews();
        const deliveries = events.map((event) => deliver(event));
        const customers = stories.map((story) => story.customerId);
        await until(async () => (await leased(customers)) > 0);
        await pause(random.below(40));
        const victim = random.below(servers.length);
        await servers[victim]!.kill();
        if ((await leased(customers)) > 0) midWork += 1;
        servers[victim] = await start();
        await Promise.all(deliveries);
        await until(async () => {
          const waiting = await database
            .knex('webhook_events')
            .where({ status: 'waiting' })
            .first();
          const undelivered = await database.knex('outbox').where({ status: 'waiting' }).first();
          return waiting === undefined && undelivered === undefined;
        });
        for (const story of stories) await expectWhole(story);
      }
      expect(await database.knex('webhook_events').where({ status: 'dead' })).toEqual([]);
      expect(await database.knex('outbox').whereNot({ status: 'delivered' })).toEqual([]);
      expect(midWork).toBeGreaterThan(0);
      process.stdout.write(`${dialect}: ${midWork} of ${given.runs} kills left leases behind\n`);
    },
  );

  it('answer twenty identical deliveries at once with 2xx and have one effect (lesson 7)', async () => {
    const story = await beginStory(lab);
    const paid = (await story.news()).find(({ type }) => type === 'invoice.paid')!;
    const statuses = await Promise.all(
      Array.from({ length: 20 }, (_, i) => deliverTo(servers[i % servers.length]!, paid)),
    );
    expect(statuses).toEqual(Array(20).fill(200));
    const invoice = readSubscription(await story.now()).latestInvoiceId;
    expect(await database.knex('outbox').where({ object_id: invoice })).toHaveLength(1);
    expect(
      await database.knex('transitions').where({ subscription_id: story.subscriptionId }),
    ).toHaveLength(1);
    expect(await database.knex('webhook_events').where({ id: paid.id })).toMatchObject([
      { status: 'done' },
    ]);
  });

  async function expectWhole(story: Story): Promise<void> {
    const { subscriptionId: id } = story;
    const row = await findSubscription(database.knex, id);
    expect(compareFacts(row!.facts, readSubscription(await story.now()))).toEqual([]);
    const lines: { to_state: string }[] = await database
      .knex('transitions')
      .where({ subscription_id: id });
    expect(lines.map((line) => line.to_state).toSorted()).toEqual(['active', 'cancel_pending']);
    const invoice = String(row!.facts.latestInvoiceId);
    expect(await database.knex('outbox').where({ object_id: invoice })).toHaveLength(1);
  }
});

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
