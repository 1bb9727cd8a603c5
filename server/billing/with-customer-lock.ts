import { randomUUID } from 'node:crypto';
import { claimSubject, releaseSubject, renewSubject } from '../../db/subjects.ts';
import { AppError } from '../http/errors.ts';
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
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const now = Date.now();
    const claim = await claimSubject(db, key, { owner, now, duration: LEASE_MS });
    if (claim) {
      const terms = () => ({ owner, now: Date.now(), duration: LEASE_MS });
      const renewal = setInterval(() => {
        renewSubject(db, claim, terms()).catch((error: unknown) => {
          services.log.warn({ err: error, userId }, 'could not renew the lease of a command');
        });
      }, LEASE_MS / 3);
      renewal.unref();
      try {
        return await task();
      } finally {
        clearInterval(renewal);
        await releaseSubject(db, claim, owner);
      }
    }
    if (now >= deadline) {
      throw new AppError('stripe_conflict', 'Another change of yours is still under way.', {
        headers: { 'retry-after': '2' },
      });
    }
    await sleep(20 + Math.random() * 30);
  }
}
