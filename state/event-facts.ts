/** Reads a Stripe event: snapshots of any API version, and thin events (v2). */
import { readCheckout, readCustomer, readInvoice, readSchedule } from './event-objects.ts';
import type { CheckoutFacts, CustomerFacts, InvoiceFacts, ScheduleFacts } from './event-objects.ts';
import { asList, asObject, asText, asTime, at, idOf, type Json } from './raw.ts';
import { readSubscription } from './subscription-facts.ts';
import type { SubscriptionFacts } from './types.ts';

export interface EventFacts {
  id: string;
  /** As Stripe names it; thin events of v1 objects keep their `v1.` prefix. */
  type: string;
  /** True when the event carries no object and it must be read from the API. */
  thin: boolean;
  createdAt: number;
  apiVersion: string | null;
  livemode: boolean;
  /** The Connect account it belongs to; null for the own account. */
  account: string | null;
  objectId: string | null;
  /** Stripe's word for the kind of object: `subscription`, `invoice`, … */
  objectType: string | null;
  customerId: string | null;
  subscriptionId: string | null;
  subscription: SubscriptionFacts | null;
  /** The subscription before this change, as `previous_attributes` tells it (`*.updated` only). */
  before: SubscriptionFacts | null;
  /** Raw `previous_attributes`: changed keys only. */
  previous: Json | null;
  invoice: InvoiceFacts | null;
  checkout: CheckoutFacts | null;
  customer: CustomerFacts | null;
  schedule: ScheduleFacts | null;
  /** The charge that a refund, a dispute or a fraud warning is about, or that the event carries. */
  chargeId: string | null;
  /** The request that caused it at Stripe, when a request did. */
  requestId: string | null;
  /** Of that request, when it was sent with one: the join between a command and what it moved. */
  idempotencyKey: string | null;
  /** What a customer said on leaving. */
  cancellation: { feedback: string | null; comment: string | null } | null;
  /** Why the object could not be read, when it could not. */
  problem: string | null;
}

/** Facts of an event. Unknown types give the envelope alone; throws a TypeError when it is no event at all. */
export function readEvent(event: unknown): EventFacts {
  const raw = asObject(event);
  const id = asText(raw?.['id']);
  const type = asText(raw?.['type']);
  const kind = raw?.['object'];
  if (!raw || id === null || type === null)
    throw new TypeError('Not a Stripe event: no id or no type');
  if (kind === 'v2.core.event') return readThin(raw, { id, type });
  if (kind !== undefined && kind !== 'event') {
    throw new TypeError(`Not a Stripe event: object is ${JSON.stringify(kind)}`);
  }
  return readSnapshot(raw, { id, type });
}

/** The key by which work is serialised: the customer when one is known. */
export function orderKeyOf(facts: Pick<EventFacts, 'id' | 'objectId' | 'customerId'>): string {
  return facts.customerId ?? facts.objectId ?? facts.id;
}

function readSnapshot(raw: Json, name: { id: string; type: string }): EventFacts {
  const object = asObject(at(raw, 'data', 'object')) ?? {};
  const previous = asObject(at(raw, 'data', 'previous_attributes'));
  const objectType = asText(object['object']);
  const facts: EventFacts = {
    ...emptyFacts(raw, name),
    objectId: asText(object['id']),
    objectType,
    customerId: objectType === 'customer' ? asText(object['id']) : idOf(object['customer']),
    previous,
    requestId: idOf(raw['request']),
    idempotencyKey: asText(at(raw, 'request', 'idempotency_key')),
  };
  switch (objectType) {
    case 'subscription':
      return withSubscription(facts, object);
    case 'invoice': {
      const invoice = readInvoice(object);
      return { ...facts, invoice, subscriptionId: invoice?.subscriptionId ?? null };
    }
    case 'checkout.session': {
      const checkout = readCheckout(object);
      return { ...facts, checkout, subscriptionId: checkout?.subscriptionId ?? null };
    }
    case 'customer':
      return { ...facts, customer: readCustomer(object, name.type) };
    case 'subscription_schedule': {
      const schedule = readSchedule(object);
      return { ...facts, schedule, subscriptionId: schedule?.subscriptionId ?? null };
    }
    case 'charge':
      return { ...facts, chargeId: facts.objectId };
    case null:
    default:
      return {
        ...facts,
        chargeId: idOf(object['charge']),
        subscriptionId: idOf(object['subscription']),
      };
  }
}

function withSubscription(facts: EventFacts, object: Json): EventFacts {
  const subscriptionId = asText(object['id']);
  try {
    const subscription = readSubscription(object);
    const before = facts.previous ? readSubscription(merge(object, facts.previous)) : null;
    const cancellation = readCancellation(object['cancellation_details']);
    return { ...facts, subscriptionId, subscription, before, cancellation };
  } catch (error) {
    // The event is still worth keeping: the object is read again from the API anyway.
    return {
      ...facts,
      subscriptionId,
      problem: error instanceof Error ? error.message : String(error),
    };
  }
}

function readCancellation(value: unknown): EventFacts['cancellation'] {
  const feedback = asText(at(value, 'feedback'));
  const comment = asText(at(value, 'comment'));
  return feedback === null && comment === null ? null : { feedback, comment };
}

function readThin(raw: Json, name: { id: string; type: string }): EventFacts {
  const related = asObject(raw['related_object']);
  const id = asText(related?.['id']);
  const objectType = asText(related?.['type']);
  return {
    ...emptyFacts(raw, name),
    thin: true,
    account: asText(raw['context']),
    objectId: id,
    objectType,
    customerId: objectType === 'customer' ? id : null,
    subscriptionId: objectType === 'subscription' ? id : null,
    requestId: asText(at(raw, 'reason', 'request', 'id')),
    idempotencyKey: asText(at(raw, 'reason', 'request', 'idempotency_key')),
  };
}

/** Every key by name: a spread in front of so many new keys would take V8 thirty times as long as reading the rest. */
function emptyFacts(raw: Json, { id, type }: { id: string; type: string }): EventFacts {
  return {
    id,
    type,
    thin: false,
    createdAt: asTime(raw['created']) ?? 0,
    apiVersion: asText(raw['api_version']),
    livemode: raw['livemode'] === true,
    account: asText(raw['account']) ?? asText(raw['context']),
    objectId: null,
    objectType: null,
    customerId: null,
    subscriptionId: null,
    subscription: null,
    before: null,
    previous: null,
    invoice: null,
    checkout: null,
    customer: null,
    schedule: null,
    chargeId: null,
    requestId: null,
    idempotencyKey: null,
    cancellation: null,
    problem: null,
  };
}

/** `previous_attributes` names changed keys only: objects merge, arrays come whole. */
function merge(object: Json, previous: Json): Json {
  const result: Json = { ...object };
  for (const [key, value] of Object.entries(previous)) {
    const before = asObject(value);
    const after = asObject(object[key]);
    const isList = before !== null && asList(before).length > 0;
    result[key] = before && after && !isList ? merge(after, before) : value;
  }
  return result;
}
