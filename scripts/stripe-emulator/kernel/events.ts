import type Stripe from 'stripe';
import { newId } from './ids.ts';

export type EventType = Stripe.Event.Type;
/** The object that an event of this type carries. */
export type EventObject<T extends EventType> = Extract<Stripe.Event, { type: T }>['data']['object'];

/** An event as kept: its data is frozen as JSON text at the moment it happened. */
export interface EventRecord {
  readonly id: string;
  readonly type: EventType;
  readonly created: number;
  readonly apiVersion: string;
  readonly request: { id: string | null; idempotency_key: string | null };
  readonly objectId: string | null;
  /** JSON of `data`: `{object, previous_attributes?}`. Kept as bytes: strings of a busy account would fill the heap. */
  readonly data: Buffer;
  pendingWebhooks: number;
  /** False as long as an endpoint has not answered 2xx. */
  delivered: boolean;
}

/** The wire form of an event, with its data rendered for an API version by `render`. */
export interface WireEvent {
  id: string;
  object: 'event';
  api_version: string | null;
  created: number;
  data: unknown;
  livemode: boolean;
  pending_webhooks: number;
  request: { id: string | null; idempotency_key: string | null };
  type: EventType;
}

export function wireEvent(record: EventRecord): WireEvent {
  const data: unknown = JSON.parse(record.data.toString('utf8'));
  return {
    id: record.id,
    object: 'event',
    api_version: record.apiVersion,
    created: record.created,
    data,
    livemode: false,
    pending_webhooks: record.pendingWebhooks,
    request: record.request,
    type: record.type,
  };
}

/** Makes the record; `previous` is the JSON text of the object before the change. */
export function newEvent(fields: {
  type: EventType;
  created: number;
  apiVersion: string;
  request: EventRecord['request'];
  object: { id?: string };
  previous: Record<string, unknown> | null;
}): EventRecord {
  const { object, previous, ...rest } = fields;
  const data = packed(
    JSON.stringify(previous === null ? { object } : { object, previous_attributes: previous }),
  );
  return {
    id: newId('evt'),
    ...rest,
    objectId: object.id ?? null,
    data,
    pendingWebhooks: 0,
    delivered: true,
  };
}

const SLAB = 1 << 20;
let slab = Buffer.allocUnsafeSlow(SLAB);
let filled = 0;

/** Text as bytes in a large block: an allocation of its own for each event costs as much as the event. */
function packed(text: string): Buffer {
  const most = text.length * 3;
  if (most > SLAB) return Buffer.from(text, 'utf8');
  if (filled + most > SLAB) {
    slab = Buffer.allocUnsafeSlow(SLAB);
    filled = 0;
  }
  const length = slab.write(text, filled, 'utf8');
  filled += length;
  return slab.subarray(filled - length, filled);
}

/** Only the changed keys with their former values; nested objects likewise, arrays whole. Null if nothing changed. */
export function previousAttributes(
  before: unknown,
  after: unknown,
): Record<string, unknown> | null {
  if (!isRecord(before) || !isRecord(after)) return null;
  const changes: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const was = before[key];
    const is = after[key];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    changes[key] = isRecord(was) && isRecord(is) ? previousAttributes(was, is) : (was ?? null);
  }
  return Object.keys(changes).length === 0 ? null : changes;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `customer.*` style filters, as webhook endpoints and event lists use them. */
export function typeMatches(pattern: string, type: string): boolean {
  if (pattern === '*') return true;
  if (!pattern.includes('*')) return pattern === type;
  const parts = pattern
    .split('*')
    .map((part) => part.replaceAll(/[.\\+?^${}()|[\]]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`).test(type);
}
