import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSubscription } from '../../../db/subscriptions.ts';
import { timelineOf } from '../../../db/transitions.ts';
import { compareFacts } from '../../../server/operations/compare-facts.ts';
import { verifyDatabase, type Difference } from '../../../server/operations/verify.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../../support/engine-lab.ts';
import { beginStory, type Story } from '../../support/subscription-story.ts';

let lab: EngineLab;
beforeAll(async () => {
  lab = await createEngineLab();
});
afterAll(() => lab.emulator.close());

interface Planting {
  database: TestDatabase;
  story: Story;
}

/** One way in which the database and Stripe come to differ, and the field that tells. */
interface Kind {
  begin?: Partial<Stripe.SubscriptionCreateParams>;
  plant: (planting: Planting) => Promise<unknown>;
  /** What `verify` says; by default that this field differs. */
  kind?: Difference['kind'];
  field?: string;
}

/** Writes a column behind the engine's back. */
const column = (name: string, value: unknown): Kind['plant'] => {
  return ({ database, story }) =>
    database
      .knex('subscriptions')
      .where({ id: story.subscriptionId })
      .update({ [name]: value });
};

/** Writes into what Stripe was read to say. */
const facts = (change: (facts: Record<string, unknown>) => Record<string, unknown>) => {
  return async ({ database, story }: Planting) => {
    const row: { facts: string } = await database
      .knex('subscriptions')
      .where({ id: story.subscriptionId })
      .first();
    const json = JSON.parse(row.facts) as Record<string, unknown>;
    await column('facts', JSON.stringify({ ...json, ...change(json) }))({ database, story });
  };
};

/** Something happens at Stripe and no event of it arrives. */
const missed = (params: Stripe.SubscriptionUpdateParams): Kind['plant'] => {
  return ({ story }) => lab.stripe.subscriptions.update(story.subscriptionId, params);
};

const itemOf = (json: Record<string, unknown>) => (json['items'] as object[])[0];

const KINDS: Record<string, Kind> = {
  'a row lost': {
    kind: 'missing_here',
    plant: ({ database, story }) =>
      database.knex('subscriptions').where({ id: story.subscriptionId }).delete(),
  },
  'a row that Stripe never had': {
    kind: 'missing_at_stripe',
    plant: async ({ database, story }) => {
      const id = `${story.subscriptionId}_invented`;
      await facts(() => ({ id }))({ database, story });
      await column('id', id)({ database, story });
    },
  },
  'the state written over': { field: 'state', plant: column('state', 'past_due') },
  'the status written over': { field: 'status', plant: column('status', 'unpaid') },
  'the plan written over': { field: 'plan', plant: column('plan', 'pro') },
  'the revenue written over': { field: 'mrr', plant: column('mrr', 1) },
  'another price': {
    field: 'items',
    plant: facts((json) => ({ items: [{ ...itemOf(json), priceId: 'price_x' }] })),
  },
  'another quantity': {
    field: 'items',
    plant: facts((json) => ({ items: [{ ...itemOf(json), quantity: 7 }] })),
  },
  'an item lost': { field: 'items', plant: facts(() => ({ items: [] })) },
  'another status of Stripe': {
    field: 'stripeStatus',
    plant: facts(() => ({ stripeStatus: 'past_due' })),
  },
  'another period': {
    field: 'currentPeriodEnd',
    plant: facts(() => ({ currentPeriodEnd: 1 })),
  },
  'other metadata': { field: 'metadata', plant: facts(() => ({ metadata: { a: 'b' } })) },
  'a field lost': { field: 'latestInvoiceId', plant: facts(() => ({ latestInvoiceId: null })) },
  'a trial that is none': { field: 'trialEnd', plant: facts(() => ({ trialEnd: 5 })) },
  'a missed cancellation at the end': {
    field: 'cancelAtPeriodEnd',
    plant: missed({ cancel_at_period_end: true }),
  },
  'a missed change of seats': {
    field: 'items',
    plant: async ({ story }) => {
      const item = (await story.now()).items.data[0]!.id;
      await missed({ items: [{ id: item, quantity: 5 }] })({ story } as Planting);
    },
  },
  'a missed change of plan': {
    field: 'items',
    plant: async ({ story }) => {
      const item = (await story.now()).items.data[0]!.id;
      const price = lab.prices.proMonthly;
      await missed({ items: [{ id: item, price }] })({ story } as Planting);
    },
  },
  'a missed end': {
    field: 'stripeStatus',
    plant: ({ story }) => lab.stripe.subscriptions.cancel(story.subscriptionId),
  },
  'a missed end of a trial': {
    field: 'stripeStatus',
    begin: { trial_period_days: 14 },
    plant: missed({ trial_end: 'now' }),
  },
  'a missed pause': {
    field: 'pauseCollection',
    plant: missed({ pause_collection: { behavior: 'void' } }),
  },
  'a missed schedule': {
    field: 'scheduleId',
    plant: ({ story }) =>
      lab.stripe.subscriptionSchedules.create({ from_subscription: story.subscriptionId }),
  },
  'a customer deleted': {
    field: 'stripeStatus',
    plant: ({ story }) => lab.stripe.customers.del(story.customerId),
  },
};

