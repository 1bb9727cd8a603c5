import { attemptsOf, type WebhookAttempt } from '../../../../db/webhook-attempts.ts';
import { findWebhook } from '../../../../db/webhooks.ts';
import type { OutboxRow } from '../../../../db/outbox.ts';
import { HOOKS } from '../../../config/receivers.ts';
import type { Services } from '../../../lib/services.ts';
import { webhookId } from '../../../outbox/handlers/outgoing-webhook.ts';

/** One outgoing webhook to one receiver. Times in ms. */
export interface WebhookItem {
  id: number;
  type: string;
  /** `default` is that of `OUTGOING_WEBHOOK_URL`. */
  receiver: string;
  state: 'waiting' | 'delivered' | 'not sent' | 'dead';
  objectId: string;
  attempts: number;
  /** Why the last attempt failed, or why there was nothing to send. */
  reason: string | null;
  createdAt: number;
  deliveredAt: number | null;
  nextAttemptAt: number | null;
}

export interface WebhookView extends WebhookItem {
  /** As the receiver sees it in the header. */
  webhookId: string;
  /** `in process` for hooks of the host app, null for a receiver that is not set any more. */
  url: string | null;
  /** The event or request that caused it. */
  cause: string | null;
  /** As it was stored: what is sent says how things are by then. */
  payload: Record<string, unknown>;
  log: WebhookAttempt[];
}

export const DEFAULT_RECEIVER = 'default';

export function webhookItem(row: OutboxRow): WebhookItem {
  const { id, kind, receiver, objectId, status, lastError } = row;
  const isNoted = status === 'delivered' && lastError !== null;
  return {
    id,
    type: kind.replace(/^\w+\./, ''),
    receiver: receiver === '' ? DEFAULT_RECEIVER : receiver,
    state: isNoted ? 'not sent' : status,
    objectId: objectId.replace(/>.*/, ''),
    attempts: row.attempts,
    reason: lastError,
    createdAt: row.createdAt,
    deliveredAt: isNoted ? null : row.deliveredAt,
    nextAttemptAt: status === 'waiting' ? row.nextAttemptAt : null,
  };
}

/** One webhook with its attempts; null when there is none. */
export async function webhookView(
  { config, database }: Services,
  id: string,
): Promise<WebhookView | null> {
  const row = /^\d{1,15}$/.test(id) ? await findWebhook(database.knex, Number(id)) : null;
  if (!row) return null;
  const attempts = await attemptsOf(database.knex, row.id);
  return {
    ...webhookItem(row),
    webhookId: webhookId(row),
    url:
      row.receiver === HOOKS
        ? 'in process'
        : (config.receivers.find(({ name }) => name === row.receiver)?.url ?? null),
    cause: row.causeId,
    payload: row.payload,
    log: attempts,
  };
}
