import type { Db } from './database.ts';

/** A claim that contradicts the link that is kept. */
export interface OwnerConflict {
  customerId: string;
  accountId: string;
  /** What made the claim: metadata, a Checkout session, an import. */
  source: string;
  learnedAt: number;
}

interface Row {
  stripe_customer_id: string;
  account_id: string;
  source: string;
  learned_at: number;
}

/** Keeps a contradicting claim, once, until an operator has decided. Returns whether it is new. */
export async function recordConflict(db: Db, conflict: OwnerConflict): Promise<boolean> {
  const added: unknown[] = await db('owner_conflicts')
    .insert({
      stripe_customer_id: conflict.customerId,
      account_id: conflict.accountId,
      source: conflict.source,
      learned_at: conflict.learnedAt,
    })
    .onConflict(['stripe_customer_id', 'account_id'])
    .ignore()
    .returning('account_id');
  return added.length > 0;
}

/** Forgets the claims on a customer, and those of an account: an operator has decided. */
export async function settleConflicts(
  db: Db,
  who: { customerId: string; accountId: string },
): Promise<void> {
  await db('owner_conflicts')
    .where({ stripe_customer_id: who.customerId })
    .orWhere({ account_id: who.accountId })
    .delete();
}

/** How many claims wait for a decision. */
export async function countConflicts(db: Db): Promise<number> {
  const row = await db('owner_conflicts').count({ count: '*' }).first();
  return Number(row?.['count'] ?? 0);
}

/** The claims that wait for a decision, newest first. */
export async function listConflicts(db: Db, limit: number): Promise<OwnerConflict[]> {
  const rows: Row[] = await db('owner_conflicts')
    .orderBy([
      { column: 'learned_at', order: 'desc' },
      { column: 'stripe_customer_id', order: 'asc' },
    ])
    .limit(limit);
  return rows.map((row) => ({
    customerId: row.stripe_customer_id,
    accountId: row.account_id,
    source: row.source,
    learnedAt: row.learned_at,
  }));
}
