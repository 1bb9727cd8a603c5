import type { LifecycleState } from '../state/types.ts';
import type { Db } from './database.ts';
import { subscriptionFromRow, type StoredRow, type SubscriptionRow } from './subscriptions.ts';
import { transitionFromRow, type StoredTransition, type TransitionRow } from './transitions.ts';

/** Whose a subscription is, as lists show it. */
export interface Payer {
  email: string | null;
  name: string | null;
}

export interface DueRow extends SubscriptionRow, Payer {}

type Joined = StoredRow & { email: string | null; name: string | null };

export interface DueQuery {
  states: readonly LifecycleState[];
  /** By the end of the period, the soonest first; or by when the state began, the latest first. */
  by: 'current_period_end' | 'since';
  plan?: string;
  from?: number;
  to?: number;
  after?: { at: number; id: string };
  limit: number;
}

/** A page of our subscriptions in some states, by a time. */
export async function subscriptionsDue(db: Db, query: DueQuery): Promise<DueRow[]> {
  const { by, after } = query;
  const column = `subscriptions.${by}`;
  const isSoonest = by === 'current_period_end';
  const direction = isSoonest ? 'asc' : 'desc';
  const select = db('subscriptions')
    .leftJoin('customers', 'customers.user_id', 'subscriptions.user_id')
    .whereIn('subscriptions.state', [...query.states])
    .where('subscriptions.is_foreign', false)
    .whereNotNull(column)
    .orderBy([
      { column, order: direction },
      { column: 'subscriptions.id', order: direction },
    ])
    .limit(query.limit)
    .select('subscriptions.*', 'customers.email', 'customers.name');
  if (query.plan !== undefined) void select.where('subscriptions.plan', query.plan);
  if (query.from !== undefined) void select.where(column, '>=', query.from);
  if (query.to !== undefined) void select.where(column, '<=', query.to);
  if (after) {
    const sign = isSoonest ? '>' : '<';
    void select.whereRaw(`(${column}, subscriptions.id) ${sign} (?, ?)`, [after.at, after.id]);
  }
  const rows: Joined[] = await select;
  return rows.map((row) => ({ ...subscriptionFromRow(row), email: row.email, name: row.name }));
}

/** Someone who left, or said so: the line of the history, and the subscription as it is. */
export interface LeavingRow extends Payer {
  line: TransitionRow;
  accountId: string | null;
  state: LifecycleState;
  plan: string | null;
  endsAt: number | null;
}

interface Left extends StoredTransition, Payer {
  user_id: string | null;
  state: LifecycleState;
  plan: string | null;
  current_period_end: number | null;
}

/** A page of those who leave or left, the latest first. A plan to leave that was taken back is left out. */
export async function subscriptionsLeaving(
  db: Db,
  query: { plan?: string; from?: number; to?: number; beforeId?: number; limit: number },
): Promise<LeavingRow[]> {
  const gone: LifecycleState[] = ['cancel_pending', 'canceled'];
  const select = db('transitions')
    .join('subscriptions', 'subscriptions.id', 'transitions.subscription_id')
    .leftJoin('customers', 'customers.user_id', 'subscriptions.user_id')
    .whereIn('transitions.to_state', gone)
    // The end of one who had said so before is the same leaving.
    .whereNotIn('transitions.from_state', gone)
    .whereIn('subscriptions.state', gone)
    .where('subscriptions.is_foreign', false)
    .whereRaw("coalesce(transitions.evidence, 'event') <> 'disproved'")
    .orderBy('transitions.id', 'desc')
    .limit(query.limit)
    .select('transitions.*', 'subscriptions.user_id', 'subscriptions.state', 'subscriptions.plan')
    .select('subscriptions.current_period_end', 'customers.email', 'customers.name');
  if (query.plan !== undefined) void select.where('subscriptions.plan', query.plan);
  if (query.from !== undefined) void select.where('transitions.occurred_at', '>=', query.from);
  if (query.to !== undefined) void select.where('transitions.occurred_at', '<=', query.to);
  if (query.beforeId !== undefined) void select.where('transitions.id', '<', query.beforeId);
  const rows: Left[] = await select;
  return rows.map((row) => ({
    line: transitionFromRow(row),
    accountId: row.user_id,
    state: row.state,
    plan: row.plan,
    endsAt: row.state === 'cancel_pending' ? row.current_period_end : null,
    email: row.email,
    name: row.name,
  }));
}

/** How many of ours are in these states, and what they would earn a month, by currency. */
export async function atRisk(
  db: Db,
  states: readonly LifecycleState[],
): Promise<{ currency: string; count: number; mrr: number }[]> {
  const rows: { currency: string; count: number; mrr: number }[] = await db('subscription_counts')
    .whereIn('state', [...states])
    .groupBy('currency')
    .select('currency')
    .sum({ count: 'count', mrr: 'mrr' });
  return rows.filter(({ count }) => count !== 0);
}
