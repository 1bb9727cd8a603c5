import { createHash, createHmac } from 'node:crypto';
import type { Receiver } from '../../config/config.ts';

/** The team's receiver did not take a webhook. */
export class WebhookRefused extends Error {
  override name = 'WebhookRefused';
  readonly status: number;
  /** Seconds, from `Retry-After`. */
  readonly retryAfter: number | null;

  constructor(status: number, retryAfter: number | null) {
    super(`The receiver answered ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/**
 * Posts an effect to the team's own system, signed in the Standard Webhooks format. `webhook-id` is the same for
 * every attempt, so that the receiver can drop a repetition. Returns the status of its answer; throws unless that is 2xx, before `signal` gives up.
 */
export async function sendTeamWebhook(
  target: Pick<Receiver, 'url' | 'secret'>,
  effect: { objectId: string; kind: string; payload: unknown },
  signal: AbortSignal,
): Promise<number> {
  const body = JSON.stringify(effect.payload);
  const id = webhookId(effect);
  const timestamp = Math.floor(Date.now() / 1000);
  const response = await fetch(target.url, {
    method: 'POST',
    body,
    redirect: 'manual',
    signal,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Tenure',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signWebhook(`${id}.${timestamp}.${body}`, target.secret),
    },
  });
  await response.body?.cancel();
  if (response.ok) return response.status;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  throw new WebhookRefused(
    response.status,
    Number.isFinite(retryAfter) && retryAfter >= 0 ? retryAfter : null,
  );
}

/** The id of a message: the same in each attempt. */
export function webhookId({ objectId, kind }: { objectId: string; kind: string }): string {
  return `msg_${stableId({ objectId, kind: kind.replace(/^event\./, 'webhook.') })}`;
}

/** A name for an effect that is the same in every attempt and process. */
export function stableId(effect: { objectId: string; kind: string }): string {
  return createHash('sha256')
    .update(`${effect.objectId} ${effect.kind}`)
    .digest('hex')
    .slice(0, 32);
}

/** `v1,<base64 HMAC-SHA256>` with the key that follows `whsec_` in base64 (standardwebhooks.com). */
export function signWebhook(signed: string, secret: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}
