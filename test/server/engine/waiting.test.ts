import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GatewayError } from '../../../adapters/stripe-gateway.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { findEvent } from '../../../db/webhook-events.ts';
import type { Config } from '../../../server/config/config.ts';
import { backoff, engineOptions } from '../../../server/sync/options.ts';
import { toNewEvent } from '../../../server/webhooks/parse-event.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab } from '../../support/engine-lab.ts';
import { useEngines } from '../../support/engines.ts';
import { until } from '../../support/server.ts';
import { beginStory } from '../../support/subscription-story.ts';

let lab: EngineLab;
beforeAll(async () => {
  lab = await createEngineLab();
});
afterAll(() => lab.emulator.close());

describe.each(DIALECTS)('While Stripe is in trouble, on %s,', (dialect) => {
  let database: TestDatabase;
  const start = useEngines(
    dialect,
    () => lab,
    (made) => (database = made),
  );
  beforeEach(() => lab.control('DELETE', '/_emulator/faults'));
  const statusOf = async (id: string) => (await findEvent(database.knex, id))?.status;

  it.each([
    ['answers 500', { type: 'error', status: 500 }],
    ['limits the rate', { type: 'rate_limit' }],
    ['breaks connections', { type: 'disconnect', when: 'before' }],
  ])('when it %s: events wait, none dies, and all is done once it is back', async (_, fault) => {
    const story = await beginStory(lab);
    const events = await story.news();
    await lab.control('POST', '/_emulator/faults', {
      ...fault,
      path: '/v1/subscriptions/*',
      method: 'GET',
    });
    const engine = start({ engine: { maxAttempts: 2, outageBase: 10, poll: 20 } });
    for (const event of events) expect((await engine.deliver(event)).status).toBe(500);
    await engine.services.engine.start();
    // Far more tries than an event has attempts.
    const { reader } = engine.services.engine;
    await until(() => Promise.resolve(reader.count() > 5));
    for (const { id } of events) {
      expect(await findEvent(database.knex, id)).toMatchObject({ status: 'waiting', attempts: 0 });
    }
    await lab.control('DELETE', '/_emulator/faults');
    for (const { id } of events) await until(async () => (await statusOf(id)) === 'done');
    expect(await findSubscription(database.knex, story.subscriptionId)).toMatchObject({
      state: 'active',
    });
  });

  it('and refuses the key (401), events wait until somebody has mended it', async () => {
    const story = await beginStory(lab);
    const [event] = await story.news();
    const engine = start({ engine: { maxAttempts: 1 } });
    const read = engine.services.stripe.retrieveSubscription;
    engine.services.stripe.retrieveSubscription = () =>
      Promise.reject(gatewayError('invalid', { status: 401 }));
    expect(await engine.deliver(event)).toMatchObject({ status: 500 });
    expect(await findEvent(database.knex, event!.id)).toMatchObject({
      status: 'waiting',
      attempts: 0,
    });
    engine.services.stripe.retrieveSubscription = read;
    expect(await engine.deliver(event)).toMatchObject({ status: 200 });
  });

  it('with a 429, nothing is read until Retry-After is over', async () => {
    const story = await beginStory(lab);
    const [event] = await story.news();
    const engine = start({ engine: { poll: 10 } });
    const reads: number[] = [];
    const read = engine.services.stripe.retrieveSubscription;
    engine.services.stripe.retrieveSubscription = (id) => {
      reads.push(Date.now());
      return reads.length === 1
        ? Promise.reject(gatewayError('rate_limited', { status: 429, retryAfter: 1.2 }))
        : read(id);
    };
    await engine.services.engine.start();
    expect(await engine.deliver(event)).toMatchObject({ status: 500 });
    await until(async () => (await statusOf(event!.id)) === 'done');
    expect(reads).toHaveLength(2);
    expect(reads[1]! - reads[0]!).toBeGreaterThanOrEqual(1_195);
  });

  it('and it hangs, the read is given up, and the event waits', async () => {
    const story = await beginStory(lab);
    const [event] = await story.news();
    const engine = start({ engine: { readTimeout: 50 } });
    engine.services.stripe.retrieveSubscription = () => new Promise(() => {});
    expect(await engine.deliver(event)).toMatchObject({ status: 500 });
    expect(await findEvent(database.knex, event!.id)).toMatchObject({
      status: 'waiting',
      attempts: 0,
      lastError: 'StripeOutage: Stripe did not answer in time',
    });
  });

  it('reads are made at the rate that was asked for, however many events arrive', async () => {
    const engine = start({ engine: { readsPerSecond: 40 } });
    const began = Date.now();
    const { reader } = engine.services.engine;
    await Promise.all(
      Array.from({ length: 24 }, () => reader.read(() => Promise.resolve(Date.now()))),
    );
    // A tenth of a second's worth goes at once, the rest in turn.
    expect(Date.now() - began).toBeGreaterThanOrEqual(450);
  });

  it('events that gather in a flood are processed while it goes on', async () => {
    const engine = start({ env: { WEBHOOK_ACK: 'stored' } });
    await engine.services.engine.start();
    const story = await beginStory(lab);
    const [event] = await story.news();
    const receipt = { live: false, source: 'webhook' } as const;
    const receive = (id: string) => {
      const receivedAt = Date.now();
      const text = JSON.stringify({ ...event!, id });
      return engine.services.engine.receive(toNewEvent(text, { ...receipt, receivedAt }));
    };
    const over = new AbortController();
    let sent = 0;
    const senders = Array.from({ length: 32 }, async () => {
      while (!over.signal.aborted) {
        await receive(`evt_flood_${(sent += 1)}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    await until(() => Promise.resolve(sent > 300));
    await until(async () => (await statusOf('evt_flood_300')) === 'done');
    const { reader } = engine.services.engine;
    expect(reader.count()).toBeLessThan(sent / 20);
    over.abort();
    await Promise.all(senders);
  });

  it('an event that nobody waits for has its turn although deliveries take every other', async () => {
    const engine = start({ engine: { readsPerSecond: 40 } });
    const { reader, ...services } = engine.services.engine;
    await services.start();
    const story = await beginStory(lab);
    const [event] = await story.news();
    const over = new AbortController();
    const readers = Array.from({ length: 40 }, async () => {
      while (!over.signal.aborted) await reader.read(() => Promise.resolve(null));
    });
    const context = { live: false, receivedAt: Date.now(), source: 'catch_up' } as const;
    await services.store([toNewEvent(JSON.stringify(event), context)]);
    await until(async () => (await statusOf(event!.id)) === 'done');
    over.abort();
    await Promise.all(readers);
  });
});

describe('An event that failed', () => {
  it('is tried again later each time, up to a limit, never in step with the others', () => {
    const options = { retryBase: 1_000, retryMax: 60_000 };
    for (const [attempt, middle] of [
      [1, 1_000],
      [2, 2_000],
      [5, 16_000],
      [7, 60_000],
      [40, 60_000],
    ] as const) {
      const delays = Array.from({ length: 200 }, () => backoff(attempt, options));
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(middle * 0.75);
      expect(Math.max(...delays)).toBeLessThanOrEqual(middle * 1.25);
      expect(new Set(delays).size).toBeGreaterThan(50);
    }
  });

  it('is given up within a day, a mail or webhook not before a weekend is over', () => {
    const stripe = { live: true, apiBase: null } as Config['stripe'];
    const { maxAttempts, maxEffectAttempts, ...rest } = engineOptions({ stripe, workers: 1 });
    const hours = (attempts: number) => {
      let sum = 0;
      for (let attempt = 1; attempt < attempts; attempt += 1) sum += backoff(attempt, rest);
      return sum / 3_600_000;
    };
    expect(hours(maxAttempts)).toBeGreaterThan(6);
    expect(hours(maxAttempts)).toBeLessThan(24);
    expect(hours(maxEffectAttempts)).toBeGreaterThan(48);
    expect(hours(maxEffectAttempts)).toBeLessThan(96);
  });
});

describe('On Postgres, a process', () => {
  it('is woken by what another one stored, long before it would look by itself', async () => {
    const database = await createTestDatabase('postgres');
    const sleeper = lab.engine(database.again(), { engine: { poll: 600_000 } });
    await sleeper.services.engine.start();
    const storing = lab.engine(database, { env: { WEBHOOK_ACK: 'stored' } });
    const story = await beginStory(lab);
    const [event] = await story.news();
    // The listener needs a moment to connect; what comes before is found by polling.
    await until(async () => {
      const { rows } = await database.knex.raw<{ rows: unknown[] }>(
        `SELECT 1 FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'`,
      );
      return rows.length > 0;
    });
    const began = Date.now();
    expect(await storing.deliver(event)).toMatchObject({ status: 200 });
    await until(async () => (await findEvent(database.knex, event!.id))?.status === 'done');
    expect(Date.now() - began).toBeLessThan(5_000);
    await Promise.all([sleeper, storing].map(({ services }) => services.engine.stop()));
    await database.drop();
  });
});

function gatewayError(
  kind: GatewayError['kind'],
  given: { status: number; retryAfter?: number },
): GatewayError {
  return new GatewayError(kind, 'on purpose', {
    code: null,
    declineCode: null,
    retryAfter: given.retryAfter ?? null,
    param: null,
    status: given.status,
    cause: undefined,
  });
}
