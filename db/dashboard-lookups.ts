import { statesWhere } from '../state/states.ts';
import type { LifecycleState } from '../state/types.ts';
import type { Db } from './database.ts';
import { subscriptionFromRow, type StoredRow, type SubscriptionRow } from './subscriptions.ts';

/** E-mail addresses of Stripe customers that have one. */
export async function emailsOfCustomers(
  db: Db,
  customerIds: string[],
): Promise<Map<string, string>> {
  if (customerIds.length === 0) return new Map();
  const rows: { id: string; email: string }[] = await db('customers')
    .whereIn('stripe_customer_id', [...new Set(customerIds)])
    .whereNotNull('email')
    .select({ id: 'stripe_customer_id', email: 'email' });
  return new Map(rows.map((row) => [row.id, row.email]));
}

/** How many accounts have more than one live subscription. */
export async function duplicateAccounts(db: Db): Promise<number> {
  const row = await db('subscriptions')
    .where('duplicate', true)
    .countDistinct({ count: 'user_id' })
    .first();
  return Number(row?.count ?? 0);
}

/** The soonest end of a period or a trial that a live subscription has after `now`. */
export async function nextPeriodEnd(
  db: Db,
  now: number,
): Promise<{ subscriptionId: string; state: LifecycleState; at: number } | null> {
  const row: { id: string; state: LifecycleState; at: number } | undefined = await db(
    'subscriptions',
  )
    .where('current_period_end', '>', now)
    .where('is_foreign', false)
    .whereIn('state', statesWhere('hasPeriod'))
    .orderBy('current_period_end')
    .first({ id: 'id', state: 'state', at: 'current_period_end' });
  return row ? { subscriptionId: row.id, state: row.state, at: row.at } : null;
}

/** Live subscriptions, those whose payment fails and those that end first among them. */
export async function subscriptionsInMotion(db: Db): Promise<SubscriptionRow[]> {
  const live = () => db('subscriptions').where('is_foreign', false).limit(50);
  const [soonest, others]: [StoredRow[], StoredRow[]] = await Promise.all([
    live().whereIn('state', statesWhere('hasPeriod')).orderBy('current_period_end'),
    live().whereIn('state', ['past_due', 'cancel_pending', 'downgrading', 'paused']),
  ]);
  const rows = new Map([...soonest, ...others].map((row) => [row.id, row]));
  return [...rows.values()].map(subscriptionFromRow);
}

/** Whether a sign-in link was used, or a session ended. */
export async function isNonceUsed(db: Db, nonce: string): Promise<boolean> {
  return (await db('used_login_links').where({ nonce }).first('nonce')) !== undefined;
}

/** Marks a sign-in link as used, or a session as ended; false when it was before. */
export async function useNonce(db: Db, nonce: string): Promise<boolean> {
  const rows: unknown[] = await db('used_login_links')
    .insert({ nonce, used_at: Date.now() })
    .onConflict('nonce')
    .ignore()
    .returning('nonce');
  return rows.length > 0;
}
