import type { Db } from './database.ts';
import { subscriptionFromRow, type StoredRow, type SubscriptionRow } from './subscriptions.ts';

/** Where a page of renewals begins: behind this one. */
export interface RenewalPosition {
  at: number;
  id: string;
}

/** Subscriptions of ours that renew after a position and up to a moment, soonest first. */
export async function renewalsUntil(
  db: Db,
  after: RenewalPosition,
  page: { until: number; limit: number },
): Promise<SubscriptionRow[]> {
  const rows: StoredRow[] = await db('subscriptions')
    .whereIn('state', ['active', 'downgrading'])
    // As the index has it.
    .whereRaw("state NOT IN ('canceled', 'none', 'paused')")
    .where({ is_foreign: false })
    .whereNotNull('user_id')
    .where('current_period_end', '<=', page.until)
    .where(
      (q) =>
        void q
          .where('current_period_end', '>', after.at)
          .orWhere(
            (same) => void same.where('current_period_end', after.at).where('id', '>', after.id),
          ),
    )
    .orderBy(['current_period_end', 'id'])
    .limit(page.limit);
  return rows.map(subscriptionFromRow);
}
