import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSubscription } from '../../../db/subscriptions.ts';
import { findEvent } from '../../../db/webhook-events.ts';
import { sleep } from '../../../server/lib/limit.ts';
import { toNewEvent } from '../../../server/webhooks/parse-event.ts';
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

const begin = (count: number): Promise<Story[]> =>
  Promise.all(Array.from({ length: count }, () => beginStory(lab)));

/** The event that says that the subscription was created. */
async function creationOf(story: Story): Promise<Stripe.Event> {
  const events = await story.news();
  return events.find(
    ({ type, data }) =>
      type === 'customer.subscription.created' &&
      (data.object as { id?: string }).id === story.subscriptionId,
  )!;
}

/** The same subscription in another event. */
const updateOf = (created: Stripe.Event, id: string): Stripe.Event =>
  ({ ...created, id, type: 'customer.subscription.updated' }) as Stripe.Event;

async function store({ services }: LabEngine, events: Stripe.Event[]): Promise<void> {
  const context = { live: false, receivedAt: Date.now(), source: 'catch_up' } as const;
  await services.engine.store(events.map((event) => toNewEvent(JSON.stringify(event), context)));
}

describe.each(DIALECTS)('A batch of customers on %s', (dialect) => {
  let database: TestDatabase;
  const start = useEngines(
    dialect,
    () => lab,
    (made) => (database = made),
  );
  const isDone = async ({ id }: { id: string }) =>
    (await findEvent(database.knex, id))?.status === 'done';
  const areDone = (events: Stripe.Event[]) =>
    until(async () => (await Promise.all(events.map(isDone))).every(Boolean));

  it('is written in one transaction', async () => {
    const events = await Promise.all((await begin(6)).map(creationOf));
    let transactions = 0;
    const probe = (step: string) => void (transactions += Number(step === 'before_transaction'));
    const engine = start({ probe });
    await store(engine, events);
    await engine.services.engine.start();
    await areDone(events);
    expect(transactions).toBe(1);
  });

  it('does not wait for one of them whose read takes long', async () => {
    const stories = await begin(3);
    const events = await Promise.all(stories.map(creationOf));
    const engine = start();
    const { stripe } = engine.services;
    const read = stripe.retrieveSubscription;
    const { subscriptionId } = stories[0]!;
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    stripe.retrieveSubscription = async (id) => {
      if (id === subscriptionId) await held;
      return read(id);
    };
    await store(engine, events);
    await engine.services.engine.start();
    await areDone(events.slice(1));
    expect(await isDone(events[0]!)).toBe(false);
    goOn();
    await areDone(events);
  });

  it('S-12: an event whose subscription id has U+0000 fails alone beside good ones', async () => {
    const stories = await begin(2);
    const created = await Promise.all(stories.map(creationOf));
    const bad = updateOf(created[0]!, 'evt_with_nul');
    const object = bad.data.object as unknown as Record<string, unknown>;
    Object.assign(bad, { data: { object: { ...object, id: 'sub_\0' } } });
    const engine = start();
    const answers = await Promise.all([...created, bad].map((event) => engine.deliver(event)));
    expect(answers.slice(0, 2).map(({ status }) => status)).toEqual([200, 200]);
    for (const { subscriptionId } of stories) {
      expect(await findSubscription(database.knex, subscriptionId)).toMatchObject({
        state: 'active',
      });
    }
  });

  if (dialect === 'sqlite') return;

  it('S-9: does not wait for one of them whose row another transaction has locked', async () => {
    const stories = await begin(5);
    const created = await Promise.all(stories.map(creationOf));
    const engine = start({ engine: { retryBase: 50, poll: 20 } });
    for (const event of created) expect(await engine.deliver(event)).toMatchObject({ status: 200 });
    const [a, ...others] = stories;
    for (const { subscriptionId } of stories) {
      await lab.stripe.subscriptions.update(subscriptionId, { cancel_at_period_end: true });
    }
    // It is held until everybody has been answered.
    const locker = database.again();
    const lock = await locker.knex.transaction();
    await lock('subscriptions').where({ id: a!.subscriptionId }).forUpdate().select('id');
    const updates = created.map((event, i) => updateOf(event, `evt_locked_${i}`));
    const began = performance.now();
    const ofA = engine.deliver(updates[0]!).then((answer) => ({
      answer,
      ms: performance.now() - began,
    }));
    await Promise.all(
      updates.slice(1).map(async (event) => {
        expect(await engine.deliver(event)).toMatchObject({ status: 200 });
      }),
    );
    for (const { subscriptionId } of others) {
      expect(await findSubscription(database.knex, subscriptionId)).toMatchObject({
        state: 'cancel_pending',
      });
    }
    // Within the time that a delivery may take; the event is stored and tried again.
    const { answer, ms } = await ofA;
    expect(answer.status).toBe(503);
    expect(ms).toBeLessThan(9_000);
    await lock.rollback();
    await locker.close();
    await sleep(200);
    expect(await engine.deliver(updates[0]!)).toMatchObject({ status: 200 });
    expect(await findSubscription(database.knex, a!.subscriptionId)).toMatchObject({
      state: 'cancel_pending',
    });
  });
});
