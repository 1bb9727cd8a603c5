import { usersWithUsage } from '../../db/usage-totals.ts';
import { AppError } from '../http/errors.ts';
import type { Services } from '../lib/services.ts';
import { retryThroughOutages } from '../lib/retry.ts';
import { reconcileUsage, type Reconciliation } from './reconcile.ts';

const PAGE = 500;
/** A period is a month or a year; what is compared of a year is what began lately. */
const LATELY_MS = 35 * 86_400_000;

export interface UsageDifference extends Reconciliation {
  userId: string;
}

export interface UsageVerifyResult {
  checked: number;
  differences: number;
}

/** Compares the present period's usage of everybody with Stripe's own count, page by page. */
export async function verifyUsage(
  services: Services,
  onDifference: (difference: UsageDifference) => void = () => undefined,
): Promise<UsageVerifyResult> {
  const result: UsageVerifyResult = { checked: 0, differences: 0 };
  const since = services.clock.now() - LATELY_MS;
  let after: { userId: string; meter: string } | undefined;
  do {
    const page = await usersWithUsage(services.database.knex, { since, limit: PAGE, after });
    for (const who of page) {
      const found = await compare(services, who);
      result.checked += 1;
      if (found === null || found.difference === 0) continue;
      result.differences += 1;
      onDifference({ userId: who.userId, ...found });
    }
    after = page.length === PAGE ? page.at(-1) : undefined;
  } while (after !== undefined);
  return result;
}

const GONE: ReadonlySet<string> = new Set(['not_found', 'unknown_meter']);

/** Null for a user without a Stripe customer, or a meter that is gone. */
async function compare(
  services: Services,
  who: { userId: string; meter: string },
): Promise<Reconciliation | null> {
  try {
    return await retryThroughOutages(() => reconcileUsage(services, who));
  } catch (error) {
    const gone = error instanceof AppError && GONE.has(error.code);
    if (gone) return null;
    throw error;
  }
}
