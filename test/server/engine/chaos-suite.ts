import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database, Dialect } from '../../../db/database.ts';
import { createAccessCache } from '../../../server/access/cache.ts';
import type { AccessCache } from '../../../server/lib/services.ts';
import type { Catalogue } from '../../../state/catalogue.ts';
import { runChaos, type ChaosPlan, type ChaosResult } from '../../support/chaos.ts';
import { effectKeys, expectConverged } from '../../support/convergence.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab } from '../../support/engine-lab.ts';
import { randomFrom } from '../../support/random.ts';
import { RUNS, SAMPLED, sizeOf } from '../../support/sizes.ts';
import { recordTapes, type Tape } from '../../support/tape.ts';

const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000_000);

const plans = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  processes: fc.integer({ min: 1, max: 4 }),
  trouble: fc.constantFrom(0, 0.1, 0.4, 0.8),
  dropped: fc.constantFrom(0, 0.05, 0.3),
  duplicated: fc.constantFrom(0, 0.3),
});

/** Runs that go on at the same time, each on a database of its own: most of a run is waiting. */
const LANES = SAMPLED ? 3 : 5;

interface Lane {
  database: TestDatabase;
  /** One handle for each process. */
  handles: Database[];
  access: AccessCache;
}

/** The same promise on either database: whatever happens on the way, the end is what Stripe says. */
export function chaosSuite(dialect: Dialect, size: { sample: number; full: number }): void {
  const runs = sizeOf(size);
  describe(`lifecycles on ${dialect}, shuffled, doubled, dropped, with faults everywhere`, () => {
    let lab: EngineLab;
    let catalogue: Catalogue;
    let tapes: Tape[];
    let lanes: Lane[];
    let failed = false;
    const totals: ChaosResult = { faults: 0, crashes: 0, reads: 0, deliveries: 0, together: 0 };

    beforeAll(async () => {
      lab = await createEngineLab();
      tapes = [
        ...(await recordTapes(lab, {
          count: sizeOf({ sample: 10, full: 30 }),
          steps: 2,
          seed: SEED,
        })),
        ...(await recordTapes(lab, {
          count: sizeOf({ sample: 4, full: 12 }),
          steps: 5,
          seed: SEED + 1_000,
        })),
      ];
      lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(dialect)));
      catalogue = lab.engine(lanes[0]!.database).services.catalogue;
    });
    afterAll(async () => {
      await lab.emulator.close();
      await Promise.all(lanes.map(({ database }) => database.drop()));
    });

    async function play(lane: Lane, plan: ChaosPlan, chosen: Tape[]): Promise<ChaosResult> {
      await lane.database.clear();
      lane.access.invalidateAll();
      return runChaos(lab, lane.handles, { plan, tapes: chosen, access: lane.access });
    }

    /** The effects of the same events, one after the other, without trouble. */
    const expectedEffects = new Map<Tape, string[]>();
    async function effectsOfQuietRun(lane: Lane, tape: Tape): Promise<string[]> {
      const known = expectedEffects.get(tape);
      if (known) return known;
      const quiet = { seed: 1, processes: 1, trouble: 0, dropped: 0, duplicated: 0 };
      await play(lane, quiet, [tape]);
      const keys = await effectKeys(lane.database);
      expectedEffects.set(tape, keys);
      return keys;
    }

    async function check(lane: Lane, plan: ChaosPlan): Promise<void> {
      if (failed) return;
      const random = randomFrom(plan.seed);
      // In a crowd, subscriptions are read together.
      const lives = random.chance(0.03) ? 8 : random.chance(0.2) ? 2 : 1;
      const chosen = random.shuffled(tapes).slice(0, lives);
      const expected: string[] = [];
      for (const tape of chosen) expected.push(...(await effectsOfQuietRun(lane, tape)));
      const result = await play(lane, plan, chosen);
      for (const key of Object.keys(totals) as (keyof ChaosResult)[]) totals[key] += result[key];
      await expectConverged(lane.database, chosen, catalogue);
      expect(await effectKeys(lane.database)).toEqual(expected.sort());
    }

    async function runLane(lane: Lane, index: number): Promise<void> {
      try {
        await fc.assert(
          fc.asyncProperty(plans, (plan) => check(lane, plan)),
          { numRuns: runs / LANES, seed: SEED + index, endOnFailure: true },
        );
      } catch (error) {
        // The others end soon instead of going on on databases that are about to go.
        failed = true;
        throw error;
      }
    }

    it(
      `end equal to Stripe, every effect once, in ${runs} runs (seed ${SEED})`,
      async () => {
        const before = process.cpuUsage();
        const ended = await Promise.allSettled(lanes.map(runLane));
        for (const end of ended) if (end.status === 'rejected') throw end.reason;
        expect(totals.crashes).toBeGreaterThan(0);
        expect(totals.faults).toBeGreaterThan(totals.crashes);
        const { user, system } = process.cpuUsage(before);
        const cpu = Math.round((user + system) / 1e6);
        process.stdout.write(
          `${dialect}: ${runs} runs, seed ${SEED}, ${cpu} s of CPU, ${JSON.stringify(totals)}\n`,
        );
      },
      480_000 * RUNS,
    );
  });
}

async function openLane(dialect: Dialect): Promise<Lane> {
  const database = await createTestDatabase(dialect, { poolSize: 6 });
  const handles = [database, database.again(), database.again(), database.again()];
  return { database, handles, access: createAccessCache(database, { plans: [], products: [] }) };
}
