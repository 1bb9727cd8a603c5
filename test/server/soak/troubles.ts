import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../../../db/database.ts';
import { migrate } from '../../../db/migrate.ts';
import { migrations } from '../../../db/migrations/index.ts';
import { clockOffBy, FAKETIME } from '../../support/faketime.ts';
import { nextRelease } from '../../support/next-release.ts';
import type { Random } from '../../support/random.ts';
import { comesTrue, readyOf, type Seat, type World } from './world.ts';

/** `/readyz` must say within this what is so. */
const HONEST_MS = 15_000;

export interface Scene {
  world: World;
  random: Random;
  /** Longest time that a trouble goes on for, in ms. */
  holdMs: number;
  /** Told what was found to be wrong. */
  fail: (text: string) => void;
}

/** Begins, goes on for a while and is over when it resolves. */
export type Trouble = (scene: Scene) => Promise<string>;

const held = ({ random, holdMs }: Scene, least = 2_000) =>
  Math.min(holdMs, least + random.below(Math.max(1, holdMs - least)));

/** One server is out of order meanwhile. */
async function breaking(scene: Scene, act: (seat: Seat) => Promise<string>): Promise<string> {
  const whole = scene.world.seats.filter(({ isBroken }) => !isBroken);
  const seat = scene.random.pick(whole.length > 0 ? whole : scene.world.seats);
  if (seat.isBroken) return 'every server is broken already';
  seat.isBroken = true;
  try {
    return `${seat.name}: ${await act(seat)}`;
  } finally {
    seat.isBroken = false;
  }
}

/** No database for one server: it must say that it is not ready, and go on saying so. */
function databaseGone(scene: Scene, how: 'cut' | 'swallow'): Promise<string> {
  return breaking(scene, async (seat) => {
    const { database } = seat;
    if (!database) return 'no connection to break';
    const ms = held(scene);
    const from = performance.now();
    database[how]();
    const said = await comesTrue(async () => (await readyOf(seat)) !== 200, HONEST_MS);
    if (!said) scene.fail(`${seat.name}: /readyz is 200 for 15 s without its database (${how})`);
    await sleep(Math.max(0, ms - (performance.now() - from)));
    if ((await readyOf(seat)) === 200) scene.fail(`${seat.name}: /readyz is 200 again, ${how}`);
    database.restore();
    return `database ${how} for ${seconds(performance.now() - from)}`;
  });
}

function stripeGone(scene: Scene, how: 'cut' | 'swallow'): Promise<string> {
  const ms = held(scene);
  const seat = scene.random.pick(scene.world.seats);
  seat.stripe[how]();
  return sleep(ms).then(() => {
    seat.stripe.restore();
    return `${seat.name}: Stripe ${how} for ${seconds(ms)}`;
  });
}

/** Faults of the local Stripe, for reads. */
function reading(fault: object): Trouble {
  return async (scene) => {
    const { lab } = scene.world;
    const ms = held(scene);
    const made = (await lab.control('POST', '/_emulator/faults', { method: 'GET', ...fault })) as {
      id: string;
    };
    await sleep(ms);
    await lab.control('DELETE', `/_emulator/faults/${made.id}`);
    return `${JSON.stringify(fault)} for ${seconds(ms)}`;
  };
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

const BOTH: Record<string, Trouble> = {
  stop: (scene) =>
    breaking(scene, async (seat) => {
      // Beyond the leases: others take its work over, and it must see that when it goes on.
      const ms = held(scene, 5_000);
      seat.process.signal('SIGSTOP');
      await sleep(ms);
      seat.process.signal('SIGCONT');
      return `stopped for ${seconds(ms)}`;
    }),
  kill: (scene) =>
    breaking(scene, async (seat) => {
      await sleep(scene.random.below(2_000));
      await seat.restart();
      return 'killed and started again';
    }),
  stripeCut: (scene) => stripeGone(scene, 'cut'),
  stripeSilent: (scene) => stripeGone(scene, 'swallow'),
  tooMany: reading({ type: 'rate_limit', probability: 0.4 }),
  errors: reading({ type: 'error', status: 500, probability: 0.4 }),
  slow: reading({ type: 'latency', ms: 800 }),
  old: reading({ type: 'late_answer', ms: 1_500, path: '/v1/subscriptions/*' }),
  halves: reading({ type: 'disconnect', when: 'mid_body', probability: 0.3 }),
  /** A newer release comes: it migrates beside the servers, which are the older ones from then on, and one starts again. */
  rollout: (scene) =>
    breaking(scene, async (seat) => {
      const newer = scene.world.database.again();
      try {
        const made = await migrate(newer, { list: [...migrations, nextRelease] });
        await seat.restart();
        const ready = await comesTrue(async () => (await readyOf(seat)) === 200, HONEST_MS);
        // Other troubles of the same time may keep it from that.
        const unready = ready ? '' : ', and is not ready yet';
        return `${made.length > 0 ? 'older than the schema' : 'older still'}, started again${unready}`;
      } finally {
        await newer.close();
      }
    }),
  mailRefused: async ({ world, random }) => {
    const count = 1 + random.below(3);
    world.mail.refuse(count);
    return `${count} mails refused`;
  },
};

const POSTGRES: Record<string, Trouble> = {
  databaseCut: (scene) => databaseGone(scene, 'cut'),
  databaseSilent: (scene) => databaseGone(scene, 'swallow'),
  /** What was connected is never heard of again; new connections are good. */
  connectionsSilent: async ({ world, random }) => {
    const seat = random.pick(world.seats);
    seat.database?.silence();
    return `${seat.name}: its connections to the database went silent`;
  },
  lockedRow: (scene) =>
    locking(scene, async (trx) => {
      let row: { id: string } | undefined;
      const find = async () => {
        row = await trx('subscriptions').orderByRaw('random()').forUpdate().first('id');
        return row !== undefined;
      };
      await comesTrue(find, 5_000);
      return row?.id ?? 'no row';
    }),
};

const SQLITE: Record<string, Trouble> = {
  lockedFile: (scene) =>
    locking(scene, async (trx) => {
      await trx('subscriptions').update({ updated_at: trx.ref('updated_at') });
      return 'the file';
    }),
};

/** Another program takes a lock and does not come to an end. */
async function locking(scene: Scene, lock: (trx: Db) => Promise<string>): Promise<string> {
  const other = scene.world.database.again();
  const ms = held(scene);
  const trx = await other.knex.transaction();
  try {
    const what = await lock(trx);
    await sleep(ms);
    return `${what} locked for ${seconds(ms)}`;
  } finally {
    await trx.rollback();
    await other.close();
  }
}

const CLOCKS: Record<string, Trouble> = FAKETIME
  ? {
      clock: (scene) =>
        breaking(scene, async (seat) => {
          const offset = scene.random.pick(['-120s', '-20s', '-5s', '+5s', '+20s', '+120s', '+1h']);
          await seat.restart(clockOffBy(offset));
          if (offset === '+1h') {
            const said = await comesTrue(async () => (await readyOf(seat)) === 503, HONEST_MS);
            if (!said) scene.fail(`${seat.name}: /readyz is 200 with a clock that is wrong by 1 h`);
          }
          await sleep(held(scene));
          await seat.restart();
          return `clock ${offset}`;
        }),
    }
  : {};

export const TROUBLES: Record<'postgres' | 'sqlite', Record<string, Trouble>> = {
  postgres: { ...BOTH, ...CLOCKS, ...POSTGRES },
  sqlite: { ...BOTH, ...CLOCKS, ...SQLITE },
};
