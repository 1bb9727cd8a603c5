import type { AccessCache } from '../lib/services.ts';
import { LRUCache } from 'lru-cache';
import type { Catalogue } from '../../state/catalogue.ts';
import type { Database } from '../../db/database.ts';
import { grantsOf } from '../../db/grants.ts';
import { entitlementsOf } from '../../db/entitlements.ts';
import type { Grant } from '../../state/grants.ts';
import { currentSubscriptionOfUser, type SubscriptionRow } from '../../db/subscriptions.ts';

/**
 * How long another process's change may stay unseen. This process's own are seen at once, and on Postgres those of
 * the others by NOTIFY; age is what holds when a notice is lost, and between processes that share an SQLite file.
 */
const MAX_AGE_MS = 500;
const MAX_USERS = 10_000;

/** Reads through to the database; concurrent first checks of one user share one query. */
export function createAccessCache(database: Database, catalogue: Catalogue): AccessCache {
  const options = { max: MAX_USERS, ttl: MAX_AGE_MS };
  const subscriptions = new LRUCache<string, Promise<SubscriptionRow | null>>(options);
  const features = new LRUCache<string, Promise<ReadonlySet<string> | null>>(options);
  const grants = new LRUCache<string, Promise<readonly Grant[]>>(options);
  return {
    grantsOf: (accountId) => through(grants, accountId, () => grantsOf(database.knex, accountId)),
    subscriptionOf: (userId) =>
      through(subscriptions, userId, () =>
        currentSubscriptionOfUser(database.knex, userId, catalogue),
      ),
    featuresOf: (userId, customerId) =>
      through(features, userId, async () => {
        const granted = await entitlementsOf(database.knex, customerId);
        return granted && new Set(granted);
      }),
    invalidate(userId) {
      subscriptions.delete(userId);
      features.delete(userId);
      grants.delete(userId);
    },
    invalidateAll() {
      subscriptions.clear();
      features.clear();
      grants.clear();
    },
  };
}

function through<T>(
  cache: LRUCache<string, Promise<T>>,
  key: string,
  read: () => Promise<T>,
): Promise<T> {
  const known = cache.get(key);
  if (known) return known;
  const reading = read();
  cache.set(key, reading);
  // A failed read must not answer the next check.
  reading.catch(() => {
    if (cache.peek(key) === reading) cache.delete(key);
  });
  return reading;
}
