import type { Db } from '../../db/database.ts';
import { billingAccounts, type BillingAccount } from '../../db/usage-accounts.ts';

/** Renewals are known before they come, so an account may be a little old. */
const MAX_AGE_MS = 30_000;
const MAX_USERS = 50_000;

/** Whom usage belongs to at Stripe, and where their billing periods begin and end. */
export interface UsageAccounts {
  /** What is known already; undefined when it has to be loaded. */
  peek(userId: string): BillingAccount | undefined;
  /** One query for all that are not known. Users without a Stripe customer are left out. */
  load(userIds: readonly string[]): Promise<Map<string, BillingAccount>>;
  forget(userId: string): void;
  forgetAll(): void;
}

/** Reads through to the database. A missing account is never cached. */
export function createUsageAccounts(db: Db): UsageAccounts {
  const cache = new Map<string, { account: BillingAccount; until: number }>();
  const peek = (userId: string) => {
    const known = cache.get(userId);
    return known && known.until > Date.now() ? known.account : undefined;
  };
  return {
    peek,
    async load(userIds) {
      const found = new Map<string, BillingAccount>();
      const missing = new Set<string>();
      for (const userId of userIds) {
        const known = peek(userId);
        if (known) found.set(userId, known);
        else missing.add(userId);
      }
      if (missing.size === 0) return found;
      if (cache.size + missing.size > MAX_USERS) cache.clear();
      for (const account of await billingAccounts(db, [...missing])) {
        cache.set(account.userId, { account, until: Date.now() + MAX_AGE_MS });
        found.set(account.userId, account);
      }
      return found;
    },
    forget: (userId) => void cache.delete(userId),
    forgetAll: () => cache.clear(),
  };
}
