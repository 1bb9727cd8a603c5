import type { Services } from '../contracts.ts';
import type { Account, AccountSettings } from './account.ts';
import {
  newEvent,
  previousAttributes,
  type EventObject,
  type EventRecord,
  type EventType,
} from './events.ts';
import { idOf } from './ids.ts';
import type { ObjectName, Stored } from './objects.ts';
import type { Store } from './store.ts';

/** The call that is being answered; null in due work. */
export interface RequestInfo {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly idempotencyKey: string | null;
  /** Version of the call: the header's, or the account's default. */
  readonly apiVersion: string;
  /** False for calls without a `Stripe-Version` header: those may use legacy parameters. */
  readonly versioned: boolean;
  /** `http://host:port` as the caller sees this server. */
  readonly baseUrl: string;
}

export type EventListener = (account: Account, event: EventRecord) => void;

/** What all contexts share. */
export interface Shared {
  readonly services: Services;
  readonly eventListeners: EventListener[];
  /** Where this server is reached, for URLs made outside a call. */
  baseUrl: string;
  /** Where the callers reach it, when that is told; else as each call says. */
  publicUrl: string | null;
  /** Called when something was scheduled in real time. */
  wake: (account: Account) => void;
}

/** One account seen from one call (or from one piece of due work): what handlers work with. */
export class Context {
  readonly account: Account;
  readonly shared: Shared;
  readonly request: RequestInfo | null;

  constructor(account: Account, shared: Shared, request: RequestInfo | null = null) {
    this.account = account;
    this.shared = shared;
    this.request = request;
  }

  get store(): Store {
    return this.account.store;
  }

  get services(): Services {
    return this.shared.services;
  }

  get settings(): AccountSettings {
    return this.account.settings;
  }

  get baseUrl(): string {
    return this.request?.baseUrl ?? this.shared.baseUrl;
  }

  /** True when the call's version is this one or later: `ctx.since('2026-09-30')`. Unversioned calls are legacy: false. */
  since(date: string): boolean {
    return (
      this.request === null ||
      (this.request.versioned && this.request.apiVersion.slice(0, 10) >= date)
    );
  }

  /** The test clock of a customer (an id or the object), or null. */
  clockOf(customer: string | { id: string } | null | undefined): string | null {
    return idOf(this.store.find('customer', idOf(customer))?.test_clock);
  }

  /** Unix seconds on the customer's clock; without a customer, real time. */
  nowFor(customer: string | { id: string } | null | undefined): number {
    return this.account.now(this.clockOf(customer));
  }

  /** Unix seconds on a clock; null = real time. */
  now(clock: string | null = null): number {
    return this.account.now(clock);
  }

  add<K extends ObjectName>(name: K, object: Stored[K]): Stored[K] {
    this.account.revision += 1;
    this.account.journal?.made(object);
    return this.store.add(name, object);
  }

  /** Records an event with the object as it is now, and sends it to the webhook endpoints. */
  emit<T extends EventType>(type: T, object: EventObject<T>): EventRecord {
    return this.record(type, object, null);
  }

  /** Changes a stored object in place; emits `type` with `previous_attributes` if anything changed. */
  update<K extends ObjectName>(
    name: K,
    object: Stored[K],
    change: { event: EventType | null; apply: () => void },
  ): Stored[K] {
    const before = change.event === null ? '' : JSON.stringify(object);
    this.account.journal?.protect(object);
    change.apply();
    this.account.revision += 1;
    this.store.reindex(name, object);
    if (change.event === null) return object;
    const after = JSON.stringify(object);
    if (before === after) return object;
    const previous = previousAttributes(JSON.parse(before), JSON.parse(after));
    if (previous !== null) this.record(change.event, object, previous);
    return object;
  }

  /** Runs a registered job on an object at a time of a clock; replaces an earlier plan for the same job and object. */
  schedule(at: number, clock: string | null, work: { job: string; ref: string }): void {
    this.account.scheduler.set({ at, clock, ...work });
    this.account.revision += 1;
    if (clock === null) this.shared.wake(this.account);
  }

  unschedule(job: string, ref: string): void {
    this.account.scheduler.cancel(job, ref);
  }

  /** Hidden memory about an object: never shown, kept in the file. */
  note(kind: string, id: string): Record<string, string | number | boolean | null> {
    const key = `${kind}:${id}`;
    return (
      this.store.find('_note', key) ?? this.add('_note', { id: key, object: '_note', data: {} })
    ).data;
  }

  /** An event that is not known to anyone yet. */
  freeze(type: EventType, object: object, previous: Record<string, unknown> | null): EventRecord {
    const request = {
      id: this.request?.id ?? null,
      idempotency_key: this.request?.idempotencyKey ?? null,
    };
    const created = this.account.now(clockIn(object, this));
    const { apiVersion } = this.settings;
    return newEvent({ type, created, apiVersion, request, object, previous });
  }

  private record(
    type: EventType,
    object: object,
    previous: Record<string, unknown> | null,
  ): EventRecord {
    const event = this.freeze(type, object, previous);
    this.account.revision += 1;
    if (this.account.journal === null) this.publish(event);
    else this.account.journal.add(event);
    return event;
  }

  /** Makes an event known: to the event list, the webhook endpoints and the listeners. */
  publish(event: EventRecord): void {
    this.account.keep(event);
    this.account.webhooks.dispatch(event, this.store.of('webhook_endpoint').values());
    for (const listener of this.shared.eventListeners) listener(this.account, event);
  }
}

/** The clock an object lives on: its own, or its customer's. */
function clockIn(object: object, ctx: Context): string | null {
  if ('test_clock' in object && typeof object.test_clock === 'string') return object.test_clock;
  if ('object' in object && object.object === 'test_helpers.test_clock') return null;
  if ('object' in object && object.object === 'invoice_payment' && 'invoice' in object) {
    const { invoice } = object;
    const paid = ctx.store.find('invoice', typeof invoice === 'string' ? invoice : null);
    return ctx.clockOf(idOf(paid?.customer));
  }
  if (!('customer' in object)) return null;
  const { customer } = object;
  return typeof customer === 'string' ? ctx.clockOf(customer) : null;
}

/** The object as it looks on the wire. */
export function plain(object: object): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(object));
  return copy;
}
