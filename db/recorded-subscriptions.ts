import type { MoneyReturn } from '../state/returns.ts';
import type { Db } from './database.ts';
import { inOrder, type StoredTransition, type TransitionRow } from './transitions.ts';

/** What a line says of the move itself. */
export type RecordedLine = Pick<
  TransitionRow,
  'id' | 'number' | 'from' | 'to' | 'event' | 'occurredAt' | 'mrr'
>;

/** A subscription with all that was recorded of it. */
export interface RecordedSubscription {
  id: string;
  accountId: string | null;
  currency: string;
  /** As JSON: most are never asked for. */
  facts: string;
  /** In their order, without those that were struck out. */
  lines: RecordedLine[];
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

const COLUMNS = [
  'id',
  'subscription_id',
  'number',
  'from_state',
  'to_state',
  'event',
  'occurred_at',
  'mrr',
  'evidence',
] as const;

type LineRow = Pick<StoredTransition, (typeof COLUMNS)[number]>;

async function withHistories(db: Db, rows: readonly Row[]): Promise<RecordedSubscription[]> {
  // They are all subscriptions between the first and the last, but for foreign ones.
  const range = [rows[0]?.id ?? '', rows.at(-1)?.id ?? ''] as const;
  const [lines, disputes]: [LineRow[], DisputeRow[]] = await Promise.all([
    db('transitions').whereBetween('subscription_id', range).select(COLUMNS),
    db('payment_returns')
      .whereBetween('subscription_id', range)
      .where({ kind: 'dispute' })
      .select('subscription_id', 'status', 'created_at'),
  ]);
  const histories = new Map<string, RecordedLine[]>(rows.map(({ id }) => [id, []]));
  for (const line of lines) {
    if (line.evidence === 'disproved') continue;
    const { id, number, from_state: from, to_state: to, event, mrr } = line;
    const occurredAt = line.occurred_at;
    histories.get(line.subscription_id)?.push({ id, number, from, to, event, occurredAt, mrr });
  }
  return rows.map(({ id, user_id: accountId, currency, facts }) => ({
    id,
    accountId,
    currency,
    facts,
    lines: inOrder(histories.get(id) ?? []),
    disputes: disputes
      .filter((each) => each.subscription_id === id)
      .map(({ status, created_at: createdAt }) => ({ kind: 'dispute', status, createdAt })),
  }));
}
