import type {
  Cause,
  CauseType,
  LifecycleEventType,
  LifecycleState,
  Transition,
} from '../state/types.ts';
import type { HistoryLine } from '../state/history/lines.ts';
import { columnsOf, unnest, type Value } from './columns.ts';
import { inChunks, isPostgres, rowsOf, type Db } from './database.ts';

/** One line of the history as stored; the table is append-only. */
export interface TransitionRow extends Transition {
  id: number;
  subscriptionId: string;
  customerId: string;
  cause: { type: CauseType; id: string };
  actor: string;
  /** Business time of the cause. */
  occurredAt: number;
  /** Real time of writing. */
  recordedAt: number;
  /** Its place among the lines of its subscription; null when an older release wrote it. */
  number: number | null;
  /** `read` while no event of Stripe explains it; `disproved` when events showed that it never was. */
  evidence: Evidence;
  account: string | null;
  /** Of the command that moved it. */
  requestId: string | null;
  /** Monthly recurring revenue after it; null when it is not known. */
  mrr: number | null;
  /** What that is for; null in no plan, and where an older release wrote it. */
  plan: string | null;
}

export type Evidence = 'event' | 'read' | 'disproved';

export interface StoredTransition {
  id: number;
  subscription_id: string;
  customer_id: string;
  from_state: LifecycleState;
  to_state: LifecycleState;
  event: LifecycleEventType;
  cause_type: CauseType;
  cause_id: string;
  actor: string;
  occurred_at: number;
  recorded_at: number;
  unexpected: boolean | number;
  late: boolean | number;
  detail: string;
  number: number | null;
  evidence: Evidence | null;
  account_id: string | null;
  request_id: string | null;
  mrr: number | null;
  plan: string | null;
}

/** A row of the table in the program's terms. */
export const transitionFromRow = (row: StoredTransition): TransitionRow => ({
  id: row.id,
  subscriptionId: row.subscription_id,
  customerId: row.customer_id,
  from: row.from_state,
  to: row.to_state,
  event: row.event,
  cause: { type: row.cause_type, id: row.cause_id },
  actor: row.actor,
  occurredAt: row.occurred_at,
  recordedAt: row.recorded_at,
  unexpected: Boolean(row.unexpected),
  late: Boolean(row.late),
  detail: JSON.parse(row.detail) as Transition['detail'],
  number: row.number,
  evidence: row.evidence ?? 'event',
  account: row.account_id,
  requestId: row.request_id,
  mrr: row.mrr,
  plan: row.plan,
});

/** A line to append, with what it belongs to and why it happened. */
export interface TransitionInput extends Transition {
  subscriptionId: string;
  customerId: string;
  cause: Cause;
  number?: number | null;
  guess?: boolean;
  account?: string | null;
  requestId?: string | null;
  mrr?: number | null;
  plan?: string | null;
}

/**
 * Appends lines to the history in the order given, each once for (subscription, cause, event, target).
 * Returns those that were new.
 */
export async function recordTransitions(
  db: Db,
  lines: TransitionInput[],
): Promise<TransitionRow[]> {
  const rows = lines.map(toRow);
  if (rows.length === 0) return [];
  if (isPostgres(db)) {
    const answer: unknown = await db.raw(RECORD, columnsOf(COLUMNS, rows));
    return rowsOf<StoredTransition>(answer).map(transitionFromRow);
  }
  const added: StoredTransition[] = [];
  for (const chunk of inChunks(rows)) {
    added.push(
      ...(await db('transitions')
        .insert(chunk)
        .onConflict([...LINE])
        .ignore()
        .returning('*')),
    );
  }
  return added.map(transitionFromRow);
}

const COLUMNS = {
  subscription_id: 'text',
  customer_id: 'text',
  from_state: 'text',
  to_state: 'text',
  event: 'text',
  cause_type: 'text',
  cause_id: 'text',
  actor: 'text',
  occurred_at: 'bigint',
  recorded_at: 'bigint',
  unexpected: 'boolean',
  late: 'boolean',
  detail: 'text',
  number: 'bigint',
  evidence: 'text',
  account_id: 'text',
  request_id: 'text',
  mrr: 'bigint',
  plan: 'text',
} as const;

/** What makes a line one and the same. */
const LINE = ['subscription_id', 'cause_id', 'event', 'to_state'] as const;

const RECORD = `
INSERT INTO transitions (${Object.keys(COLUMNS).join(', ')})
SELECT * FROM ${unnest(COLUMNS, 'given')}
ON CONFLICT (${LINE.join(', ')}) DO NOTHING RETURNING id, ${Object.keys(COLUMNS).join(', ')}`;

