import type Stripe from 'stripe';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../db/database.ts';
import { migrate } from '../../../db/migrate.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { compareFacts } from '../../../server/operations/compare-facts.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../../support/engine-lab.ts';
import type { PostgresServer } from '../../../scripts/postgres/start-postgres.ts';
import { startPostgres } from '../../support/postgres-setup.ts';
import { beginStory, type Story } from '../../support/subscription-story.ts';

const STOPS = 2;

let lab: EngineLab;
let postgres: PostgresServer;
const databases: Database[] = [];
beforeAll(async () => {
  [lab, postgres] = await Promise.all([createEngineLab(), startPostgres()]);
});
afterAll(async () => {
  await Promise.all(databases.map((database) => database.close()));
  await postgres.remove();
  await lab.emulator.close();
});

function open(): Database {
  const database = openDatabase(`${postgres.url}/postgres`, { acquireTimeout: 2_000 });
  databases.push(database);
  return database;
}

it(
  'PostgreSQL stopped and started again under load: nothing that was acknowledged is lost',
  { timeout: 90_000 },
  async () => {
    const database = open();
    await migrate(database);
    const engines: LabEngine[] = [
      lab.engine(database, { engine: { lease: 1_000, effectLease: 1_000 } }),
      lab.engine(open(), {
        engine: { lease: 1_000, effectLease: 1_000 },
        env: { WEBHOOK_ACK: 'stored' },
      }),
    ];
    for (const { services } of engines) await services.engine.start();

    const stories: Story[] = [];
    const acknowledged = new Set<string>();
    const given = { events: new Set<string>(), refused: 0 };
    const end = new AbortController();

    /** Stripe: delivers each event until it is taken. */
    async function send(event: Stripe.Event, i: number): Promise<void> {
      given.events.add(event.id);
      for (let attempt = 0; ; attempt += 1) {
        const { status } = await engines[(i + attempt) % 2]!.deliver(event);
        if (status === 200) {
          acknowledged.add(event.id);
          return;
        }
        given.refused += 1;
        expect(status).toBeGreaterThanOrEqual(500);
        await pause(100);
      }
    }
    /** A shop with customers all the time. */
    async function live(): Promise<void> {
      for (let i = 0; !end.signal.aborted; i += 1) {
        const story = await beginStory(lab);
        stories.push(story);
        await lab.stripe.subscriptions.update(story.subscriptionId, { cancel_at_period_end: true });
        await Promise.all((await story.news()).map((event) => send(event, i)));
      }
    }

    const life = Promise.all([live(), live(), live()]);
    for (let stop = 0; stop < STOPS; stop += 1) {
      await pause(700);
      await postgres.stop();
      await pause(500);
      await postgres.start();
    }
    await pause(700);
    end.abort();
    await life;

    expect(given.refused).toBeGreaterThan(0);
    expect(acknowledged).toEqual(given.events);
    await untilQuiet(database);
    const stored: { id: string; status: string }[] = await database
      .knex('webhook_events')
      .select('id', 'status');
    expect(new Set(stored.map(({ id }) => id))).toEqual(acknowledged);
    expect(stored.filter(({ status }) => status !== 'done')).toEqual([]);
    for (const story of stories) {
      const row = await findSubscription(database.knex, story.subscriptionId);
      expect(compareFacts(row!.facts, readSubscription(await story.now()))).toEqual([]);
    }
    expect(await database.knex('outbox').whereNot({ status: 'delivered' })).toEqual([]);
    expect(await database.knex('outbox').where({ kind: 'mail.receipt' })).toHaveLength(
      stories.length,
    );
    await Promise.all(engines.map(({ services }) => services.engine.stop()));
    process.stdout.write(
      `PostgreSQL stopped ${STOPS} times: ${acknowledged.size} events acknowledged, ${given.refused} refusals\n`,
    );
  },
);

async function untilQuiet({ knex }: Database): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const event = await knex('webhook_events')
      .where({ status: 'waiting' })
      .first('id', 'last_error');
    const effect = await knex('outbox').where({ status: 'waiting' }).first('id', 'last_error');
    if (!event && !effect) return;
    if (Date.now() > deadline) throw new Error(`Still waiting: ${JSON.stringify(event ?? effect)}`);
    await pause(50);
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
