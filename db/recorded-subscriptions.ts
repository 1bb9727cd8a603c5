import type { MoneyReturn } from '../state/returns.ts';
import type { Db } from './database.ts';
import {
  inOrder,
  transitionFromRow,
  type StoredTransition,
  type TransitionRow,
} from './transitions.ts';

/** A subscription with all that was recorded of it. */
export interface RecordedSubscription {
  id: string;
  accountId: string | null;
  currency: string;
  /** As JSON: most are never asked for. */
  facts: string;
  /** In their order, without those that were struck out. */
  lines: TransitionRow[];
  disputes: Pick<MoneyReturn, 'kind' | 'status' | 'createdAt'>[];
}

interface Row {
  id: string;
  user_id: string | null;
  currency: string;
  facts: string;
}

interface DisputeRow {
  subscription_id: string;
  status: string;
  created_at: number;
}

/** Subscriptions that are in memory at a time. */
const PAGE = 500;

/** Every subscription of ours with its history, page by page in the order of their ids. */
export async function* recordedSubscriptions(
  db: Db,
): AsyncGenerator<RecordedSubscription[], undefined> {
  let after = '';
  for (;;) {
    const rows: Row[] = await db('subscriptions')
      .where('id', '>', after)
      .where({ is_foreign: false })
      .orderBy('id')
      .limit(PAGE)
      .select('id', 'user_id', 'currency', 'facts');
    const last = rows.at(-1);
    if (!last) return undefined;
    yield await withHistories(db, rows);
    after = last.id;
  }
}

async function withHistories(db: Db, rows: readonly Row[]): Promise<RecordedSubscription[]> {
  const ids = rows.map(({ id }) => id);
  const [lines, disputes] = await Promise.all([
    db('transitions').whereIn('subscription_id', ids).select<StoredTransition[]>('*'),
    db('payment_returns')
      .whereIn('subscription_id', ids)
      .where({ kind: 'dispute' })
      .select<DisputeRow[]>('subscription_id', 'status', 'created_at'),
  ]);
  const histories = new Map<string, TransitionRow[]>(ids.map((id) => [id, []]));
  for (const line of lines) histories.get(line.subscription_id)?.push(transitionFromRow(line));
  return rows.map(({ id, user_id: accountId, currency, facts }) => ({
    id,
    accountId,
    currency,
    facts,
    lines: inOrder(histories.get(id) ?? []).filter(({ evidence }) => evidence !== 'disproved'),
    disputes: disputes
      .filter((each) => each.subscription_id === id)
      .map(({ status, created_at: createdAt }) => ({ kind: 'dispute', status, createdAt })),
  }));
}
