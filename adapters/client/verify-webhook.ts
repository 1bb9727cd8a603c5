/** Outgoing webhooks of a Tenure server, on the side of who receives them (Standard Webhooks; Web Crypto only). */
import type { webhooks } from './api.ts';

/** Every type of outgoing event. */
export type OutgoingEventType = keyof webhooks;

type Message<T extends OutgoingEventType> =
  webhooks[T]['post']['requestBody']['content']['application/json'];

/** An outgoing event; `id` is the same in each attempt, so that a repetition can be dropped. */
export type OutgoingEvent<T extends OutgoingEventType = OutgoingEventType> = {
  [Each in T]: Message<Each> & { id: string };
}[T];

/** The message is not from the server, or not from now. Answer 400. */
export class WebhookVerificationError extends Error {
  override name = 'WebhookVerificationError';
}

/** The headers as any framework has them; names in lower case, as Node and Express do. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | string[] | undefined>>;

/** How far the clocks may be apart, in seconds. */
const TOLERANCE_SECONDS = 300;

/**
 * Checks the signature of an outgoing webhook and returns its event. `rawBody` is the body as it arrived, before any
 * parser; `secret` is `OUTGOING_WEBHOOK_SECRET`, or several while it is replaced. Types that a later release adds come
 * through too: ignore those that you do not know.
 */
export async function verifyWebhook(
  rawBody: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string | readonly string[],
): Promise<OutgoingEvent> {
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  if (!/^\d{1,12}$/.test(timestamp)) refuse('The webhook-timestamp header is not a number');
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) {
    refuse('The message is too old, or from the future: compare the clocks');
  }
  const body = typeof rawBody === 'string' ? encode(rawBody) : rawBody;
  const signed = join(encode(`${id}.${timestamp}.`), body);
  const given = headerOf(headers, 'webhook-signature')
    .split(' ')
    .filter((part) => part.startsWith('v1,'))
    .map((part) => decodeBase64(part.slice(3)));
  for (const each of [secret].flat()) {
    const key = await keyOf(each);
    for (const signature of given) {
      if (signature && (await crypto.subtle.verify('HMAC', key, signature, signed))) {
        return eventOf(id, body);
      }
    }
  }
  return refuse('No signature fits: compare the secrets, and pass the body as it arrived');
}

function eventOf(id: string, body: Uint8Array): OutgoingEvent {
  const message = JSON.parse(new TextDecoder().decode(body)) as OutgoingEvent;
  return { ...message, id };
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = typeof headers.get === 'function' ? headers.get(name) : valueIn(headers, name);
  if (typeof value !== 'string' || value === '') return refuse(`The ${name} header is missing`);
  return value;
}

const valueIn = (headers: WebhookHeaders, name: string) =>
  (headers as Readonly<Record<string, unknown>>)[name];

/** `whsec_` and the key in base64. An empty key would accept what anyone can sign. */
async function keyOf(secret: string): ReturnType<typeof crypto.subtle.importKey> {
  const bytes = decodeBase64(secret.replace(/^whsec_/, ''));
  if (!bytes || bytes.length === 0) throw new TypeError('The secret must be whsec_ and base64');
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  return crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify']);
}

const encode = (text: string) => new TextEncoder().encode(text);

function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.codePointAt(0) ?? 0);
  } catch {
    return null;
  }
}

function join(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

function refuse(words: string): never {
  throw new WebhookVerificationError(words);
}
