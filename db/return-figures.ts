import type { LifecycleState } from '../state/types.ts';
import type { ReturnKind } from '../state/returns.ts';
import { isPostgres, type Db } from './database.ts';

/** What came back, added up: refunds, disputes, warnings and credit notes are never one sum. */
export interface ReturnSum {
  kind: ReturnKind;
  /** Stripe's own word. */
  status: string;
  currency: string;
  count: number;
  amount: number;
}

type Sums = Omit<ReturnSum, 'count' | 'amount'> & Record<'count' | 'amount', string>;

const sumOf = <Row extends Sums>(row: Row) => ({
  ...row,
  count: Number(row.count),
  amount: Number(row.amount),
});

/** All that ever came back. */
export async function returnSums(db: Db): Promise<ReturnSum[]> {
  const rows: Sums[] = await db('payment_returns')
    .groupBy('kind', 'status', 'currency')
    .select('kind', 'status', 'currency', db.raw('count(*) AS count, sum(amount) AS amount'));
  return rows.map(sumOf);
}

export interface DailyReturns extends ReturnSum {
  /** Midnight UTC of the day on which it began. */
  day: number;
}

/** What came back since a moment, by day. */
export async function returnsByDay(db: Db, since: number): Promise<DailyReturns[]> {
  const day = 'created_at - created_at % 86400000';
  const rows: (Sums & { day: number })[] = await db('payment_returns')
    .where('created_at', '>=', since)
    .groupByRaw(`kind, status, currency, ${day}`)
    .select('kind', 'status', 'currency')
    .select(db.raw(`${day} AS day, count(*) AS count, sum(amount) AS amount`));
  return rows.map((row) => sumOf(row));
}

/** How many subscriptions of ours give no access because money came back, by their state. */
export async function restrictedCounts(
  db: Db,
  now: number,
): Promise<Partial<Record<LifecycleState, number>>> {
  const until = isPostgres(db)
    ? "(restriction::json ->> 'until')::bigint"
    : "json_extract(restriction, '$.until')";
  const rows: { state: LifecycleState; count: string }[] = await db('subscriptions')
    .whereNotNull('restriction')
    .where({ is_foreign: false })
    .whereRaw(`(${until} IS NULL OR ${until} > ?)`, [now])
    .groupBy('state')
    .select('state', db.raw('count(*) AS count'));
  return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
}
