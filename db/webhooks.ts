import { databaseNow, type Db } from './database.ts';
import { rowFromOutbox, type OutboxRow, type OutboxStatus, type StoredEffect } from './outbox.ts';

/** As the index of migration 0035 has it. */
const IS_WEBHOOK = "substr(kind, 1, 5) IN ('webho', 'event')";

export interface WebhookQuery {
  status?: OutboxStatus;
  /** Empty for the one without a name. */
  receiver?: string;
  type?: string;
  /** Those about this object. */
  objectId?: string;
  beforeId?: number;
  limit: number;
}

/** A page of the outgoing webhooks, newest first. */
export async function listWebhooks(db: Db, query: WebhookQuery): Promise<OutboxRow[]> {
  const { status, receiver, type, objectId, beforeId, limit } = query;
  const select = db('outbox').whereRaw(IS_WEBHOOK).orderBy('id', 'desc').limit(limit);
  if (status !== undefined) void select.where({ status });
  if (receiver !== undefined) void select.where({ receiver });
  if (type !== undefined) void select.whereIn('kind', [`webhook.${type}`, `event.${type}`]);
  if (objectId !== undefined) void select.where({ object_id: objectId });
  if (beforeId !== undefined) void select.where('id', '<', beforeId);
  return ((await select) as StoredEffect[]).map(rowFromOutbox);
}

export async function findWebhook(db: Db, id: number): Promise<OutboxRow | null> {
  const row: StoredEffect | undefined = await db('outbox')
    .where({ id })
    .whereRaw(IS_WEBHOOK)
    .first();
  return row ? rowFromOutbox(row) : null;
}

/** Sends a webhook again that was delivered or given up, and one that waits for its next attempt at once. */
export async function resendWebhook(db: Db, id: number): Promise<void> {
  const mine = () => db('outbox').where({ id }).whereRaw(IS_WEBHOOK);
  const now = databaseNow(db);
  await mine()
    .whereNot({ status: 'waiting' })
    .update({ status: 'waiting', attempts: 0, last_error: null, delivered_at: null });
  await mine().update({ next_attempt_at: now });
}
