import type { LifecycleState } from '../state/types.ts';
import type { Db } from './database.ts';
import type { FoundAccount } from './account-search.ts';

/** An account with what its subscriptions come to. */
export interface ListedAccount extends FoundAccount {
  /** Of the newest of ours; null for an account without one. */
  state: LifecycleState | null;
  plan: string | null;
  currency: string | null;
  /** Of all of ours in that currency. */
  mrr: number;
}

export interface AccountQuery {
  ids?: readonly string[];
  state?: LifecycleState;
  plan?: string;
  createdFrom?: number;
  createdTo?: number;
  order: 'newest' | 'oldest' | 'email';
  limit: number;
  after?: { value: string; id: string };
}

interface Row {
  user_id: string;
  stripe_customer_id: string | null;
  email: string | null;
  name: string | null;
  created_at: number;
}

interface Sub {
  user_id: string;
  state: LifecycleState;
  plan: string | null;
  currency: string;
  mrr: number;
}

/** A page of accounts; the next one begins behind its last row. */
export async function listAccounts(db: Db, query: AccountQuery): Promise<ListedAccount[]> {
  const { order, after, state, plan } = query;
  const column = order === 'email' ? 'email_key' : 'created_at';
  const direction = order === 'newest' ? 'desc' : 'asc';
  const select = db('customers')
    .orderBy([
      { column, order: direction },
      { column: 'user_id', order: direction },
    ])
    .limit(query.limit);
  if (query.ids) void select.whereIn('user_id', [...query.ids]);
  if (order === 'email') void select.whereNotNull('email_key');
  if (query.createdFrom !== undefined) void select.where('created_at', '>=', query.createdFrom);
  if (query.createdTo !== undefined) void select.where('created_at', '<=', query.createdTo);
  if (state !== undefined || plan !== undefined) {
    void select.whereExists(
      db('subscriptions')
        .whereRaw('subscriptions.user_id = customers.user_id')
        .where({ is_foreign: false, ...(state && { state }), ...(plan && { plan }) }),
    );
  }
  if (after) {
    const value = order === 'email' ? after.value : Number(after.value);
    const sign = order === 'newest' ? '<' : '>';
    void select.whereRaw(`(${column}, user_id) ${sign} (?, ?)`, [value, after.id]);
  }
  const rows: Row[] = await select;
  const subscriptions = await newestOf(
    db,
    rows.map((row) => row.user_id),
  );
  return rows.map((row) => listed(row, subscriptions.get(row.user_id) ?? []));
}

async function newestOf(db: Db, accountIds: readonly string[]): Promise<Map<string, Sub[]>> {
  const found = new Map<string, Sub[]>();
  if (accountIds.length === 0) return found;
  const rows: Sub[] = await db('subscriptions')
    .whereIn('user_id', [...accountIds])
    .where({ is_foreign: false })
    .orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .select('user_id', 'state', 'plan', 'currency', 'mrr');
  for (const row of rows) found.set(row.user_id, [...(found.get(row.user_id) ?? []), row]);
  return found;
}

function listed(row: Row, subscriptions: readonly Sub[]): ListedAccount {
  // One that goes on says more than one that is over.
  const shown = subscriptions.find(({ state }) => state !== 'canceled') ?? subscriptions[0];
  const same = subscriptions.filter(({ currency }) => currency === shown?.currency);
  return {
    id: row.user_id,
    customerId: row.stripe_customer_id,
    email: row.email,
    name: row.name,
    createdAt: row.created_at,
    state: shown?.state ?? null,
    plan: shown?.plan ?? null,
    currency: shown?.currency ?? null,
    mrr: same.reduce((sum, { mrr }) => sum + mrr, 0),
  };
}
