import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectConverged } from '../../support/convergence.ts';
import { begunList } from '../../support/begun-list.ts';
import { createTestDatabase, DIALECTS } from '../../support/databases.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../../support/engine-lab.ts';
import { randomFrom } from '../../support/random.ts';
import { RUNS, SAMPLED } from '../../support/sizes.ts';
import { recordTapes, type Tape } from '../../support/tape.ts';

const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000_000);
const SUBSCRIPTIONS = {
  postgres: SAMPLED ? 100 : 500,
  // More runs make it as large on SQLite as it is on Postgres.
  sqlite: SAMPLED ? 50 : RUNS > 1 ? 500 : 100,
};
const EVENTS_EACH = 20;
const MOST_READS_PER_EVENT = 0.2;

let lab: EngineLab;
let lives: Tape[];
beforeAll(async () => {
  lab = await createEngineLab();
  const recorded = (await recordTapes(lab, { count: 30, steps: 9, seed: SEED }))
    // One subscription each, with much to tell.
    .filter((tape) => tape.steps.at(-1)!.objects.size === 1)
    .toSorted((a, b) => eventsOf(b).length - eventsOf(a).length);
  lives = recorded.slice(0, 10);
});
afterAll(() => lab.emulator.close());

const eventsOf = (tape: Tape) => tape.steps.flatMap((step) => step.events);

/** The same life of somebody else: every id gets a suffix. */
function copyOf(tape: Tape, number: number): Tape {
  const rename = (text: string) =>
    text.replaceAll(
      /"((?:(?:user_of_)?cus|sub|evt|in|si|il|pm|sub_sched|cs)_\w{8,})"/g,
      `"$1k${number}"`,
    );
  return {
    customerId: `${tape.customerId}k${number}`,
    steps: tape.steps.map(({ name, events, objects }) => ({
      name,
      events: JSON.parse(rename(JSON.stringify(events))) as Stripe.Event[],
      objects: new Map(
        [...objects].map(([id, object]) => [
          `${id}k${number}`,
          JSON.parse(rename(JSON.stringify(object))) as Stripe.Subscription,
        ]),
      ),
    })),
  };
}

describe.each(DIALECTS)('A burst on %s', (dialect) => {
  const subscriptions = SUBSCRIPTIONS[dialect];
  const wanted = subscriptions * EVENTS_EACH;

  it(
    `of at least ${wanted} events of ${subscriptions} subscriptions costs few reads, and each history is whole (seed ${SEED})`,
    { timeout: 120_000 },
    async () => {
      const database = await createTestDatabase(dialect, { poolSize: 8 });
      const random = randomFrom(SEED);
      const tapes = Array.from({ length: subscriptions }, (_, i) =>
        copyOf(lives[i % lives.length]!, i),
      );
      // Some events come twice, to make up the number.
      const distinct = tapes.flatMap(eventsOf);
      const again = random.shuffled(distinct).slice(0, Math.max(0, wanted - distinct.length));
      const deliveries = random.shuffled([...distinct, ...again]);

      const objects = new Map(tapes.flatMap((tape) => [...tape.steps.at(-1)!.objects]));
      let reads = 0;
      const handles = dialect === 'postgres' ? [database, database.again()] : [database];
      const engines = handles.map((handle) => {
        const engine = lab.engine(handle, { env: { WEBHOOK_ACK: 'stored' } });
        engine.services.stripe.retrieveSubscription = async (id) => {
          reads += 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
          return objects.get(id)!;
        };
        engine.services.stripe.subscriptionsBegun = async (span) => {
          reads += 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
          return begunList(objects.values(), span);
        };
        engine.services.stripe.retrieveInvoice = () =>
          Promise.resolve({ status: 'paid' } as Stripe.Invoice);
        return engine;
      });
      for (const { services } of engines) await services.engine.start();
      const began = performance.now();
      await deliverAll(engines, deliveries);
      const acknowledged = performance.now() - began;
      for (;;) {
        const waiting = await database
          .knex('webhook_events')
          .where({ status: 'waiting' })
          .first('id');
        const effect = await database.knex('outbox').where({ status: 'waiting' }).first('id');
        if (!waiting && !effect) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const done = performance.now() - began;
      for (const { services } of engines) await services.engine.stop();
      expect(reads / deliveries.length).toBeLessThanOrEqual(MOST_READS_PER_EVENT);
      await expectConverged(database, tapes, engines[0]!.services.catalogue);
      process.stdout.write(
        `${dialect}: ${deliveries.length} events, ${(reads / deliveries.length).toFixed(3)} reads per event, ` +
          `acknowledged in ${(acknowledged / 1000).toFixed(1)} s, done in ${(done / 1000).toFixed(1)} s\n`,
      );
      await database.drop();
    },
  );
});

/** A hundred at a time, as many connections would bring them. */
async function deliverAll(engines: LabEngine[], events: Stripe.Event[]): Promise<void> {
  let next = 0;
  async function connection(): Promise<void> {
    while (next < events.length) {
      const i = next;
      next += 1;
      const { status } = await engines[i % engines.length]!.deliver(events[i]);
      if (status !== 200) throw new Error(`Event ${i} was answered ${status}`);
    }
  }
  await Promise.all(Array.from({ length: 100 }, connection));
}
