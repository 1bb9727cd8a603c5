import { addsUp, combine, type Aggregation } from '../state/aggregation.ts';
import { isPostgres, type Db } from './database.ts';
import { merged } from './usage-records.ts';

/** A window that needs no more sending. */
export interface DeliveredPart {
  userId: string;
  meter: string;
  quantity: number;
  aggregation: Aggregation;
  /** The window that its event falls in, and when that was, in ms; null when there was nothing to tell. */
  counts: { in: number; at: number } | null;
}

// Written out, not bound: SQLite uses a partial index only where it can read its condition in the statement.
const UNSENT = "status IN ('open', 'sealed', 'refused')";

interface TotalRow {
  user_id: string;
  meter: string;
  window_at: number;
  quantity: number;
  last_at: number;
}

/** Adds to what Stripe has. */
export async function addToTotals(trx: Db, windows: DeliveredPart[]): Promise<void> {
  const totals = new Map<string, { row: TotalRow; aggregation: Aggregation }>();
  for (const { userId, meter, quantity, counts, aggregation } of windows) {
    if (counts === null) continue;
    const { in: window_at, at: last_at } = counts;
    const key = `${userId}\n${meter}\n${window_at}`;
    const row = { user_id: userId, meter, window_at, quantity, last_at };
    const known = totals.get(key)?.row;
    if (known) {
      const parts = [
        { quantity: known.quantity, at: known.last_at },
        { quantity, at: last_at },
      ];
      row.quantity = combine(aggregation, parts);
      row.last_at = Math.max(known.last_at, last_at);
    }
    totals.set(key, { row, aggregation });
  }
  const sorted = [...totals].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, total]) => total);
  const greatest = isPostgres(trx) ? 'greatest' : 'max';
  for (const how of new Set(sorted.map(({ aggregation }) => aggregation))) {
    const rows = sorted.filter(({ aggregation }) => aggregation === how).map(({ row }) => row);
    await trx('usage_totals')
      .insert(rows)
      .onConflict(['user_id', 'meter', 'window_at'])
      .merge({
        quantity: trx.raw(merged(trx, 'usage_totals', how)),
        last_at: trx.raw(`${greatest}(coalesce(usage_totals.last_at, 0), excluded.last_at)`),
      });
  }
}

/** What Stripe has of one window; null for nothing. */
export async function acknowledgedIn(
  db: Db,
  { userId, meter, windowAt }: { userId: string; meter: string; windowAt: number },
): Promise<{ quantity: number; lastAt: number } | null> {
  const row: { quantity: number; last_at: number | null } | undefined = await db('usage_totals')
    .where({ user_id: userId, meter, window_at: windowAt })
    .first('quantity', 'last_at');
  return row ? { quantity: row.quantity, lastAt: row.last_at ?? 0 } : null;
}

/** A user's usage of a meter over a span of window starts, as the meter counts. */
export interface UsageTotals {
  /** All that was recorded. */
  recorded: number;
  /** What Stripe has acknowledged. */
  acknowledged: number;
  /** What is on its way: by how much it will change what Stripe has. */
  pending: number;
  /** What Stripe has refused for good; part of `recorded`. */
  refused: number;
}

/** Totals of the windows that begin in `[from, until)`. */
export async function usageTotals(
  db: Db,
  who: { userId: string; meter: string; aggregation?: Aggregation },
  span: { from: number; until: number },
): Promise<UsageTotals> {
  const { userId, meter, aggregation = 'sum' } = who;
  const within = (table: string) =>
    db(table)
      .where({ user_id: userId, meter })
      .where('window_at', '>=', span.from)
      .where('window_at', '<', span.until);
  const total = within('usage_totals');
  const unsent = within('usage_windows').whereRaw(UNSENT);
  // What adds up is added by the database; of the rest there is one row for a period.
  if (addsUp(aggregation)) {
    void total.sum({ quantity: 'quantity' });
    void unsent.groupBy('status').select('status').sum({ quantity: 'quantity' });
  } else {
    void total.select('quantity', { at: 'last_at' });
    void unsent.select('status', 'quantity', { at: 'last_at' });
  }
  const [sent, waiting] = (await Promise.all([total, unsent])) as [TotalPart[], TotalPart[]];
  const of = (parts: readonly TotalPart[]) =>
    combine(
      aggregation,
      parts.map(({ quantity, at }) => ({ quantity: quantity ?? 0, at: at ?? 0 })),
    );
  const acknowledged = of(sent);
  const refused = waiting.filter(({ status }) => status === 'refused');
  const onItsWay = waiting.filter(({ status }) => status !== 'refused');
  return {
    recorded: of([...sent, ...waiting]),
    acknowledged,
    pending: of([...sent, ...onItsWay]) - acknowledged,
    refused: of(refused),
  };
}

interface TotalPart {
  status?: string;
  quantity: number | null;
  at?: number | null;
}

/** Users and meters with usage that Stripe acknowledged since a moment, in pages by user and meter. */
export async function usersWithUsage(
  db: Db,
  page: { since: number; limit: number; after?: { userId: string; meter: string } },
): Promise<{ userId: string; meter: string }[]> {
  const select = db('usage_totals')
    .distinct({ userId: 'user_id', meter: 'meter' })
    .where((q) => void q.where('window_at', '>=', page.since).orWhere('last_at', '>=', page.since))
    .orderBy(['user_id', 'meter'])
    .limit(page.limit);
  if (page.after) {
    void select.whereRaw('(user_id, meter) > (?, ?)', [page.after.userId, page.after.meter]);
  }
  return select;
}
