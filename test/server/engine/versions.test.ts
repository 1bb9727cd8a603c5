import type Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Dialect } from '../../../db/database.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { timelineOf } from '../../../db/transitions.ts';
import { findEvent } from '../../../db/webhook-events.ts';
import { compareFacts } from '../../../server/operations/compare-facts.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import { webhookSink, type WebhookSink } from '../../stripe-emulator/webhook-sink.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../../support/engine-lab.ts';
import { beginStory } from '../../support/subscription-story.ts';

const VERSIONS = [
  '2020-03-02',
  '2024-12-18.acacia',
  '2025-06-30.basil',
  '2025-11-17.clover',
  '2026-08-26.dahlia',
  '2026-10-28.endive',
];

let lab: EngineLab;
let database: TestDatabase;
let engine: LabEngine;
beforeAll(async () => {
  lab = await createEngineLab();
});
afterAll(() => lab.emulator.close());

function useDatabase(dialect: Dialect): void {
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
    engine = lab.engine(database);
  });
  afterAll(async () => {
    await engine.services.engine.stop();
    await database.drop();
  });
  beforeEach(() => database.clear());
}

const deliver = async (event: unknown) => {
  expect(await engine.deliver(event)).toMatchObject({ status: 200 });
};
const rowOf = (id: string) => findSubscription(database.knex, id);

describe('Payloads of any API version', () => {
  useDatabase('sqlite');
  const sinks = new Map<string, WebhookSink>();
  const life: { subscriptionId: string; events: Stripe.Event[] } = {
    subscriptionId: '',
    events: [],
  };
  beforeAll(async () => {
    for (const version of VERSIONS) {
      const sink = await webhookSink();
      sinks.set(version, sink);
      await lab.stripe.webhookEndpoints.create({
        url: sink.url,
        enabled_events: ['*'],
        api_version: version as Stripe.WebhookEndpointCreateParams.ApiVersion,
      });
    }
    const story = await beginStory(lab, { trial_period_days: 14 });
    life.subscriptionId = story.subscriptionId;
    await lab.stripe.subscriptions.update(story.subscriptionId, { trial_end: 'now' });
    await lab.stripe.subscriptions.update(story.subscriptionId, { cancel_at_period_end: true });
    life.events = await story.news();
  });
  afterAll(() => Promise.all([...sinks.values()].map((sink) => sink.close())));

  it.each(VERSIONS)(
    'lesson 9: of %s leave the row, history and effects of today',
    async (version) => {
      const own = new Set(life.events.map((event) => event.id));
      const received = await sinks.get(version)!.waitFor(own.size, ({ id }) => own.has(id));
      for (const { body } of received) await deliver(JSON.parse(body));
      const row = await rowOf(life.subscriptionId);
      const atStripe = await lab.gateway.retrieveSubscription(life.subscriptionId);
      expect(compareFacts(row!.facts, readSubscription(atStripe))).toEqual([]);
      expect(row!.facts.currentPeriodEnd).toBeGreaterThan(Date.now());
      const lines = await timelineOf(database.knex, life.subscriptionId);
      expect(lines.map((line) => line.to).toSorted()).toEqual(
        ['active', 'cancel_pending', 'trialing'].toSorted(),
      );
      expect(await database.knex('outbox').where({ kind: 'mail.receipt' })).toHaveLength(1);
      const flagged = (await findEvent(database.knex, received[0]!.id))!.flags;
      expect(flagged).toEqual(version === '2026-10-28.endive' ? [] : ['other_version']);
    },
  );
});

