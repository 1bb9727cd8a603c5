import type { LifecycleState } from '../state/types.ts';
import { isPostgres, type Db } from './database.ts';
import { LEAVES_AT } from './leaves-at.ts';
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
  /** When it ended or will. */
  leavesAt: number;
}

interface Left extends StoredTransition, Payer {
  user_id: string | null;
  state: LifecycleState;
  left_plan: string | null;
  leaving_at: number;
}

export interface LeavingQuery {
  plan?: string;
  from?: number;
  to?: number;
  /** The first to leave before the others. */
  earliestFirst?: boolean;
  after?: { at: number; id: string };
  limit: number;
}

const GONE: readonly LifecycleState[] = ['cancel_pending', 'canceled'];

/**
 * A page of those who leave or left, by when that is, each once: with the last line by which it did or said so. A plan to leave
 * that was taken back is left out.
 */
export async function subscriptionsLeaving(db: Db, query: LeavingQuery): Promise<LeavingRow[]> {
  const direction = query.earliestFirst ? 'asc' : 'desc';
  const gone = GONE.map((state) => `'${state}'`).join(', ');
  const page = db('subscriptions')
    .whereRaw(`state IN (${gone})`)
    .where({ is_foreign: false })
    .orderByRaw(`(${LEAVES_AT}) ${direction}, id ${direction}`)
    .limit(query.limit)
    .select('id', 'user_id', 'state', { left_plan: 'plan' })
    .select(db.raw(`(${LEAVES_AT}) AS leaving_at`))
    // The end of one who had said so before is the same leaving.
    .select(
      db.raw(`(SELECT max(id) FROM transitions WHERE transitions.subscription_id = subscriptions.id
        AND to_state IN (${gone}) AND from_state NOT IN (${gone})
        AND coalesce(evidence, 'event') <> 'disproved') AS line_id`),
    );
  if (query.plan !== undefined) void page.where({ plan: query.plan });
  if (query.from !== undefined) void page.whereRaw(`(${LEAVES_AT}) >= ?`, [query.from]);
  if (query.to !== undefined) void page.whereRaw(`(${LEAVES_AT}) <= ?`, [query.to]);
  if (query.after) {
    const sign = query.earliestFirst ? '>' : '<';
    const { at, id } = query.after;
    void page.whereRaw(`((${LEAVES_AT}), id) ${sign} (?, ?)`, [at, id]);
  }
  const rows: Left[] = await db
    .from(page.as('page'))
    .join('transitions', 'transitions.id', 'page.line_id')
    .leftJoin('customers', 'customers.user_id', 'page.user_id')
    .orderBy([
      { column: 'leaving_at', order: direction },
      { column: 'page.id', order: direction },
    ])
    .select('transitions.*', 'page.user_id', 'page.state', 'page.left_plan', 'page.leaving_at')
    .select('customers.email', 'customers.name');
  return rows.map((row) => ({
    line: transitionFromRow(row),
    accountId: row.user_id,
    state: row.state,
    plan: row.left_plan,
    leavesAt: row.leaving_at,
    email: row.email,
    name: row.name,
  }));
}

export interface AtRisk {
  currency: string;
  count: number;
  /** What is open of their latest invoices, where that is known. */
  amount: number;
  mrr: number;
}

/** How many of ours do not pay, what they owe, and what they would earn a month, by currency. */
export async function atRisk(
  db: Db,
  query: Pick<DueQuery, 'states' | 'plan' | 'from' | 'to'>,
): Promise<AtRisk[]> {
  const amount = isPostgres(db)
    ? "(facts::json -> 'latestInvoice' ->> 'amountRemaining')::bigint"
    : "json_extract(facts, '$.latestInvoice.amountRemaining')";
  const select = db('subscriptions')
    .whereIn('state', [...query.states])
    .where({ is_foreign: false })
    .groupBy('currency')
    .orderBy('currency')
    .select('currency', db.raw(`count(*) AS count, sum(mrr) AS mrr, sum(${amount}) AS amount`));
  if (query.plan !== undefined) void select.where({ plan: query.plan });
  if (query.from !== undefined) void select.where('since', '>=', query.from);
  if (query.to !== undefined) void select.where('since', '<=', query.to);
  const rows: (Record<'count' | 'mrr' | 'amount', string | null> & { currency: string })[] =
    await select;
  return rows.map(({ currency, count, amount: owed, mrr }) => ({
    currency,
    count: Number(count),
    amount: Number(owed),
    mrr: Number(mrr),
  }));
}
