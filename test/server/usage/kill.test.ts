import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stripe } from 'stripe';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { upsertSubscriptions } from '../../../db/subscriptions.ts';
import { loadCatalogue } from '../../../server/catalogue/catalogue.ts';
import { loadConfig } from '../../../server/config/config.ts';
import { createLogger } from '../../../server/lib/log.ts';
import { createServices } from '../../../server/app/compose.ts';
import type { StoredSubscription } from '../../../state/types.ts';
import { aStoredSubscription, aSubscriptionFacts } from '../../support/factories.ts';
import { bundled } from '../../support/bundled.ts';
import { createTestDatabase, DIALECTS, type TestDatabase } from '../../support/databases.ts';
import { RUNS, SAMPLED, sizeOf } from '../../support/sizes.ts';
import { METER, meteredPlans, pieceOf } from './metered-plans.ts';

/** `TENURE_TEST_RUNS=20`: a million calls over a thousand customers. */
const CALLS = sizeOf({ sample: 5_000, full: 50_000 });
const CUSTOMERS = Math.min(1_000, sizeOf({ sample: 25, full: 100 }));
const KILLS = SAMPLED ? 1 : 2;

describe.each(DIALECTS)('Usage whose process is killed, on %s', (dialect) => {
  let emulator: RunningEmulator;
  let stripe: Stripe;
  let database: TestDatabase;
  let script: string;
  let env: Record<string, string>;
  const customerIds: string[] = [];

  beforeAll(async () => {
    emulator = await startEmulator({ port: 0 });
    script = await bundled(new URL('./usage-process.ts', import.meta.url));
    const secretKey = `sk_test_${randomBytes(12).toString('hex')}`;
    const url = new URL(emulator.url);
    stripe = new Stripe(secretKey, {
      host: url.hostname,
      port: url.port,
      protocol: 'http',
      telemetry: false,
    });
    database = await createTestDatabase(dialect);
    for (let i = 0; i < CUSTOMERS; i += 1) {
      customerIds.push((await stripe.customers.create()).id);
    }
    await database.knex.batchInsert(
      'customers',
      customerIds.map((id, i) => ({ user_id: `user_${i}`, stripe_customer_id: id, created_at: 0 })),
      100,
    );
    env = {
      ...(await meteredPlans(stripe)),
      STRIPE_SECRET_KEY: secretKey,
      STRIPE_WEBHOOK_SECRET: 'whsec_of_this_test',
      STRIPE_API_BASE: emulator.url,
      DATABASE_URL: database.url,
    };
    await upsertSubscriptions(database.knex, customerIds.map(billedByUsage));
  });
  afterAll(async () => {
    await emulator.close();
    await database.drop();
    await rm(script, { force: true });
  });

  /** Usage is taken of those only whose subscription bills it. */
  function billedByUsage(customerId: string, i: number): StoredSubscription {
    const { plans } = loadCatalogue(loadConfig(env), env);
    const priceId = plans.find(({ id }) => id === 'metered')!.prices.monthly!.priceId;
    const facts = aSubscriptionFacts({ customerId });
    const items = facts.items.map((item) => ({ ...item, priceId, quantity: null, metered: true }));
    return aStoredSubscription({ customerId, userId: `user_${i}`, facts: { ...facts, items } });
  }

  it(
    'is neither lost nor counted twice, and a round makes one call for each customer at most',
    async () => {
      let recorded = 0;
      const rounds: number[] = [];
      for (let kill = 1; kill <= KILLS; kill += 1) {
        // It begins again a little before what it knows to be stored, as a sender that was told nothing does.
        const from = Math.max(0, recorded - 2_000);
        const goal = Math.round((CALLS * kill) / (KILLS + 1));
        const told = await run([from, CALLS, CUSTOMERS], (so_far) => so_far >= goal);
        expect(told.killed).toBe(true);
        recorded = Math.max(recorded, told.recorded);
        rounds.push(...told.rounds);
      }
      const last = await run([Math.max(0, recorded - 2_000), CALLS, CUSTOMERS], () => false);
      expect(last).toMatchObject({ killed: false, recorded: CALLS });
      rounds.push(...last.rounds);

      const services = createServices(loadConfig(env), {
        log: createLogger({ level: 'silent' }),
        usage: { flushEvery: 0 },
      });
      // The lease of the process that was killed last has to end; another one cannot know that it is dead.
      await database.knex('cursors').update({ lease_until: 0 });
      const flushed = await services.usage.flush();
      rounds.push(flushed.calls / flushed.rounds);
      const expected = new Map<string, number>();
      for (let i = 0; i < CALLS; i += 1) {
        const { user, quantity } = pieceOf(i, CUSTOMERS);
        expected.set(user, (expected.get(user) ?? 0) + quantity);
      }
      const meter = (await services.usage.meters.find(METER))!;
      const day = 86_400;
      const from = Math.floor(Date.now() / 1000 / day) * day - day;
      for (const [user, sum] of expected) {
        const customer = customerIds[Number(user.slice('user_'.length))]!;
        const there = await services.stripe.meterTotal(meter.id, customer, {
          from,
          until: from + 3 * day,
        });
        if (there !== sum) expect({ user, there }).toEqual({ user, there: sum });
      }
      const totals = await database.knex('usage_totals').sum({ quantity: 'quantity' }).first();
      const sum = [...expected.values()].reduce((all, each) => all + each, 0);
      expect(Number(totals?.['quantity'])).toBe(sum);
      expect(Math.max(...rounds)).toBeLessThanOrEqual(CUSTOMERS);
      await services.close();
    },
    120_000 * RUNS,
  );

  interface Told {
    recorded: number;
    rounds: number[];
    killed: boolean;
  }

  /** Runs the process until it is done or `enough` says to kill it. */
  async function run(args: number[], enough: (recorded: number) => boolean): Promise<Told> {
    const child = spawn(process.execPath, [script, ...args.map(String)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const told: Told = { recorded: 0, rounds: [], killed: false };
    for await (const line of createInterface({ input: child.stdout })) {
      const [word, value] = line.split(' ');
      if (word === 'recorded') told.recorded = Number(value);
      if (word === 'flushed') told.rounds.push(Number(value));
      if (!told.killed && enough(told.recorded)) {
        told.killed = true;
        // In the middle of whatever it does: a chunk is being stored, a round is under way.
        setTimeout(() => child.kill('SIGKILL'), Math.random() * 30);
      }
    }
    await exited;
    return told;
  }
});
