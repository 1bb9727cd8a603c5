import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database, Dialect } from '../../../db/database.ts';
import { runChaos, type ChaosPlan, type ChaosResult } from '../../support/chaos.ts';
import { effectKeys, expectConverged } from '../../support/convergence.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab } from '../../support/engine-lab.ts';
import { randomFrom } from '../../support/random.ts';
import { recordTapes, type Tape } from '../../support/tape.ts';

/** `TENURE_TEST_RUNS=10` makes ten times as many runs. */
const FACTOR = Number(process.env['TENURE_TEST_RUNS'] ?? 1);
const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000_000);

const plans = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  processes: fc.integer({ min: 1, max: 4 }),
  trouble: fc.constantFrom(0, 0.1, 0.4, 0.8),
  dropped: fc.constantFrom(0, 0.05, 0.3),
  duplicated: fc.constantFrom(0, 0.3),
});

/** The same promise on either database: whatever happens on the way, the end is what Stripe says. */
export function chaosSuite(dialect: Dialect, runs: number): void {
  describe(`lifecycles on ${dialect}, shuffled, doubled, dropped, with faults everywhere`, () => {
    let lab: EngineLab;
    let tapes: Tape[];
    let database: TestDatabase;
    let databases: Database[];
    const totals: ChaosResult = { faults: 0, crashes: 0, reads: 0, deliveries: 0 };

    beforeAll(async () => {
      lab = await createEngineLab();
      tapes = await recordTapes(lab, { count: 40, steps: 4, seed: SEED });
      database = await createTestDatabase(dialect, { poolSize: 6 });
      databases = [database, database.again(), database.again(), database.again()];
    });
    afterAll(async () => {
      await lab.emulator.close();
      await database.drop();
    });

    /** The effects of the same events, one after the other, without trouble. */
    const expectedEffects = new Map<Tape, string[]>();
    async function effectsOfQuietRun(tape: Tape): Promise<string[]> {
      const known = expectedEffects.get(tape);
      if (known) return known;
      await database.clear();
      const quiet = { seed: 1, processes: 1, trouble: 0, dropped: 0, duplicated: 0 };
      await runChaos(lab, databases, { plan: quiet, tapes: [tape] });
      const keys = await effectKeys(database);
      expectedEffects.set(tape, keys);
      return keys;
    }

    async function check(plan: ChaosPlan): Promise<void> {
      const random = randomFrom(plan.seed);
      const chosen = random.shuffled(tapes).slice(0, 1 + random.below(2));
      const expected: string[] = [];
      for (const tape of chosen) expected.push(...(await effectsOfQuietRun(tape)));
      await database.clear();
      const result = await runChaos(lab, databases, { plan, tapes: chosen });
      for (const key of Object.keys(totals) as (keyof ChaosResult)[]) totals[key] += result[key];
      await expectConverged(database, chosen, lab.engine(database).services.catalogue);
      expect(await effectKeys(database)).toEqual(expected.sort());
    }

    it(
      `end equal to Stripe, every effect once, in ${runs * FACTOR} runs (seed ${SEED})`,
      async () => {
        await fc.assert(fc.asyncProperty(plans, check), {
          numRuns: runs * FACTOR,
          seed: SEED,
          endOnFailure: true,
        });
        expect(totals.crashes).toBeGreaterThan(0);
        expect(totals.faults).toBeGreaterThan(totals.crashes);
        process.stdout.write(
          `${dialect}: ${runs * FACTOR} runs, seed ${SEED}, ${JSON.stringify(totals)}\n`,
        );
      },
      120_000 * FACTOR,
    );
  });
}
