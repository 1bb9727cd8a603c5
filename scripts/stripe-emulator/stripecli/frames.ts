import { createHmac } from 'node:crypto';
import { randomText } from '../kernel/ids.ts';

/** A frame of the CLI that tells what became of one of ours. */
export type CliFrame =
  | { readonly type: 'event_ack'; readonly key: string }
  | {
      readonly type: 'webhook_response';
      readonly key: string;
      readonly status: number;
      readonly url: string;
    };

/** One text frame on its way to the CLI; `key` is what its ack and its response name. */
export interface OutgoingFrame {
  readonly key: string;
  readonly text: string;
}

/** `Stripe-Signature` of a payload, made at the second `at` (unix seconds). */
export function signatureHeader(payload: string, secret: string, at: number): string {
  const digest = createHmac('sha256', secret).update(`${at}.${payload}`).digest('hex');
  return `t=${at},v1=${digest}`;
}

function headers(payload: string, secret: string): Record<string, string> {
  return {
    'Content-Type': 'application/json; charset=utf-8',
    Accept: '*/*; q=0.5, application/xml',
    'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
    'Cache-Control': 'no-cache',
    'Stripe-Signature': signatureHeader(payload, secret, Math.floor(Date.now() / 1000)),
  };
}

/** A snapshot event; `apiVersion` null marks the account's default version, a name the one of `--latest`. */
export function webhookFrame(
  payload: string,
  secret: string,
  apiVersion: string | null,
): OutgoingFrame {
  const key = `wc_${randomText(24)}`;
  const frame = {
    type: 'webhook_event',
    webhook_id: 'we_stripecli',
    webhook_conversation_id: key,
    endpoint: { api_version: apiVersion },
    event_payload: payload,
    http_headers: headers(payload, secret),
  };
  return { key, text: JSON.stringify(frame) };
}

/** A thin event; the CLI answers it by the event's own id. */
export function thinFrame(eventId: string, payload: string, secret: string): OutgoingFrame {
  const frame = {
    type: 'v2_event',
    payload,
    destination_id: 'ed_stripecli',
    http_headers: headers(payload, secret),
  };
  return { key: eventId, text: JSON.stringify(frame) };
}

/** One line of `logs tail`. */
export function requestLogFrame(id: string, payload: string): string {
  return JSON.stringify({ type: 'request_log_event', request_log_id: id, event_payload: payload });
}

/** Reads a frame of the CLI; null for what this side does not act on. */
export function readFrame(text: string): CliFrame | null {
  const frame = parseRecord(text);
  const key = firstText(
    frame['webhook_conversation_id'],
    frame['notification_id'],
    frame['event_id'],
  );
  if (key === null) return null;
  if (frame['type'] === 'event_ack') return { type: 'event_ack', key };
  if (frame['type'] !== 'webhook_response') return null;
  return {
    type: 'webhook_response',
    key,
    status: Number(frame['status']) || 0,
    url: firstText(frame['forward_url']) ?? '',
  };
}

function parseRecord(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {}; // garbage on the socket is ignored, as the CLI ignores ours
  }
}

function firstText(...values: unknown[]): string | null {
  for (const value of values) if (typeof value === 'string' && value !== '') return value;
  return null;
}
