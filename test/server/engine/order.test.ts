import type Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findSubscription } from '../../../db/subscriptions.ts';
import { timelineOf } from '../../../db/transitions.ts';
import { compareFacts } from '../../../server/operations/compare-facts.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../../support/engine-lab.ts';
import { until } from '../../support/server.ts';
import { beginStory, type Story } from '../../support/subscription-story.ts';

let lab: EngineLab;
beforeAll(async () => {
  lab = await createEngineLab();
});
afterAll(() => lab.emulator.close());

describe.each(DIALECTS)('Events in any order on %s', (dialect) => {
  let database: TestDatabase;
  let one: LabEngine;
  let two: LabEngine;
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
    one = lab.engine(database);
    two = lab.engine(database.again());
  });
  afterAll(async () => {
    await Promise.all([one, two].map(({ services }) => services.engine.stop()));
    await database.drop();
  });
  beforeEach(() => database.clear());

  async function expectAsAtStripe(story: Story): Promise<void> {
    const row = await findSubscription(database.knex, story.subscriptionId);
    expect(compareFacts(row!.facts, readSubscription(await story.now()))).toEqual([]);
    expect(await database.knex('subscriptions')).toHaveLength(1);
    expect(await database.knex('webhook_events').whereNot({ status: 'done' })).toEqual([]);
  }
  const statesOf = async (story: Story) =>
    (await timelineOf(database.knex, story.subscriptionId)).map((line) => line.to);

  it('lesson 1: two events of one second count both, in both orders', async () => {
    const { stripe } = lab;
    const story = await beginStory(lab);
    await stripe.subscriptions.update(story.subscriptionId, { cancel_at_period_end: true });
    await stripe.subscriptions.update(story.subscriptionId, { cancel_at_period_end: false });
    const events = (await story.news()).map((event) => ({ ...event, created: 1_790_000_000 }));
    for (const order of [events, events.toReversed()]) {
      await database.clear();
      for (const event of order) expect(await one.deliver(event)).toMatchObject({ status: 200 });
      await expectAsAtStripe(story);
      expect(await statesOf(story)).toContain('cancel_pending');
      expect((await findSubscription(database.knex, story.subscriptionId))?.state).toBe('active');
    }
  });

  it('lesson 2: every permutation of a life ends the same, through two processes', async () => {
    const { stripe, prices } = lab;
    const story = await beginStory(lab, { payment_behavior: 'default_incomplete' });
    await stripe.subscriptions.retrieve(story.subscriptionId, { expand: ['latest_invoice'] });
    const [invoice] = (await stripe.invoices.list({ subscription: story.subscriptionId })).data;
    await stripe.invoices.pay(invoice!.id);
    const item = (await story.now()).items.data[0]!.id;
    await stripe.subscriptions.update(story.subscriptionId, {
      items: [{ id: item, price: prices.proMonthly }],
    });
    await stripe.subscriptions.cancel(story.subscriptionId);
    const life = (await story.news()).filter((event) => isOfSubscription(event));
    expect(life.map(statusOf)).toEqual(['incomplete', 'active', 'active', 'canceled']);
    for (const order of permutations(life)) {
      await database.clear();
      for (const [i, event] of order.entries()) {
        const process = i % 2 === 0 ? one : two;
        expect(await process.deliver(event)).toMatchObject({ status: 200 });
      }
      await expectAsAtStripe(story);
      const words = order.map(statusOf).join(', ');
      const states = await statesOf(story);
      for (const state of ['incomplete', 'active', 'canceled']) {
        expect(states, words).toContain(state);
      }
      expect(states.filter((state) => state === 'canceled')).toHaveLength(1);
    }
  });

  it.each(['before', 'after', 'at the same time as'])(
    'lesson 3: a webhook that comes %s the answer of the API makes one row',
    async (when) => {
      const story = await beginStory(lab);
      const events = await story.news();
      const sync = () =>
        two.services.engine.syncSubscription({
          subscriptionId: story.subscriptionId,
          customerId: story.customerId,
          cause: { type: 'request', id: 'req_1', actor: 'user_1', at: Date.now() },
        });
      const deliver = async () => {
        for (const event of events) expect((await one.deliver(event)).status).toBe(200);
      };
      if (when === 'before') await deliver().then(sync);
      else if (when === 'after') await sync().then(deliver);
      else await Promise.all([sync(), deliver()]);
      await expectAsAtStripe(story);
      expect(await statesOf(story)).toEqual(['active']);
    },
  );

  it('lesson 4: an older read that arrives after a newer one is thrown away', async () => {
    const story = await beginStory(lab);
    const before = await story.now();
    const [created] = await story.news();
    await lab.stripe.subscriptions.update(story.subscriptionId, { cancel_at_period_end: true });
    const [updated] = await story.news();

    // A process that hangs while its answer is on the way: its lease ends, and another goes on.
    const slow = lab.engine(database.again(), {
      engine: { lease: 60 },
      probe: (step) => {
        if (step === 'before_renew') throw new Error('the process hangs');
      },
    });
    let answer: (subscription: Stripe.Subscription) => void = () => {};
    const answered = new Promise<Stripe.Subscription>((resolve) => (answer = resolve));
    slow.services.stripe.retrieveSubscription = () => answered;
    const late = slow.deliver(created);
    await until(async () => (await database.knex('subjects')).length > 0);
    expect(await two.deliver(updated)).toMatchObject({ status: 200 });
    answer(before);
    expect(await late).toMatchObject({ status: 200 });
    await slow.services.engine.stop();
    await expectAsAtStripe(story);
    const row = await findSubscription(database.knex, story.subscriptionId);
    expect(row?.state).toBe('cancel_pending');
  });

  it('work that takes longer than a lease is not taken over while its process lives', async () => {
    const story = await beginStory(lab);
    const events = await story.news();
    const slow = lab.engine(database.again(), { engine: { lease: 500, poll: 20 } });
    const other = lab.engine(database.again(), { engine: { lease: 500, poll: 20 } });
    let reads = 0;
    for (const { services } of [slow, other]) {
      services.stripe.retrieveSubscription = async () => {
        reads += 1;
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        return story.now();
      };
    }
    await Promise.all([slow, other].map(({ services }) => services.engine.start()));
    const first = slow.deliver(events[0]);
    expect(await first).toMatchObject({ status: 200 });
    expect(reads).toBe(1);
    await Promise.all([slow, other].map(({ services }) => services.engine.stop()));
    await expectAsAtStripe(story);
  });
});

const isOfSubscription = (event: Stripe.Event) => event.data.object.object === 'subscription';
const statusOf = (event: Stripe.Event) => (event.data.object as Stripe.Subscription).status;

function permutations<T>(list: T[]): T[][] {
  if (list.length < 2) return [list];
  return list.flatMap((head, i) =>
    permutations(list.toSpliced(i, 1)).map((tail) => [head, ...tail]),
  );
}
