import type { Db } from './database.ts';
import { findCustomerByUser } from './customers.ts';
import { settleConflicts } from './owner-conflicts.ts';

/** An operator's word: the customer is this account's, whatever was linked before. Returns the customer it had. */
export async function forceLink(
  db: Db,
  link: { accountId: string; customerId: string; at: number },
): Promise<string | null> {
  const { accountId, customerId, at } = link;
  const before = await findCustomerByUser(db, accountId);
  await db('customers')
    .where({ stripe_customer_id: customerId })
    .whereNot({ user_id: accountId })
    .update({ stripe_customer_id: null });
  await db('customers')
    .insert({ user_id: accountId, stripe_customer_id: customerId, created_at: at })
    .onConflict('user_id')
    .merge({ stripe_customer_id: customerId, deleted_at: null });
  await settleConflicts(db, { customerId, accountId });
  return before?.stripeCustomerId === customerId ? null : (before?.stripeCustomerId ?? null);
}

/** How many live subscriptions are on a price of ours and have no account, with a few of their ids. */
export async function ownerlessSubscriptions(
  db: Db,
): Promise<{ count: number; customerIds: string[] }> {
  const ownerless = () =>
    db('subscriptions')
      .where('is_foreign', true)
      .whereNull('user_id')
      .whereNotNull('plan')
      .whereNotIn('state', ['canceled', 'none'])
      // What another deployment has marked is that one's.
      .whereRaw(`facts NOT LIKE '%"tenure_deployment":%'`);
  const row = await ownerless().count({ count: '*' }).first();
  const customerIds: string[] = await ownerless().orderBy('id').limit(5).pluck('customer_id');
  return { count: Number(row?.count ?? 0), customerIds };
}

/** Accounts that are known by an e-mail address. */
export async function accountsByEmail(db: Db, email: string): Promise<string[]> {
  return db('customers')
    .where({ email_key: email.toLowerCase() })
    .orderBy('user_id')
    .pluck('user_id');
}
