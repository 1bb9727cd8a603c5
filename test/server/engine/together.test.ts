import type Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StripeGateway } from '../../../adapters/stripe-gateway.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { compareFacts } from '../../../server/operations/compare-facts.ts';
import { toNewEvent } from '../../../server/webhooks/parse-event.ts';
import { createStripeReader } from '../../../server/sync/stripe-reader.ts';
import { StripeOutage } from '../../../server/lib/stripe-outage.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import { begunList } from '../../support/begun-list.ts';
import { DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab } from '../../support/engine-lab.ts';
import { useEngines } from '../../support/engines.ts';
import { until } from '../../support/server.ts';
import { beginStory, type Story } from '../../support/subscription-story.ts';

const MANY = 12;

let lab: EngineLab;
let stories: Story[];
/** When each period began, in ms, by subscription. */
let starts: Map<string, number>;
beforeAll(async () => {
  lab = await createEngineLab();
  stories = [];
  for (let i = 0; i < MANY; i += 1) stories.push(await beginStory(lab));
  const now = await Promise.all(stories.map((story) => story.now()));
  starts = new Map(now.map((each) => [each.id, each.items.data[0]!.current_period_start * 1000]));
});
afterAll(() => lab.emulator.close());
beforeEach(() => lab.control('DELETE', '/_emulator/faults'));

const ids = () => [...starts.keys()];

function readerOf(gateway: StripeGateway = lab.gateway, readsPerSecond = 10_000) {
  return createStripeReader(gateway, { readsPerSecond, readTimeout: 2_000, outageBase: 10 });
}

async function expectAsAtStripe(read: Awaited<ReturnType<typeof readAll>>): Promise<void> {
  for (const facts of read) {
    const atStripe = readSubscription(await lab.gateway.retrieveSubscription(facts!.id));
    expect(facts).toEqual(atStripe);
  }
}

const readAll = (reader: ReturnType<typeof readerOf>, guess = (id: string) => starts.get(id)) =>
  Promise.all(ids().map((id) => reader.subscription(id, guess(id) ?? null)));

