import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIALECTS } from '../../support/databases.ts';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { randomFrom } from '../../support/random.ts';
import { prepareServerProcesses, type ServerProcesses } from '../../support/server-processes.ts';
import { playRound, newlyLived, type RoundPlan } from './round.ts';
import { TROUBLES } from './troubles.ts';
import { openWorld } from './world.ts';

const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000_000);
/** Set by `npm run chaos:soak`; without it there is one small round. */
const MINUTES = Number(process.env['TENURE_SOAK_MINUTES'] ?? 0);
/** What was lived through is compared in full after each round: a world begins anew before that takes long. */
const ROUNDS_OF_A_WORLD = 8;

let emulator: RunningEmulator;
let processes: ServerProcesses;
beforeAll(async () => {
  [emulator, processes] = await Promise.all([startEmulator({ port: 0 }), prepareServerProcesses()]);
});
afterAll(async () => {
  await processes.close();
  await emulator.close();
});

const ONLY = process.env['TENURE_SOAK_ONLY'];
const dialects = DIALECTS.filter((each) =>
  MINUTES > 0 ? each === (ONLY ?? each) : each === 'postgres',
);

describe.each(dialects)('Server processes on %s that everything happens to', (dialect) => {
  const random = randomFrom(SEED);
  const troubles = TROUBLES[dialect];
  const { kill, databaseCut, lockedRow, mailRefused } = troubles;
  const sample: RoundPlan = {
    troubles: {
      kill: kill!,
      databaseCut: databaseCut!,
      lockedRow: lockedRow!,
      mailRefused: mailRefused!,
    },
    count: 4,
    lives: 2,
    holdMs: 2_000,
    lost: 0,
    doubled: 0.3,
  };
  const anyPlan = (): RoundPlan => ({
    troubles,
    count: 1 + random.below(4),
    lives: 4,
    holdMs: random.pick([5_000, 10_000, 20_000]),
    lost: random.pick([0, 0.1, 0.4]),
    doubled: random.pick([0, 0.4]),
  });

  it(
    `end equal to Stripe, with each mail and webhook once, within 30 s of the last trouble (seed ${SEED})`,
    { timeout: 120_000 + MINUTES * 90_000 },
    async () => {
      const until = performance.now() + (MINUTES * 60_000) / dialects.length;
      let rounds = 0;
      do {
        const world = await openWorld({ dialect, emulator, processes });
        try {
          const { catalogue } = world.lab.engine(world.database).services;
          const record = newlyLived(world);
          for (let round = 0; round < ROUNDS_OF_A_WORLD; round += 1) {
            const plan = MINUTES > 0 ? anyPlan() : sample;
            const result = await playRound({ world, record, catalogue, random }, plan);
            rounds += 1;
            process.stdout.write(`${dialect} ${rounds}: ${JSON.stringify(result)}\n`);
            expect(result.lines).toBeGreaterThan(0);
            if (performance.now() >= until) break;
          }
        } finally {
          await world.close();
        }
      } while (performance.now() < until);
      process.stdout.write(`${dialect}: ${rounds} rounds without a difference (seed ${SEED})\n`);
    },
  );
});
