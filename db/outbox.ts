import type { Effect } from '../state/effect-kinds.ts';
import { columnsOf, unnest, type Value } from './columns.ts';
import { type Db, databaseNow, inChunks, isPostgres, rowsOf } from './database.ts';

export type OutboxStatus = 'waiting' | 'delivered' | 'dead';

/** Effects that go to the same place, and wait for each other only: mail, the team's receiver, Stripe. */
export type Lane = 'mail' | 'webhook' | 'stripe';

export function laneOf(kind: string): Lane {
  if (kind.startsWith('mail.')) return 'mail';
  return /^(?:webho|event)/.test(kind) ? 'webhook' : 'stripe';
}

/** An effect on its way, as it was stored: perhaps by another release. Times are ms since the epoch. */
export interface OutboxRow {
  id: number;
  objectId: string;
  /** `webhook.…` to the receiver without a name, `event.…` to one with: releases that know of one receiver leave those alone. */
  kind: string;
  /** Which receiver of outgoing webhooks it goes to; empty for the one without a name, and for what is no webhook. */
  receiver: string;
  payload: Record<string, unknown>;
  /** The event or request that caused it. */
  causeId: string | null;
  status: OutboxStatus;
  attempts: number;
  nextAttemptAt: number;
  lastError: string | null;
  createdAt: number;
  deliveredAt: number | null;
}

/** A row of the table. */
export interface StoredEffect {
  id: number;
  object_id: string;
  kind: string;
  payload: string;
  cause_id: string | null;
  status: OutboxStatus;
  attempts: number;
  next_attempt_at: number;
  last_error: string | null;
  created_at: number;
  delivered_at: number | null;
  receiver: string;
}

/** A row of the table in the program's terms. */
export const rowFromOutbox = (row: StoredEffect): OutboxRow => ({
  id: row.id,
  objectId: row.object_id,
  kind: row.kind,
  receiver: row.receiver,
  payload: JSON.parse(row.payload) as Record<string, unknown>,
  causeId: row.cause_id,
  status: row.status,
  attempts: row.attempts,
  nextAttemptAt: row.next_attempt_at,
  lastError: row.last_error,
  createdAt: row.created_at,
  deliveredAt: row.delivered_at,
});

/** The line of the history that an effect tells of: those of one subscription are delivered in their order. */
function lineOf(effect: Effect): { line_of: string | null; line_number: number | null } {
  if (effect.kind !== 'webhook.subscription.changed') return { line_of: null, line_number: null };
  const { subscriptionId, number } = effect.payload.data;
  return { line_of: subscriptionId, line_number: number };
}

/** Whose a mail is: by it the account's page finds it. */
function accountOf({ kind, payload }: Effect): string | null {
  return laneOf(kind) === 'mail' && 'userId' in payload ? payload.userId : null;
}

/** Some milliseconds from now, by the database's clock. */
export const after = (db: Db, ms: number) =>
  db.raw('? + ?', [databaseNow(db), Math.max(0, Math.ceil(ms))]);

/** Lets what was held back until an event explains these lines go out now. */
export async function releaseHeldEffects(
  db: Db,
  lines: readonly { subscriptionId: string; number: number | null }[],
): Promise<void> {
  for (const { subscriptionId, number } of lines) {
    if (number === null) continue;
    await db('outbox')
      .where({ line_of: subscriptionId, line_number: number, status: 'waiting', attempts: 0 })
      .update({ next_attempt_at: databaseNow(db) });
  }
}

const QUIET = 'not sent: it was told before';

/** What is put into the outbox; of an outgoing webhook, one for each named receiver and one for that without a name. */
export type NewEffect = Effect & {
  causeId?: string | null;
  isQuiet?: boolean;
  holdMs?: number;
  receiver?: string;
};

/**
 * Effects as they are stored: an outgoing webhook once for each receiver that wants it, so that none waits for another; not at
 * all where there is none.
 */
export function addressed<E extends NewEffect>(
  receivers: readonly { name: string; events: readonly string[] }[],
  effects: readonly E[],
): E[] {
  return effects.flatMap((effect) => {
    const { kind } = effect;
    if (!kind.startsWith('webhook.')) return [effect];
    return receivers
      .filter(({ events }) => events.some((type) => kind === `webhook.${type}`))
      .map(({ name }) => (name === '' ? effect : { ...effect, receiver: name }));
  });
}

/** The object of a row to a named receiver: each has a row of its own. */
const objectFor = (objectId: string, receiver: string) =>
  receiver === '' ? objectId : `${objectId}>${receiver}`;

/**
 * Puts effects into the outbox, each once for one (objectId, kind), ever. Of what is quiet, mails and webhooks are only noted,
 * so that nothing sends them later. Returns how many were new.
 */
