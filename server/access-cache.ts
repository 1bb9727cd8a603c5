import { LRUCache } from 'lru-cache';
import type { Database } from '../db/database.ts';
import { currentSubscriptionOfUser, type SubscriptionRow } from '../db/subscriptions.ts';

/** How long another process's change may stay unseen; this process's own are seen at once. */
const MAX_AGE_MS = 2_000;
const MAX_USERS = 10_000;

/** The current subscription of each user who asked lately. The access rule is applied afresh on each check. */
export interface AccessCache {
  subscriptionOf(userId: string): Promise<SubscriptionRow | null>;
  /** Forgets a user; called in the process that stored a change. */
  invalidate(userId: string): void;
  /** Forgets everybody, when changes of other processes may have been missed. */
  invalidateAll(): void;
}

/** Reads through to the database; concurrent first checks of one user share one query. */
export function createAccessCache(database: Database): AccessCache {
  const cache = new LRUCache<string, Promise<SubscriptionRow | null>>({
    max: MAX_USERS,
    ttl: MAX_AGE_MS,
  });
  return {
    subscriptionOf(userId) {
      const known = cache.get(userId);
      if (known) return known;
      const reading = currentSubscriptionOfUser(database.knex, userId);
      cache.set(userId, reading);
      // A failed read must not answer the next check.
      reading.catch(() => cache.delete(userId));
      return reading;
    },
    invalidate(userId) {
      cache.delete(userId);
    },
    invalidateAll() {
      cache.clear();
    },
  };
}
