import { randomUUID } from 'node:crypto';
import { isGivenBack } from '../../db/command-locks.ts';
import type { Db } from '../../db/database.ts';
import { claimCustomer, releaseClaim, renewClaim, type Claim } from '../../db/customer-locks.ts';
import { AppError } from '../http/errors.ts';
import { startHeartbeat } from '../lib/lease.ts';
import { sleep } from '../lib/limit.ts';
import type { Services } from '../lib/services.ts';

/** A process that dies in the middle of a command gives the user free after this long; one that works renews it. */
const LEASE_MS = 60_000;
/** How long a second click waits for the first one to end before it is answered 409. */
const WAIT_MS = 15_000;

/** Between two looks at a lock that another process holds, at first and at most; in ms. */
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 400;
/** A holder that died never gives it back: it is claimed all the same, so often. */
const CLAIM_EVERY_MS = 1_000;

const inOrder: InOrder = createInOrder();

/**
 * Runs one command of a user at a time, whichever process it reached: the second click, or the other tab, finds
 * the state that the first one left. Throws 409 `stripe_conflict` when the first one takes too long.
 */
export async function withCustomerLock<T>(
  services: Services,
  userId: string,
  task: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + WAIT_MS;
  // Two databases of one process have two users of this name.
  const done = await inOrder(`${services.database.url} ${userId}`, WAIT_MS, () =>
    withLease(services, { userId, deadline }, task),
  );
  if (done === null) throw stillBusy();
  return done.result;
}

async function withLease<T>(
  services: Services,
  { userId, deadline }: { userId: string; deadline: number },
  task: () => Promise<T>,
): Promise<T> {
  const db = services.database.knex;
  const owner = randomUUID();
  const claim = await takeLock(db, { userId, owner, deadline });
  const terms = { owner, duration: LEASE_MS };
  const stopHeartbeat = startHeartbeat(() => renewClaim(db, claim, terms), {
    leaseMs: LEASE_MS,
    failed: (error) =>
      services.log.warn({ err: error, userId }, 'could not renew the lease of a command'),
  });
  try {
    return await task();
  } finally {
    stopHeartbeat();
    await releaseClaim(db, claim, owner);
  }
}

async function takeLock(
  db: Db,
  { userId, owner, deadline }: { userId: string; owner: string; deadline: number },
): Promise<Claim> {
  const key = `command of ${userId}`;
  for (;;) {
    const claim = await claimCustomer(db, key, { owner, duration: LEASE_MS });
    if (claim) return claim;
    const claimAgainAt = performance.now() + CLAIM_EVERY_MS;
    let pause = FIRST_PAUSE_MS;
    do {
      if (performance.now() >= deadline) throw stillBusy();
      await sleep(pause * (0.5 + Math.random()));
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    } while (performance.now() < claimAgainAt && !(await isGivenBack(db, key)));
  }
}

function stillBusy(): AppError {
  return new AppError('stripe_conflict', 'Another change of yours is still under way.', {
    headers: { 'retry-after': '2' },
  });
}

/** Runs tasks of one key in the order in which they came; null when the turn did not come in time. */
export type InOrder = <T>(
  key: string,
  waitMs: number,
  task: () => Promise<T>,
) => Promise<{ result: T } | null>;

/** Waiting in memory: of the requests of a key that reached this process, only the first asks the database. */
export function createInOrder(): InOrder {
  const last = new Map<string, Promise<void>>();
  return async (key, waitMs, task) => {
    const before = last.get(key);
    let done = () => undefined as void;
    const ended = new Promise<void>((resolve) => (done = resolve));
    last.set(key, ended);
    const forget = () => {
      if (last.get(key) === ended) last.delete(key);
      done();
    };
    if (before && !(await endsWithin(before, waitMs))) {
      // Those behind still wait for those before.
      void before.then(forget);
      return null;
    }
    try {
      return { result: await task() };
    } finally {
      forget();
    }
  };
}

async function endsWithin(task: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, ms, false)));
  const inTime = await Promise.race([task.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
