import type { Context } from './context.ts';
import { previousAttributes, type EventRecord, type EventType } from './events.ts';

/** A place in the order of events whose content is decided later; never filled, it disappears. */
export interface Slot {
  event: EventRecord | null;
}

/** What must be known to take back an attempt: objects as they were, and events that nobody has seen yet. */
export class Journal {
  /** True for a rehearsal: it will be taken back whatever happens, so no money need move. */
  readonly rehearsal: boolean;
  private readonly added = new Set<object>();
  private readonly before = new Map<object, Record<string, unknown>>();
  private readonly undos: (() => void)[] = [];
  private readonly slots: Slot[] = [];

  constructor(rehearsal: boolean) {
    this.rehearsal = rehearsal;
  }

  add(event: EventRecord): void {
    this.slots.push({ event });
  }

  reserve(): Slot {
    const slot: Slot = { event: null };
    this.slots.push(slot);
    return slot;
  }

  /** An object that this attempt made: taking it back removes it, so its changes need no memory. */
  made(object: object): void {
    this.added.add(object);
  }

  /** Remembers an object that is about to change; the first memory counts. */
  protect(object: object): void {
    if (!this.added.has(object) && !this.before.has(object))
      this.before.set(object, shallowTree(object));
  }

  remember(undo: () => void): void {
    this.undos.push(undo);
  }

  events(): EventRecord[] {
    return this.slots.flatMap((slot) => (slot.event === null ? [] : [slot.event]));
  }

  rollBack(): void {
    for (const undo of this.undos.toReversed()) undo();
    for (const [object, was] of this.before) restore(object, was);
  }
}

/** Runs work of which nothing stays if it throws; its events become known when it is done. */
export function attempt<T>(ctx: Context, customer: string | null, work: () => T): T {
  if (ctx.account.journal !== null) return work();
  const journal = open(ctx, customer, false);
  try {
    const result = work();
    close(ctx);
    for (const event of journal.events()) ctx.publish(event);
    return result;
  } catch (error) {
    close(ctx);
    journal.rollBack();
    throw error;
  }
}

/** Runs work of which nothing stays; what it returns must not be a stored object (copy it). */
export function rehearse<T>(ctx: Context, customer: string | null, work: () => T): T {
  const outer = ctx.account.journal;
  if (outer !== null) throw new Error('a rehearsal cannot run inside an attempt');
  const journal = open(ctx, customer, true);
  try {
    return work();
  } finally {
    close(ctx);
    journal.rollBack();
  }
}

/** Fills a reserved place with an event about the object as it is now (again, if it was filled before). */
export function fill(
  ctx: Context,
  slot: Slot,
  event: { type: EventType; object: object; before?: unknown },
): void {
  const previous =
    event.before === undefined
      ? null
      : previousAttributes(event.before, JSON.parse(JSON.stringify(event.object)));
  if (event.before !== undefined && previous === null) return;
  slot.event = ctx.freeze(event.type, event.object, previous);
}

/** A place for an event in the attempt that runs. */
export function reserve(ctx: Context): Slot {
  const { journal } = ctx.account;
  if (journal === null) throw new Error('events can be reserved inside an attempt only');
  return journal.reserve();
}

function open(ctx: Context, customer: string | null, rehearsal: boolean): Journal {
  const journal = new Journal(rehearsal);
  const { account } = ctx;
  account.journal = journal;
  const remember = (undo: () => void) => journal.remember(undo);
  account.store.onChange = remember;
  account.scheduler.onChange = remember;
  const counters = new Map(account.counters);
  journal.remember(() => {
    account.counters.clear();
    for (const [name, count] of counters) account.counters.set(name, count);
  });
  if (customer !== null) protectCustomer(ctx, journal, customer);
  return journal;
}

/** The objects of a customer that code may change without `ctx.update`. */
function protectCustomer(ctx: Context, journal: Journal, id: string): void {
  const customer = ctx.store.find('customer', id);
  if (customer !== undefined) journal.protect(customer);
  for (const discount of ctx.store.by('discount', 'customer', id)) journal.protect(discount);
  for (const subscription of ctx.store.by('subscription', 'customer', id)) {
    if (subscription.ended_at !== null) continue;
    journal.protect(subscription);
    for (const item of subscription.items.data) journal.protect(item);
  }
}

function close(ctx: Context): void {
  ctx.account.journal = null;
  ctx.account.store.onChange = null;
  ctx.account.scheduler.onChange = null;
}

/** A copy of plain objects and arrays; other Stripe objects inside, and decimals, stay the same objects. */
function shallowTree(object: object): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) copy[key] = copied(value);
  return copy;
}

function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => copied(item));
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  if ('id' in value && 'object' in value) return value;
  return shallowTree(value);
}

function restore(object: object, was: Record<string, unknown>): void {
  for (const key of Object.keys(object))
    if (!Object.hasOwn(was, key)) Reflect.deleteProperty(object, key);
  Object.assign(object, was);
}