describe.each(DIALECTS)('verify on %s', (dialect) => {
  let database: TestDatabase;
  let engine: LabEngine;
  const stories = new Map<string, Story>();
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
    engine = lab.engine(database);
    for (const [name, { begin }] of Object.entries(KINDS)) {
      const story = await beginStory(lab, begin);
      stories.set(name, story);
      for (const event of await story.news()) await engine.deliver(event);
    }
    // The account has others, from the other database's turn.
    await verifyDatabase(engine.services, { repair: true });
  });
  afterAll(async () => {
    await engine.services.engine.stop();
    await database.drop();
  });

  async function run(repair: boolean) {
    const found = new Map<string, Difference>();
    const progress: number[] = [];
    const result = await verifyDatabase(engine.services, {
      repair,
      onDifference: (difference) => found.set(difference.subscriptionId, difference),
      onProgress: ({ checked }) => progress.push(checked),
    });
    return { ...result, found, progress };
  }

  it('finds nothing where nothing differs', async () => {
    const { checked, differences, progress } = await run(false);
    expect(checked).toBeGreaterThanOrEqual(stories.size);
    expect(differences).toBe(0);
    expect(progress.at(-1)).toBe(checked);
  });

  it(`finds each of ${Object.keys(KINDS).length} kinds of difference, and --repair mends them (lesson 18: a payer locked out)`, async () => {
    for (const [name, { plant }] of Object.entries(KINDS)) {
      await plant({ database, story: stories.get(name)! });
    }
    const { found, repaired } = await run(false);
    expect(repaired).toBe(0);
    for (const [name, { kind, field }] of Object.entries(KINDS)) {
      const id = stories.get(name)!.subscriptionId;
      const difference = found.get(kind === 'missing_at_stripe' ? `${id}_invented` : id);
      expect(difference?.kind, name).toBe(kind ?? 'differs');
      if (field)
        expect(
          difference!.fields.map((each) => each.field),
          name,
        ).toContain(field);
    }
    // The row that was given another id is one at Stripe that is missing here, too.
    expect(found.size).toBe(stories.size + 1);

    const mended = await run(true);
    expect(mended.repaired).toBe(mended.differences);
    expect(await run(false)).toMatchObject({ differences: 0 });
    for (const { subscriptionId } of stories.values()) {
      const row = await findSubscription(database.knex, subscriptionId);
      const atStripe = await lab.gateway.retrieveSubscription(subscriptionId);
      expect(compareFacts(row!.facts, readSubscription(atStripe))).toEqual([]);
    }
    const lost = await timelineOf(database.knex, stories.get('a missed end')!.subscriptionId);
    expect(lost.at(-1)).toMatchObject({ to: 'canceled', cause: { type: 'verify' } });
    const invented = `${stories.get('a row that Stripe never had')!.subscriptionId}_invented`;
    expect(await findSubscription(database.knex, invented)).toMatchObject({ state: 'canceled' });
  });

  it('goes on after a 429, and says what a broken Stripe is', async () => {
    const { stripe } = engine.services;
    const list = stripe.listSubscriptions;
    await lab.control('POST', '/_emulator/faults', {
      type: 'rate_limit',
      path: '/v1/subscriptions',
      method: 'GET',
      times: 1,
    });
    expect(await run(false)).toMatchObject({ differences: 0 });
    stripe.listSubscriptions = () => Promise.reject(new Error('not this time'));
    await expect(run(false)).rejects.toThrow('not this time');
    stripe.listSubscriptions = list;
  });

  it('compares a page although the next one, asked for meanwhile, cannot be read', async () => {
    const { stripe } = engine.services;
    const list = stripe.listSubscriptions;
    stripe.listSubscriptions = async (after) => {
      if (after !== null) throw new Error('no second page');
      return { ...(await list(null)), has_more: true };
    };
    const pages: number[] = [];
    const verifying = verifyDatabase(engine.services, {
      onProgress: ({ checked }) => pages.push(checked),
    });
    await expect(verifying).rejects.toThrow('no second page');
    expect(pages).toHaveLength(1);
    stripe.listSubscriptions = list;
  });
});
