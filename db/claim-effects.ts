import { type Db, databaseNow, isPostgres } from './database.ts';
import {
  after,
  laneOf,
  rowFromOutbox,
  type Lane,
  type OutboxRow,
  type StoredEffect,
} from './outbox.ts';

/** The lane of a row; the index of migration 0035 is used only by who writes it like this. */
const LANE =
  "CASE substr(kind, 1, 5) WHEN 'mail.' THEN 'mail' WHEN 'webho' THEN 'webhook' WHEN 'event' THEN 'webhook' ELSE 'stripe' END";

/** What tells of a line waits until those ahead of it are delivered or dead, at the same receiver. */
const IN_ORDER = `AND (line_of IS NULL OR NOT EXISTS (
        SELECT 1 FROM outbox AS ahead
        WHERE ahead.status = 'waiting' AND ahead.line_of = outbox.line_of AND ahead.receiver = outbox.receiver
          AND ahead.line_number < outbox.line_number))`;

/** Effects that wait for each other only: those of a lane, and of the webhooks those of each named receiver. */
export type Queue = Lane | `webhook:${string}`;

export function queueOf({ kind, receiver }: Pick<OutboxRow, 'kind' | 'receiver'>): Queue {
  const lane = laneOf(kind);
  return receiver === '' ? lane : `webhook:${receiver}`;
}

/**
 * Takes due effects of each queue, up to its `limits`, those that wait longest first; they become due again after
 * `lease` ms of the database's clock, should this process die. Processes do not get the same ones, and none gets those in
 * `except`, which it is at work on. The attempt is counted here, so that an effect whose delivery kills the process comes
 * to rest too.
 */
export async function claimEffects(
  db: Db,
  limits: Partial<Record<Queue, number>>,
  terms: { lease: number; except?: readonly number[] },
): Promise<OutboxRow[]> {
  const queues = Object.entries(limits).filter((each): each is [string, number] => each[1]! > 0);
  if (queues.length === 0) return [];
  const { lease, except = [] } = terms;
  // Asked once for the statement: an index is of no use with a time that moves from row to row.
  const now = db.raw('(SELECT ?)', [databaseNow(db)]);
  const others = except.length > 0 ? `AND id NOT IN (${except.map(() => '?').join(', ')})` : '';
  const due = queues.map(([queue], i) => {
    const [lane = '', receiver] = queue.split(':');
    return `due_${i} AS (
      SELECT id FROM outbox
      WHERE status = 'waiting' AND ${LANE} = '${lane}' AND receiver = ${receiver === undefined ? "''" : '?'} AND next_attempt_at <= ? ${others}
      ${lane === 'webhook' ? IN_ORDER : ''}
      ORDER BY next_attempt_at, id LIMIT ? ${isPostgres(db) ? 'FOR UPDATE SKIP LOCKED' : ''})`;
  });
  const sql = `WITH ${due.join(', ')}
    UPDATE outbox SET next_attempt_at = ? + ?, attempts = attempts + 1
    WHERE id IN (${queues.map((_, i) => `SELECT id FROM due_${i}`).join(' UNION ALL ')})
    RETURNING *`;
  const values = queues.flatMap(([queue, limit]) => {
    const [, ...receiver] = queue.split(':');
    return [...receiver, now, ...except, limit];
  });
  const answer: StoredEffect[] | { rows: StoredEffect[] } = await db.raw(sql, [
    ...values,
    databaseNow(db),
    lease,
  ]);
  const rows = Array.isArray(answer) ? answer : answer.rows;
  return rows.map(rowFromOutbox).sort((a, b) => a.id - b.id);
}

/** Makes a claim last `lease` ms from now; false when another process has taken the effect over, or it has ended. */
export async function renewEffect(
  db: Db,
  claimed: Pick<OutboxRow, 'id' | 'attempts'>,
  lease: number,
): Promise<boolean> {
  const renewed = await db('outbox')
    .where({ id: claimed.id, attempts: claimed.attempts, status: 'waiting' })
    .update({ next_attempt_at: after(db, lease) });
  return renewed > 0;
}