const toRow = (line: TransitionInput): Record<keyof typeof COLUMNS, Value> => ({
  subscription_id: line.subscriptionId,
  customer_id: line.customerId,
  from_state: line.from,
  to_state: line.to,
  event: line.event,
  cause_type: line.cause.type,
  cause_id: line.cause.id,
  actor: line.cause.actor,
  occurred_at: line.cause.at,
  recorded_at: Date.now(),
  unexpected: line.unexpected,
  late: line.late,
  detail: JSON.stringify(line.detail),
  number: line.number ?? null,
  evidence: line.guess === true ? 'read' : 'event',
  account_id: line.account ?? null,
  request_id: line.requestId ?? null,
  mrr: line.mrr ?? null,
  plan: line.plan ?? null,
});

/** What a line says once it is known better. */
export type TransitionRevision = Omit<TransitionInput, 'number' | 'cause'> & {
  id: number;
  /** null: it stays. */
  cause: Cause | null;
  at: number;
};

/** Writes lines again that a read had given away, and that their events now explain. */
export async function reviseTransitions(db: Db, lines: TransitionRevision[]): Promise<void> {
  for (const line of lines) {
    const { from, to, event, unexpected, at, detail, cause, mrr, plan = null } = line;
    await db('transitions')
      .where({ id: line.id })
      .update({
        from_state: from,
        to_state: to,
        event,
        unexpected,
        occurred_at: at,
        detail: JSON.stringify(detail),
        evidence: line.guess === true ? 'read' : 'event',
        ...(mrr === undefined || mrr === null ? {} : { mrr, plan }),
        ...(cause === null
          ? {}
          : {
              cause_type: cause.type,
              cause_id: cause.id,
              actor: cause.actor,
              account_id: line.account ?? null,
              request_id: line.requestId ?? null,
            }),
      });
  }
}

/** Strikes out lines that events have disproved; their numbers stay taken, and when it was is part of the cause. */
export async function disproveTransitions(db: Db, ids: number[]): Promise<void> {
  for (const id of ids) {
    await db('transitions')
      .where({ id })
      .update({ evidence: 'disproved', cause_id: `disproved:${id}:${Date.now()}` });
  }
}

/** When a line was struck out; null for one that stands, and where an older release did not say. */
export function disprovedAt({ evidence, cause }: TransitionRow): number | null {
  const [, time] = /^disproved:\d+:(\d+)$/.exec(cause.id) ?? [];
  return evidence === 'disproved' && time !== undefined ? Number(time) : null;
}

/** One line by its number; null when there is none. */
export async function findTransition(
  db: Db,
  subscriptionId: string,
  number: number,
): Promise<TransitionRow | null> {
  const row: StoredTransition | undefined = await db('transitions')
    .where({ subscription_id: subscriptionId, number })
    .first();
  return row ? transitionFromRow(row) : null;
}

/** A stored line as `state/` knows it. */
export function asHistoryLine(row: TransitionRow): HistoryLine {
  const { id, from, to, event, detail, number, unexpected, mrr, plan, occurredAt: at } = row;
  const isGuess = row.evidence === 'read';
  const causeId = row.cause.id;
  return {
    id,
    from,
    to,
    event,
    detail,
    number,
    unexpected,
    mrr,
    plan,
    at,
    causeId,
    guess: isGuess,
  };
}

/** Lines of one subscription in the order in which it happened. Those of older releases have their place by their id. */
export function inOrder<Line extends Pick<TransitionRow, 'id' | 'number' | 'occurredAt'>>(
  lines: readonly Line[],
): Line[] {
  let latest = 0;
  const placed = lines
    .toSorted((a, b) => a.id - b.id)
    .map((line) => {
      const place = line.number ?? latest;
      latest = Math.max(latest, place);
      return { line, place };
    });
  const isOld = ({ line }: (typeof placed)[number]) => line.number === null;
  return placed
    .sort((a, b) => {
      if (a.place !== b.place) return a.place - b.place;
      const byTime = isOld(a) && isOld(b) ? a.line.occurredAt - b.line.occurredAt : 0;
      return byTime || a.line.id - b.line.id;
    })
    .map(({ line }) => line);
}

/** The history of one subscription in the order in which it happened; `limit` keeps the newest. */
export async function timelineOf(
  db: Db,
  subscriptionId: string,
  limit = 1_000,
): Promise<TransitionRow[]> {
  const rows: StoredTransition[] = await db('transitions')
    .where({ subscription_id: subscriptionId })
    .orderBy('id', 'desc')
    .limit(limit);
  return inOrder(rows.map(transitionFromRow)).filter(({ evidence }) => evidence !== 'disproved');
}

/** What `state/` needs to know of the past: the newest lines of each subscription, newest first. */
export async function recentHistories(
  db: Db,
  subscriptionIds: string[],
  limit: number,
): Promise<TransitionRow[]> {
  const numbered = db('transitions')
    .whereIn('subscription_id', subscriptionIds)
    .select(
      '*',
      db.raw('row_number() OVER (PARTITION BY subscription_id ORDER BY id DESC) AS nth'),
    );
  const rows: StoredTransition[] = await db
    .from(numbered.as('numbered'))
    .where('nth', '<=', limit)
    .orderBy('id', 'desc')
    .select('*');
  return rows.map(transitionFromRow);
}
