import { randomUUID } from 'node:crypto';
import { claimCustomer, releaseClaim, renewClaim } from '../../db/customer-locks.ts';
import { AppError } from '../http/errors.ts';
import { startHeartbeat } from '../lib/lease.ts';
import { sleep } from '../lib/limit.ts';
import type { Services } from '../lib/services.ts';

/** A process that dies in the middle of a command gives the user free after this long; one that works renews it. */
const LEASE_MS = 60_000;
/** How long a second click waits for the first one to end before it is answered 409. */
const WAIT_MS = 15_000;

/**
 * Runs one command of a user at a time, whichever process it reached: the second click, or the other tab, finds
 * the state that the first one left. Throws 409 `stripe_conflict` when the first one takes too long.
 */
export async function withCustomerLock<T>(
  services: Services,
  userId: string,
  task: () => Promise<T>,
): Promise<T> {
  const db = services.database.knex;
  const owner = randomUUID();
  const key = `command of ${userId}`;
  const terms = { owner, duration: LEASE_MS };
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const claim = await claimCustomer(db, key, terms);
    if (claim) {
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
    if (performance.now() >= deadline) {
      throw new AppError('stripe_conflict', 'Another change of yours is still under way.', {
        headers: { 'retry-after': '2' },
      });
    }
    await sleep(20 + Math.random() * 30);
  }
}
