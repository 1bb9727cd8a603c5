import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSubscription } from '../../../db/subscriptions.ts';
import { createAccessCache } from '../../../server/access/cache.ts';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab } from '../../support/engine-lab.ts';
import { liveThrough, type LivedLife, type LifeWorld } from '../../support/engine-life.ts';
import { expectHistory } from '../../support/expected-history.ts';
import { sizeOf } from '../../support/sizes.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhook-receiver.ts';

/** A failing life is lived again by the seed that it prints. */
const SEED = process.env['TENURE_TEST_SEED'];
const RUNS = Number(process.env['TENURE_TEST_RUNS'] ?? sizeOf({ sample: 50, full: 300 }));
const LIVES = SEED === undefined ? RUNS : 1;

let emulator: RunningEmulator;
let database: TestDatabase;
let receiver: WebhookReceiver;
beforeAll(async () => {
  [emulator, receiver, database] = await Promise.all([
    startEmulator({ port: 0 }),
    startWebhookReceiver(),
    createTestDatabase('sqlite'),
  ]);
});
afterAll(async () => {
  await receiver.close();
  await emulator.close();
  await database.drop();
});

describe('lives through engine and emulator', () => {
  const seeds = Array.from({ length: LIVES }, () => Math.floor(Math.random() * 2 ** 31));
  it.each(SEED === undefined ? seeds : [Number(SEED)])(
    'P-1, P-2, P-23, P-24, P-26: the lines and the outgoing webhooks are what Stripe’s objects went through (TENURE_TEST_SEED=%i)',
    async (seed) => {
      await database.clear();
      const lab = await createEngineLab(emulator);
      receiver.changes.length = 0;
      const access = createAccessCache(database, { plans: [], products: [] });
      const world: LifeWorld = { lab, database, receiver, access };
      const life = await liveThrough(world, seed);
      for (const [nth, id] of life.subscriptionIds.entries()) {
        await expectTold(life, { id, isReturn: nth > 0 });
      }
    },
    120_000,
  );
});

/** What is noted of first sight and not sent. */
const QUIET = 'not sent: it was told before';

/** What our own server asks of Stripe by itself is known by its key; the rest by who acted when Stripe made the event. */
function expectedActors(event: Stripe.Event, life: LivedLife): string[] {
  const key = event.request?.idempotency_key ?? '';
  if (key.startsWith('tenure-final-')) return ['dunning'];
  if (key.startsWith('tenure-dispute-')) return ['system'];
  const doer = life.doers.get(event.id)!;
  if (doer === 'user') return [life.user];
  return doer === 'dashboard' ? ['dashboard'] : ['stripe', 'dunning'];
}

async function expectTold(
  life: LivedLife,
  { id, isReturn }: { id: string; isReturn: boolean },
): Promise<void> {
  const { events } = life;
  const story = life.story.join('\n');
  const { catalogue } = life.engine.services;
  const lines = await expectHistory(database.knex, {
    subscriptionId: id,
    events,
    catalogue,
    isReturn,
    story,
  });
  for (const line of lines) {
    const event = events.find((each) => each.id === line.cause.id)!;
    const about = `${story}\n${id} ${line.from} -> ${line.to} (${line.event}, ${event.id})`;
    expect(expectedActors(event, life), about).toContain(line.actor);
  }
  const told = receiver.changes.filter(({ subscriptionId }) => subscriptionId === id);
  const numbers = told.map(({ number }) => number);
  expect(new Set(numbers).size, `${story}: each number is told once`).toBe(numbers.length);
  const inTurn = told.filter(({ late }) => !late).map(({ number }) => number);
  expect(inTurn, `${story}: in their order`).toEqual(inTurn.toSorted((a, b) => a - b));
  const rows = await database.knex('outbox').where({ line_of: id, last_error: QUIET });
  const quiet = new Set(rows.map((row: { line_number: number }) => row.line_number));
  const open = lines.filter(({ number }) => !quiet.has(number ?? 0));
  for (const { number } of open) expect(numbers, `${story}: each line is told`).toContain(number);
  const last = told.find(({ number }) => number === Math.max(...numbers));
  const row = await findSubscription(database.knex, id);
  if (last) expect(last.to, `${story}: the highest number is how it is`).toBe(row?.state);
}
