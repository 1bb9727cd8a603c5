import { randomBytes } from 'node:crypto';
import { Stripe } from 'stripe';
import { signWebhook } from '../../server/outbox/handlers/outgoing-webhook.ts';

/** What to send to the handler under test; the bytes are what was signed. */
export interface SignedMessage {
  body: string;
  headers: Record<string, string>;
}

export interface SignOptions {
  /** Seconds; default: now. */
  timestamp?: number;
}

/** An event as Stripe sends it to a webhook endpoint with this secret. What is not given is filled in. */
export function signStripeEvent(
  event: { type: string; data: { object: object } } & Record<string, unknown>,
  secret: string,
  options: SignOptions = {},
): SignedMessage {
  const timestamp = options.timestamp ?? Math.floor(Date.now() / 1000);
  const payload = JSON.stringify({
    id: `evt_${randomBytes(12).toString('hex')}`,
    object: 'event',
    api_version: Stripe.API_VERSION,
    created: timestamp,
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    ...event,
  });
  const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
  return {
    body: payload,
    headers: { 'content-type': 'application/json', 'stripe-signature': signature },
  };
}

/** An outgoing webhook as Tenure sends it to `OUTGOING_WEBHOOK_URL`, signed with `OUTGOING_WEBHOOK_SECRET`. */
export function signOutgoingWebhook(
  message: object,
  secret: string,
  options: SignOptions = {},
): SignedMessage {
  const timestamp = options.timestamp ?? Math.floor(Date.now() / 1000);
  const id = `msg_${randomBytes(16).toString('hex')}`;
  const body = JSON.stringify(message);
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signWebhook(`${id}.${timestamp}.${body}`, secret),
    },
  };
}