describe('Subscriptions whose periods began at about the same time', () => {
  it('are read in one call, just as each by itself', async () => {
    const reader = readerOf();
    await expectAsAtStripe(await readAll(reader));
    expect(reader.count()).toBe(1);
  });

  it('are read so when one of them has ended', async () => {
    const [ended] = ids();
    await lab.stripe.subscriptions.cancel(ended!);
    const reader = readerOf();
    const read = await readAll(reader);
    await expectAsAtStripe(read);
    expect(read[0]).toMatchObject({ stripeStatus: 'canceled' });
    expect(reader.count()).toBe(1);
  });

  it('are read by themselves when the list does not show all of their items', async () => {
    const gateway: StripeGateway = {
      ...lab.gateway,
      subscriptionsBegun: async (span) => {
        const page = await lab.gateway.subscriptionsBegun(span);
        const data = page.data.map((each) =>
          each.id === ids()[1]
            ? { ...each, items: { ...each.items, data: [], has_more: true } }
            : each,
        );
        return { ...page, data };
      },
    };
    const reader = readerOf(gateway);
    await expectAsAtStripe(await readAll(reader));
    expect(reader.count()).toBe(2);
  });

  it('are read each by itself where the guess was wrong; lists are then left alone for a while', async () => {
    const reader = readerOf();
    const anHourAgo = (id: string) => starts.get(id)! - 3_600_000;
    await expectAsAtStripe(await readAll(reader, anHourAgo));
    expect(reader.count()).toBe(1 + MANY);
    await readAll(reader);
    expect(reader.count()).toBe(1 + 2 * MANY);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    await readAll(reader);
    expect(reader.count()).toBe(2 + 2 * MANY);
  });

  it('are read each by itself when too few are asked for, or nothing is known of their periods', async () => {
    const reader = readerOf();
    await Promise.all(
      ids()
        .slice(0, 3)
        .map((id) => reader.subscription(id, starts.get(id))),
    );
    expect(reader.count()).toBe(3);
    await Promise.all(ids().map((id) => reader.subscription(id)));
    expect(reader.count()).toBe(3 + MANY);
  });

  it('share a read when one is asked for twice, but never one that has begun', async () => {
    const reader = readerOf();
    const [id] = ids();
    const first = reader.subscription(id!);
    expect(await reader.subscription(id!)).toEqual(await first);
    expect(reader.count()).toBe(1);
    const begun = reader.subscription(id!);
    await until(() => Promise.resolve(reader.count() === 2));
    await Promise.all([begun, reader.subscription(id!)]);
    expect(reader.count()).toBe(3);
  });

  it('are read again for who asks while their list is under way: it may be older than the reason to ask', async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    const reader = readerOf({
      ...lab.gateway,
      subscriptionsBegun: async (span) => {
        const page = await lab.gateway.subscriptionsBegun(span);
        await held;
        return page;
      },
    });
    const early = readAll(reader);
    await until(() => Promise.resolve(reader.count() === 1));
    const { subscriptionId: id } = stories[2]!;
    await lab.stripe.subscriptions.update(id, { metadata: { changed: 'since' } });
    const late = await reader.subscription(id, starts.get(id));
    expect(late?.metadata).toMatchObject({ changed: 'since' });
    answer();
    const before = (await early).find((facts) => facts?.id === id);
    expect(before?.metadata).not.toHaveProperty('changed');
  });

  it('are unknown one by one: Stripe has no such subscription', async () => {
    const reader = readerOf();
    const start = starts.get(ids()[0]!)!;
    const read = await Promise.all(
      [...ids(), 'sub_unknown'].map((id) => reader.subscription(id, starts.get(id) ?? start)),
    );
    expect(read.pop()).toBeNull();
    await expectAsAtStripe(read);
    expect(reader.count()).toBe(2);
  });

  it('all wait while Stripe is away', async () => {
    await lab.control('POST', '/_emulator/faults', {
      type: 'error',
      status: 500,
      path: '/v1/subscriptions',
      method: 'GET',
    });
    const read = await Promise.allSettled(
      ids().map((id) => readerOf().subscription(id, starts.get(id))),
    );
    const together = readerOf();
    const failed = await Promise.allSettled(
      ids().map((id) => together.subscription(id, starts.get(id))),
    );
    expect(read.map(({ status }) => status)).toEqual(Array(MANY).fill('fulfilled'));
    for (const each of failed) {
      expect(each).toMatchObject({
        status: 'rejected',
        reason: expect.any(StripeOutage) as unknown,
      });
    }
    expect(together.count()).toBe(1);
  });

  it('are read each by itself when it is the list that fails', async () => {
    const reader = readerOf({
      ...lab.gateway,
      subscriptionsBegun: () => lab.gateway.listSubscriptions('sub_unknown'),
    });
    await expectAsAtStripe(await readAll(reader));
    expect(reader.count()).toBe(1 + MANY);
  });

  it('spoil nothing for each other: one that cannot be read fails alone', async () => {
    const gateway: StripeGateway = {
      ...lab.gateway,
      subscriptionsBegun: async (span) => {
        const page = await lab.gateway.subscriptionsBegun(span);
        const data = page.data.map((each) =>
          each.id === ids()[1] ? { ...each, customer: null as unknown as string } : each,
        );
        return { ...page, data };
      },
    };
    const read = await Promise.allSettled(
      ids().map((id) => readerOf(gateway).subscription(id, starts.get(id))),
    );
    expect(read.every(({ status }) => status === 'fulfilled')).toBe(true);
    const reader = readerOf(gateway);
    const together = await Promise.allSettled(
      ids().map((id) => reader.subscription(id, starts.get(id))),
    );
    expect(together.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  });

  it('are read with the first whose turn comes, where Stripe limits the calls', async () => {
    const reader = readerOf(lab.gateway, 10);
    const began = Date.now();
    const reads = ids().map(async (id, i) => {
      await new Promise((resolve) => setTimeout(resolve, i));
      return reader.subscription(id, starts.get(id));
    });
    await expectAsAtStripe(await Promise.all(reads));
    // One at once, one by itself for want of others or so, and the rest together.
    expect(reader.count()).toBeLessThanOrEqual(4);
    expect(Date.now() - began).toBeLessThan(1_000);
    // A tenth of a second has two calls at most.
    expect(reader.room()).toBeLessThanOrEqual(2 * MANY);
  });
});