describe('What Stripe says', () => {
  useDatabase('sqlite');

  it('lesson 10: with null clears what was stored', async () => {
    const { stripe } = lab;
    const story = await beginStory(lab, { trial_period_days: 14 });
    await stripe.subscriptions.update(story.subscriptionId, {
      cancel_at_period_end: true,
      pause_collection: { behavior: 'void' },
    });
    for (const event of await story.news()) await deliver(event);
    const before = (await rowOf(story.subscriptionId))!.facts;
    expect(before.cancelAt).not.toBeNull();
    expect(before.canceledAt).not.toBeNull();
    expect(before.pauseCollection).not.toBeNull();
    await stripe.subscriptions.update(story.subscriptionId, {
      cancel_at_period_end: false,
      pause_collection: '',
    });
    for (const event of await story.news()) await deliver(event);
    const after = (await rowOf(story.subscriptionId))!.facts;
    expect(after).toMatchObject({ cancelAt: null, canceledAt: null, pauseCollection: null });
  });

  it('lesson 11: with more than ten items is read to the last of them', async () => {
    const prices = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        lab.stripe.prices.create({
          currency: 'usd',
          unit_amount: 100 + i,
          recurring: { interval: 'month' },
          product_data: { name: `Part ${i}` },
        }),
      ),
    );
    const story = await beginStory(lab, { items: prices.map(({ id }) => ({ price: id })) });
    for (const event of await story.news()) await deliver(event);
    expect((await rowOf(story.subscriptionId))!.facts.items).toHaveLength(12);
  });

  it('lesson 11: of a customer who was deleted ends their subscriptions and crashes nothing', async () => {
    const story = await beginStory(lab);
    const other = await beginStory(lab);
    for (const each of [story, other]) for (const event of await each.news()) await deliver(event);
    await lab.stripe.customers.del(story.customerId);
    // Only the customer's own event arrives.
    const news = await story.news();
    await deliver(news.find(({ type }) => type === 'customer.deleted'));
    expect(await rowOf(story.subscriptionId)).toMatchObject({ state: 'canceled' });
    expect(await rowOf(other.subscriptionId)).toMatchObject({ state: 'active' });
    for (const event of news) await deliver(event);
    expect(await rowOf(story.subscriptionId)).toMatchObject({ state: 'canceled' });
  });

  it('lesson 11: of something it no longer has (404) is taken as its end, or as nothing', async () => {
    const story = await beginStory(lab);
    const events = await story.news();
    for (const event of events) await deliver(event);
    const gone = structuredClone(events[0]!);
    gone.id = 'evt_of_something_gone';
    (gone.data.object as Stripe.Subscription).id = 'sub_gone';
    await deliver(gone);
    expect(await findEvent(database.knex, gone.id)).toMatchObject({
      status: 'ignored',
      flags: ['not_found'],
    });
    expect(await rowOf('sub_gone')).toBeNull();
    const forgotten = lab.engine(database);
    forgotten.services.stripe.retrieveSubscription = () =>
      lab.gateway.retrieveSubscription('sub_gone');
    const again = { ...events[0]!, id: 'evt_after_it_was_deleted' };
    expect(await forgotten.deliver(again)).toMatchObject({ status: 200 });
    expect(await rowOf(story.subscriptionId)).toMatchObject({ state: 'canceled' });
    await forgotten.services.engine.stop();
  });
});

describe.each(DIALECTS)('An event that is not quite ours, on %s,', (dialect) => {
  useDatabase(dialect);
  const envelope = (given: Record<string, unknown>) => ({
    id: `evt_${Math.random().toString(36).slice(2)}`,
    object: 'event',
    api_version: '2026-10-28.endive',
    created: 1_790_000_000,
    livemode: false,
    type: 'customer.subscription.updated',
    ...given,
  });

  it('of another mode is stored, flagged and changes nothing', async () => {
    const story = await beginStory(lab);
    const [created] = await story.news();
    await deliver({ ...created, livemode: true });
    expect(await findEvent(database.knex, created!.id)).toMatchObject({
      status: 'ignored',
      flags: ['other_mode'],
    });
    expect(await rowOf(story.subscriptionId)).toBeNull();
  });

  it('of a connected account is stored, flagged and changes nothing', async () => {
    const story = await beginStory(lab);
    const [created] = await story.news();
    await deliver({ ...created, account: 'acct_of_somebody_else' });
    expect(await findEvent(database.knex, created!.id)).toMatchObject({
      status: 'ignored',
      flags: ['foreign_account'],
      account: 'acct_of_somebody_else',
    });
    expect(await rowOf(story.subscriptionId)).toBeNull();
  });

  it('that is thin is flagged and its object read, under its customer', async () => {
    const story = await beginStory(lab);
    const thin = {
      id: 'evt_thin',
      object: 'v2.core.event',
      type: 'v1.customer.subscription.created',
      created: '2026-11-01T00:00:00.000Z',
      livemode: false,
      related_object: {
        id: story.subscriptionId,
        type: 'subscription',
        url: `/v1/subscriptions/${story.subscriptionId}`,
      },
    };
    await deliver(thin);
    expect(await findEvent(database.knex, 'evt_thin')).toMatchObject({
      status: 'done',
      flags: ['thin'],
      subject: story.customerId,
    });
    expect(await rowOf(story.subscriptionId)).toMatchObject({ state: 'active' });
  });

  it.each([
    ['no object', { data: {} }],
    ['no data', {}],
    ['an object of a strange form', { data: { object: { object: 'subscription', id: 7 } } }],
    ['null everywhere', { data: { object: { object: 'invoice', id: null, lines: null } } }],
    ['a list for an object', { data: { object: [1, 2] } }],
    ['names a megabyte long', { type: 'x'.repeat(200_000), data: { object: {} } }],
    ['a time between two milliseconds', { created: 1_790_000_000.000_1 }],
    ['a time beyond all calendars', { created: 1e30 }],
    ['a time that is text', { created: 'yesterday' }],
    ['NUL in its text', { type: 'a\0b', data: { object: { id: 'x\0y', object: 'thing' } } }],
    ['half a surrogate pair', { type: 'a\ud800', data: { object: { id: '\udfff' } } }],
  ])('with %s is stored, and stops no other', async (_, given) => {
    const strange = envelope(given);
    await deliver(strange);
    expect(await database.knex('webhook_events')).toHaveLength(1);
    const story = await beginStory(lab);
    for (const event of await story.news()) await deliver(event);
    expect(await rowOf(story.subscriptionId)).toMatchObject({ state: 'active' });
  });
});
