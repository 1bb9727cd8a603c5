import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSubscription } from '../../../db/subscriptions.ts';
import { timelineOf } from '../../../db/transitions.ts';
import { findEvent } from '../../../db/webhook-events.ts';
import { DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../../support/engine-lab.ts';
import { useEngines } from '../../support/engines.ts';
import { until } from '../../support/server.ts';
import { beginStory, type Story } from '../../support/subscription-story.ts';

let lab: EngineLab;
beforeAll(async () => {
  lab = await createEngineLab();
});
afterAll(() => lab.emulator.close());

/** The steps of a delivery, in their order; between any two of them a process may end. */
const STEPS = [
  'before_store',
  'after_store',
  'claimed',
  'loaded',
  'read',
  'before_transaction',
  'before_commit',
  'after_commit',
];

describe.each(DIALECTS)('What was acknowledged, on %s,', (dialect) => {
  let database: TestDatabase;
  const start = useEngines(
    dialect,
    () => lab,
    (made) => (database = made),
  );
  const rows = (table: string) => database.knex(table);
  async function expectOneOfEach(story: Story): Promise<void> {
    expect(await rows('subscriptions')).toHaveLength(1);
    const lines = await timelineOf(database.knex, story.subscriptionId);
    expect(lines.map((line) => line.to)).toEqual(['active']);
    expect(await rows('outbox')).toHaveLength(1);
    expect(await rows('webhook_events').whereNot({ status: 'done' })).toEqual([]);
  }
  const receipt = (events: Stripe.Event[]) => events.find(({ type }) => type === 'invoice.paid')!;

  it('lesson 5: is stored: an event that could not be is answered 5xx, and the retry succeeds', async () => {
    const story = await beginStory(lab);
    const event = receipt(await story.news());
    let broken = true;
    const engine = start({
      probe: (step) => {
        if (broken && step === 'before_store') throw new Error('the database is away');
      },
    });
    expect(await engine.deliver(event)).toMatchObject({ status: 500 });
    expect(await rows('webhook_events')).toEqual([]);
    broken = false;
    expect(await engine.deliver(event)).toMatchObject({ status: 200, body: { received: true } });
    await expectOneOfEach(story);
  });

  it.each(STEPS)('lesson 6: is processed once although the process ended at “%s”', async (at) => {
    const story = await beginStory(lab);
    const event = receipt(await story.news());
    let isDead = false;
    const dying = start({
      engine: { lease: 50, poll: 10_000 },
      probe: (step) => {
        isDead ||= step === at;
        if (isDead) throw new Error(`${step}: the process has ended`);
      },
    });
    const answer = await dying.deliver(event);
    expect(isDead).toBe(true);
    // After the commit nothing is left to fail: the answer may be either.
    if (at !== 'after_commit') expect(answer.status).toBe(500);
    // Stripe sends it again, to a process that lives.
    const heir = start();
    expect(await heir.deliver(event)).toMatchObject({ status: 200 });
    await expectOneOfEach(story);
  });

  it('lesson 6: is taken over from a process that ended, also if Stripe never sends it again', async () => {
    const story = await beginStory(lab);
    const event = receipt(await story.news());
    const dying = start({
      engine: { lease: 50, poll: 10_000 },
      env: { WEBHOOK_ACK: 'stored' },
      probe: (step) => {
        if (step !== 'before_store' && step !== 'after_store') throw new Error('ended');
      },
    });
    expect(await dying.deliver(event)).toMatchObject({ status: 200 });
    const heir = start();
    await heir.services.engine.start();
    await until(async () => (await findEvent(database.knex, event.id))?.status === 'done');
    await expectOneOfEach(story);
  });

  it('lesson 7: has one effect when it comes twenty times at once to four processes', async () => {
    const story = await beginStory(lab);
    const event = receipt(await story.news());
    const handles = [database, database.again(), database.again(), database.again()];
    const four = handles.map((handle) => lab.engine(handle));
    let inTransaction = 0;
    for (const { services } of four) {
      const read = services.stripe.retrieveSubscription;
      services.stripe.retrieveSubscription = async (id) => {
        inTransaction += await openTransactions(database);
        return read(id);
      };
    }
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => four[i % 4]!.deliver(event)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(answers.filter(({ body }) => body['skipped'] === undefined)).toHaveLength(1);
    // No call to Stripe while a transaction is open.
    expect(inTransaction).toBe(0);
    await Promise.all(four.map(({ services }) => services.engine.stop()));
    await expectOneOfEach(story);
  });

  it('lesson 8: is kept although nobody knows its type', async () => {
    const engine = start();
    const event = {
      id: 'evt_unknown',
      object: 'event',
      type: 'entirely.new.thing',
      api_version: '2027-01-01.future',
      created: 1_790_000_000,
      livemode: false,
      data: { object: { id: 'thing_1', object: 'thing' } },
    };
    expect(await engine.deliver(event)).toMatchObject({ status: 200, body: { received: true } });
    expect(await findEvent(database.knex, event.id)).toMatchObject({
      status: 'ignored',
      flags: ['other_version'],
      payload: JSON.stringify(event),
    });
  });

  it('lesson 20: is retried or seen: a failed write is never answered 200 and forgotten', async () => {
    const story = await beginStory(lab);
    const event = receipt(await story.news());
    const engine = start({
      engine: { maxAttempts: 3, retryBase: 5, retryMax: 20, poll: 10 },
      probe: (step) => {
        if (step === 'before_commit') throw new Error('the write failed');
      },
    });
    expect(await engine.deliver(event)).toMatchObject({ status: 500 });
    expect(await findEvent(database.knex, event.id)).toMatchObject({
      status: 'waiting',
      attempts: 1,
      lastError: 'Error: the write failed',
    });
    await engine.services.engine.start();
    await until(async () => (await findEvent(database.knex, event.id))?.status === 'dead');
    expect(await findEvent(database.knex, event.id)).toMatchObject({ attempts: 3 });
    expect(await findSubscription(database.knex, story.subscriptionId)).toBeNull();
  });

  it('with WEBHOOK_ACK=stored is answered before Stripe is asked, and processed soon', async () => {
    const story = await beginStory(lab);
    const event = receipt(await story.news());
    const engine = start({ env: { WEBHOOK_ACK: 'stored' } });
    let isAsked = false;
    let answer = () => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    const read = engine.services.stripe.retrieveSubscription;
    engine.services.stripe.retrieveSubscription = async (id) => {
      isAsked = true;
      await held;
      return read(id);
    };
    await engine.services.engine.start();
    expect(await engine.deliver(event)).toMatchObject({ status: 200, body: { received: true } });
    expect(await findEvent(database.knex, event.id)).toMatchObject({ status: 'waiting' });
    await until(() => Promise.resolve(isAsked));
    answer();
    await until(async () => (await findEvent(database.knex, event.id))?.status === 'done');
    await expectOneOfEach(story);
  });

  it('with WEBHOOK_ACK=processed is answered when it is done, else 500 with its reason stored', async () => {
    const story = await beginStory(lab);
    const [first, second] = await story.news();
    const engine = start();
    expect(await engine.deliver(first)).toMatchObject({ status: 200 });
    expect(await findEvent(database.knex, first!.id)).toMatchObject({ status: 'done' });
    engine.services.stripe.retrieveSubscription = () => Promise.reject(new Error('a bug'));
    const answer = await engine.deliver(second);
    expect(answer).toMatchObject({ status: 500, body: { error: { code: 'internal_error' } } });
    expect(await findEvent(database.knex, second!.id)).toMatchObject({
      status: 'waiting',
      attempts: 1,
      lastError: 'Error: a bug',
    });
  });

  it('never reached a full inbox: that answers 503 with Retry-After before anything is stored', async () => {
    let open = () => {};
    const closed = new Promise<void>((resolve) => (open = resolve));
    const engine = start({
      engine: { maxBacklog: 5, maxBatch: 2 },
      probe: (step) => (step === 'before_store' ? closed : undefined),
    });
    const events = Array.from({ length: 30 }, (_, i) => anEvent(`evt_${i}`));
    let refusals = 0;
    const answers = Promise.all(
      events.map(async (event) => {
        const answer = await deliverRaw(engine, event);
        if (answer.status === 503) refusals += 1;
        return answer;
      }),
    );
    // While nothing can be stored.
    await until(() => Promise.resolve(refusals > 0));
    open();
    const given = await answers;
    const taken = given.filter(({ status }) => status === 200);
    const refused = given.filter(({ status }) => status === 503);
    expect(taken.length + refused.length).toBe(30);
    // Those in the queue and those in the batches under way, three at most.
    expect(taken.length).toBeLessThanOrEqual(5 + 3 * 2);
    expect(new Set(refused.map(({ retryAfter }) => retryAfter))).toEqual(new Set(['2']));
    const stored = (await rows('webhook_events')).map((row: { id: string }) => row.id);
    expect(stored.sort()).toEqual(taken.map(({ id }) => id).sort());
  });

  it('nor one whose process waits for a Stripe that hangs: memory stays bounded', async () => {
    const story = await beginStory(lab);
    const news = await story.news();
    const engine = start({ engine: { maxBacklog: 3, readTimeout: 600 } });
    engine.services.stripe.retrieveSubscription = () => new Promise(() => {});
    const waiting = news.slice(0, 3).map((event) => engine.deliver(event));
    await until(async () => (await rows('webhook_events')).length === 3);
    expect(await engine.deliver(news[3])).toMatchObject({
      status: 503,
      body: { error: { code: 'overloaded' } },
    });
    expect(await rows('webhook_events')).toHaveLength(3);
    for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(500);
    expect((await engine.deliver(news[3])).status).not.toBe(503);
  });
});

const anEvent = (id: string) => ({
  id,
  object: 'event',
  type: 'product.updated',
  created: 1_790_000_000,
  livemode: false,
  data: { object: { id: 'prod_1', object: 'product' } },
});

async function deliverRaw(engine: LabEngine, event: { id: string }) {
  const response = await engine.handler(engine.request(event));
  return {
    id: event.id,
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
  };
}

/** How many transactions wait for their process, which may be asking Stripe. */
async function openTransactions(database: TestDatabase): Promise<number> {
  if (database.dialect === 'sqlite') return 0;
  const { rows } = await database.knex.raw<{ rows: { count: number }[] }>(
    `SELECT count(*) AS count FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'idle in transaction'`,
  );
  return rows[0]!.count;
}