describe('A list of more than a page', () => {
  const TEMPLATE_START = 1_790_000_000;
  let template: Stripe.Subscription;
  beforeAll(async () => {
    template = await stories[2]!.now();
  });

  const numbered = (count: number): Stripe.Subscription[] =>
    Array.from({ length: count }, (_, i) => ({
      ...template,
      id: `sub_${i}`,
      created: TEMPLATE_START + i,
      items: {
        ...template.items,
        data: template.items.data.map((item) => ({
          ...item,
          current_period_start: TEMPLATE_START + i,
        })),
      },
    }));

  /** A Stripe with so many subscriptions, one begun each second. */
  function readerOfMany(count: number) {
    const objects = numbered(count);
    const gateway: StripeGateway = {
      ...lab.gateway,
      subscriptionsBegun: (span) => Promise.resolve(begunList(objects, span)),
      retrieveSubscription: (id) => Promise.resolve(objects.find((each) => each.id === id)!),
    };
    return readerOf(gateway);
  }

  async function ask(reader: ReturnType<typeof readerOf>, numbers: number[]): Promise<void> {
    const read = await Promise.all(
      numbers.map((n) => reader.subscription(`sub_${n}`, (TEMPLATE_START + n) * 1000)),
    );
    expect(read.map((facts) => facts?.id)).toEqual(numbers.map((n) => `sub_${n}`));
  }

  it('is followed for as long as it brings what was asked for', async () => {
    const reader = readerOfMany(400);
    await ask(
      reader,
      Array.from({ length: 80 }, (_, i) => i * 5),
    );
    // The span holds four pages, each with twenty of them.
    expect(reader.count()).toBe(4);
  });

  it('is given up when others fill it, and each is read by itself', async () => {
    const reader = readerOfMany(4_000);
    const few = Array.from({ length: 20 }, (_, i) => i * 200);
    await ask(reader, few);
    // The page brings one of them.
    expect(reader.count()).toBe(few.length);
  });

  it('is not asked for one that began long after the others: so many more began in between', async () => {
    const reader = readerOfMany(400);
    await ask(reader, [...Array.from({ length: 50 }, (_, i) => i), 290]);
    expect(reader.count()).toBe(2);
  });

  it('is asked for once for each hundred', async () => {
    const reader = readerOfMany(250);
    await ask(
      reader,
      Array.from({ length: 250 }, (_, i) => i),
    );
    expect(reader.count()).toBe(3);
    expect(reader.room()).toBeGreaterThan(100);
  });
});

describe.each(DIALECTS)('A backlog on %s', (dialect) => {
  let database: TestDatabase;
  const start = useEngines(
    dialect,
    () => lab,
    (made) => (database = made),
  );

  it('of many subscriptions is worked off with few reads, and all are as at Stripe', async () => {
    const fresh: Story[] = [];
    for (let i = 0; i < MANY; i += 1) fresh.push(await beginStory(lab));
    const news = (await Promise.all(fresh.map((story) => story.news()))).flat();
    const own = news.filter((event) => JSON.stringify(event).includes('"sub_'));
    const engine = start();
    const { stripe } = engine.services;
    let reads = 0;
    stripe.retrieveSubscription = (id) => ((reads += 1), lab.gateway.retrieveSubscription(id));
    stripe.subscriptionsBegun = (span) => ((reads += 1), lab.gateway.subscriptionsBegun(span));
    const context = { live: false, receivedAt: Date.now(), source: 'catch_up' } as const;
    const unique = new Map(own.map((event) => [event.id, JSON.stringify(event)]));
    await engine.services.engine.store(
      [...unique.values()].map((text) => toNewEvent(text, context)),
    );
    await engine.services.engine.start();
    await until(
      async () => !(await database.knex('webhook_events').where({ status: 'waiting' }).first()),
    );
    expect(reads).toBeLessThanOrEqual(4);
    for (const { subscriptionId } of fresh) {
      const row = await findSubscription(database.knex, subscriptionId);
      const atStripe = await lab.gateway.retrieveSubscription(subscriptionId);
      expect(compareFacts(row!.facts, readSubscription(atStripe))).toEqual([]);
    }
  });
});
