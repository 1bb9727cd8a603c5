import type { Effect } from '../state/types.ts';
import { isPostgres, type Db } from './database.ts';
import { inChunks } from './in-chunks.ts';

export type OutboxStatus = 'waiting' | 'delivered' | 'dead';

/** An effect on its way. Times are ms since the epoch. */
export interface OutboxRow extends Effect {
  id: number;
  /** The event or request that caused it. */
  causeId: string | null;
  status: OutboxStatus;
  attempts: number;
  nextAttemptAt: number;
  lastError: string | null;
  createdAt: number;
  deliveredAt: number | null;
}

interface Row {
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
}

const fromRow = (row: Row): OutboxRow => ({
  id: row.id,
  objectId: row.object_id,
  kind: row.kind,
  payload: JSON.parse(row.payload) as Record<string, unknown>,
  causeId: row.cause_id,
  status: row.status,
  attempts: row.attempts,
  nextAttemptAt: row.next_attempt_at,
  lastError: row.last_error,
  createdAt: row.created_at,
  deliveredAt: row.delivered_at,
});

/** Puts effects into the outbox, each once for one (objectId, kind), ever. Returns how many were new. */
export async function enqueueEffects(
  db: Db,
  effects: (Effect & { causeId?: string | null })[],
  now: number,
): Promise<number> {
  let added = 0;
  for (const chunk of inChunks(effects)) {
    const rows: { id: number }[] = await db('outbox')
      .insert(
        chunk.map((effect) => ({
          object_id: effect.objectId,
          kind: effect.kind,
          payload: JSON.stringify(effect.payload),
          cause_id: effect.causeId ?? null,
          status: 'waiting',
          attempts: 0,
          next_attempt_at: now,
          created_at: now,
        })),
      )
      .onConflict(['object_id', 'kind'])
      .ignore()
      .returning('id');
    added += rows.length;
  }
  return added;
}

/**
 * Takes up to `limit` due effects; they become due again after `lease` ms, should this process die.
 * Processes do not get the same ones. The attempt is counted here, so that an effect whose delivery kills
 * the process comes to rest too.
 */
export async function claimEffects(
  db: Db,
  limit: number,
  terms: { now: number; lease: number },
): Promise<OutboxRow[]> {
  const due = db('outbox')
    .where({ status: 'waiting' })
    .where('next_attempt_at', '<=', terms.now)
    .orderBy('next_attempt_at')
    .limit(limit)
    .select('id');
  if (isPostgres(db)) void due.forUpdate().skipLocked();
  const rows: Row[] = await db('outbox')
    .whereIn('id', due)
    .update({
      next_attempt_at: terms.now + terms.lease,
      attempts: db.raw('attempts + 1'),
    })
    .returning('*');
  return rows.map(fromRow).sort((a, b) => a.id - b.id);
}

/** Marks an effect as delivered; `note` says why nothing had to be done, if so. */
export async function markDelivered(
  db: Db,
  id: number,
  result: { at: number; note: string | null },
): Promise<void> {
  await db('outbox')
    .where({ id })
    .update({ status: 'delivered', delivered_at: result.at, last_error: result.note });
}

/** Lets an effect rest until `nextAttemptAt` or, with `dead`, until somebody replays it. */
export async function postponeEffect(
  db: Db,
  id: number,
  failure: { error: string; attempts: number; nextAttemptAt: number; dead: boolean },
): Promise<void> {
  await db('outbox')
    .where({ id })
    .update({
      status: failure.dead ? 'dead' : 'waiting',
      attempts: failure.attempts,
      next_attempt_at: Math.ceil(failure.nextAttemptAt),
      last_error: failure.error,
    });
}

/** Makes dead effects wait again; returns how many. */
export async function requeueEffects(db: Db, ids: number[], now: number): Promise<number> {
  return db('outbox')
    .whereIn('id', ids)
    .where({ status: 'dead' })
    .update({ status: 'waiting', attempts: 0, next_attempt_at: now });
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
  return ((await select) as Row[]).map(fromRow);
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