export async function enqueueEffects(db: Db, effects: NewEffect[], now: number): Promise<number> {
  if (effects.length === 0) return 0;
  const rows = effects.map((effect): Record<keyof typeof COLUMNS, Value> => {
    const isNoted = effect.isQuiet === true && laneOf(effect.kind) !== 'stripe';
    const { line_of, line_number } = lineOf(effect);
    const { objectId, kind, receiver = '' } = effect;
    return {
      object_id: objectFor(objectId, receiver),
      kind: receiver === '' ? kind : kind.replace(/^webhook\./, 'event.'),
      receiver,
      payload: JSON.stringify(effect.payload),
      cause_id: effect.causeId ?? null,
      status: isNoted ? 'delivered' : 'waiting',
      delivered_at: isNoted ? now : null,
      last_error: isNoted ? QUIET : null,
      attempts: 0,
      next_attempt_at: Math.max(0, Math.ceil(effect.holdMs ?? 0)),
      created_at: now,
      account_id: accountOf(effect),
      line_of,
      line_number,
    };
  });
  if (isPostgres(db)) {
    const sql = `INSERT INTO outbox (${NAMES}) SELECT ${NAMES.replace('next_attempt_at', '? + next_attempt_at')}
      FROM ${unnest(COLUMNS, 'given')} ON CONFLICT (object_id, kind) DO NOTHING RETURNING id`;
    const answer: unknown = await db.raw(sql, [databaseNow(db), ...columnsOf(COLUMNS, rows)]);
    return rowsOf(answer).length;
  }
  let added = 0;
  for (const chunk of inChunks(rows)) {
    const inserted: { id: number }[] = await db('outbox')
      .insert(
        chunk.map((row) => ({
          ...row,
          next_attempt_at: after(db, Number(row.next_attempt_at)),
        })),
      )
      .onConflict(['object_id', 'kind'])
      .ignore()
      .returning('id');
    added += inserted.length;
  }
  return added;
}

/** In them `next_attempt_at` is how long to wait, in ms. */
const COLUMNS = {
  object_id: 'text',
  kind: 'text',
  payload: 'text',
  cause_id: 'text',
  status: 'text',
  delivered_at: 'bigint',
  last_error: 'text',
  attempts: 'integer',
  next_attempt_at: 'bigint',
  created_at: 'bigint',
  account_id: 'text',
  line_of: 'text',
  line_number: 'bigint',
  receiver: 'text',
} as const;

const NAMES = Object.keys(COLUMNS).join(', ');

/** Which of these lines of a history, by the object of their effect, were noted and not told to any of the receivers. */
export async function quietChanges(
  db: Db,
  objectIds: string[],
  receivers: readonly string[],
): Promise<Set<string>> {
  const unique = [...new Set(objectIds)];
  const rows = unique.flatMap((id) => receivers.map((name) => objectFor(id, name)));
  if (rows.length === 0) return new Set();
  const noted: string[] = await db('outbox')
    .whereIn('object_id', rows)
    .whereIn('kind', ['webhook.subscription.changed', 'event.subscription.changed'])
    .where({ last_error: QUIET })
    .pluck('object_id');
  const told = new Set(noted);
  return new Set(unique.filter((id) => receivers.some((name) => told.has(objectFor(id, name)))));
}

/** Which of these objects have, or had, such an effect. */
export async function objectsWithEffect(
  db: Db,
  kind: Effect['kind'],
  objectIds: string[],
): Promise<Map<string, true>> {
  const rows: { object_id: string }[] = await db('outbox')
    .whereIn('object_id', objectIds)
    .where({ kind })
    .select('object_id');
  return new Map(rows.map((row) => [row.object_id, true]));
}

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

/** A page of the outbox, newest first. */
export async function listEffects(
  db: Db,
  query: {
    status?: OutboxStatus;
    causeIds?: string[];
    objectId?: string;
    kind?: string;
    beforeId?: number;
    limit: number;
  },
): Promise<OutboxRow[]> {
  const select = db('outbox').orderBy('id', 'desc').limit(query.limit);
  if (query.status) void select.where({ status: query.status });
  if (query.causeIds) void select.whereIn('cause_id', query.causeIds);
  if (query.objectId) void select.where({ object_id: query.objectId });
  if (query.kind) void select.where({ kind: query.kind });
  if (query.beforeId !== undefined) void select.where('id', '<', query.beforeId);
  return ((await select) as StoredEffect[]).map(rowFromOutbox);
}

/** How many effects wait and how many are dead. */
export async function outboxHealth(db: Db): Promise<{ waiting: number; dead: number }> {
  const rows: { status: OutboxStatus; count: number }[] = await db('outbox')
    .whereIn('status', ['waiting', 'dead'])
    .groupBy('status')
    .select('status')
    .count({ count: '*' });
  const of = (status: OutboxStatus) => rows.find((row) => row.status === status)?.count ?? 0;
  return { waiting: of('waiting'), dead: of('dead') };
}
