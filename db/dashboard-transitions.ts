import type { LifecycleEventType, LifecycleState } from '../state/types.ts';
import { isPostgres, type Db } from './database.ts';
import { transitionFromRow, type StoredTransition, type TransitionRow } from './transitions.ts';

export interface ArrowQuery {
  from: LifecycleState[];
  to: LifecycleState | null;
  event: LifecycleEventType | null;
  unexpected: boolean;
  /** Happened at or after; ms. */
  since: number | null;
  beforeId: number | null;
  limit: number;
}

/**
 * Who took an arrow, the line that was recorded last first. Lines are recorded soon after they happen, so the window is
 * applied to what was read; as a condition of the query it would make the database read the whole past of an arrow that
 * was not taken lately.
 */
export async function transitionsOfArrow(db: Db, query: ArrowQuery): Promise<TransitionRow[]> {
  const select = db('transitions').orderBy('id', 'desc').limit(query.limit);
  void select.whereRaw("coalesce(evidence, 'event') <> 'disproved'");
  if (query.from.length > 0) void select.whereIn('from_state', query.from);
  if (query.to !== null) void select.where({ to_state: query.to });
  if (query.event !== null) void select.where({ event: query.event });
  if (query.unexpected) void select.where('unexpected', true);
  if (query.beforeId !== null) void select.where('id', '<', query.beforeId);
  const rows: StoredTransition[] = await select;
  const { since } = query;
  const recent = rows.filter((row) => since === null || row.occurred_at >= since);
  return recent.map(transitionFromRow);
}

/** Lines of the history after one of them, in the order of their ids. */
export async function transitionsAfter(
  db: Db,
  afterId: number,
  limit: number,
): Promise<TransitionRow[]> {
  const rows: StoredTransition[] = await db('transitions')
    .where('id', '>', afterId)
    .orderBy('id')
    .limit(limit);
  return rows.map(transitionFromRow);
}

/** The id of the newest line; 0 when there is none. */
export async function newestTransitionId(db: Db): Promise<number> {
  const row = await db('transitions').orderBy('id', 'desc').first<{ id: number } | undefined>('id');
  return row?.id ?? 0;
}

/** What these events moved; each is asked for with the subscription that it is about. */
export async function movesOfEvents(
  db: Db,
  events: readonly { id: string; subscriptionId: string | null }[],
): Promise<TransitionRow[]> {
  const about = events.flatMap(({ subscriptionId }) => subscriptionId ?? []);
  if (about.length === 0) return [];
  const rows: StoredTransition[] = await db('transitions')
    .whereIn('subscription_id', [...new Set(about)])
    .whereIn(
      'cause_id',
      events.map((event) => event.id),
    )
    .orderBy('id');
  return rows.map(transitionFromRow);
}

/** Where running transactions stand: all before `oldest` are over, none from `next` on has begun. */
export interface TransactionHorizon {
  oldest: bigint;
  next: bigint;
}

/** The horizon of Postgres; null on SQLite, which commits one writer after the other. */
export async function transactionHorizon(db: Db): Promise<TransactionHorizon | null> {
  if (!isPostgres(db)) return null;
  const { rows } = await db.raw<{ rows: { oldest: string; next: string }[] }>(
    'SELECT pg_snapshot_xmin(s)::text AS oldest, pg_snapshot_xmax(s)::text AS next FROM pg_current_snapshot() AS s',
  );
  const row = rows[0];
  return row ? { oldest: BigInt(row.oldest), next: BigInt(row.next) } : null;
}

const HOUR = 3_600_000;

/** How many moves happened in each of the last `hours` hours, oldest first; the last is the present one. */
export async function movesPerHour(db: Db, now: number, hours: number): Promise<number[]> {
  const first = (Math.floor(now / HOUR) - hours + 1) * HOUR;
  const rows: { hour: number; count: number }[] = await db('arrow_counts')
    .whereBetween('hour_at', [first, now])
    .groupBy('hour_at')
    .select({ hour: 'hour_at' })
    .sum({ count: 'count' });
  const counts = new Map(rows.map((row) => [row.hour, row.count]));
  return Array.from({ length: hours }, (_, index) => counts.get(first + index * HOUR) ?? 0);
}
