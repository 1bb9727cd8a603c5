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

  /** Remembers an object that is about to change, and the objects inside it; the first memory counts. */
  protect(object: object): void {
    if (this.added.has(object) || this.before.has(object)) return;
    const inside: object[] = [];
    this.before.set(object, shallowTree(object, inside));
    for (const other of inside) this.protect(other);
  }

  remember(undo: () => void): void {
    this.undos.push(undo);
  }

  events(): EventRecord[] {
    return this.slots.flatMap((slot) => (slot.event === null ? [] : [slot.event]));
  }

  /** Takes over what an attempt inside this one did, so that it can be taken back with the rest. */
  absorb(inner: Journal): void {
    for (const [object, was] of inner.before)
      if (!this.added.has(object) && !this.before.has(object)) this.before.set(object, was);
    for (const object of inner.added) this.added.add(object);
    this.undos.push(...inner.undos);
    this.slots.push(...inner.slots);
  }

  rollBack(): void {
    for (const [object, was] of this.before) restore(object, was);
    for (const undo of this.undos.toReversed()) undo();
  }
}

/** Runs work of which nothing stays if it throws; its events become known when it, and what it is part of, is done. */
export function attempt<T>(ctx: Context, customer: string | null, work: () => T): T {
  const outer = ctx.account.journal;
  if (outer?.rehearsal === true) return work();
  const journal = open(ctx, customer, false);
  try {
    const result = work();
    close(ctx, outer);
    settle(ctx, journal);
    return result;
  } catch (error) {
    journal.rollBack();
    close(ctx, outer);
    throw error;
  }
}

/**
 * Runs a call that may write: refused, it leaves no object and no event behind. What `keeps` says stays, stays: the
 * payment that a decline tells of.
 */
export function wholly<T>(ctx: Context, keeps: (error: unknown) => boolean, work: () => T): T {
  const journal = open(ctx, null, false);
  ctx.account.store.onRead = (object) => ctx.account.journal?.protect(object);
  const end = () => {
    ctx.account.store.onRead = null;
    close(ctx, null);
  };
  try {
    const result = work();
    end();
    settle(ctx, journal);
    return result;
  } catch (error) {
    const kept = keeps(error);
    if (!kept) journal.rollBack();
    end();
    if (kept) settle(ctx, journal);
    throw error;
  }
}

/** Runs work of which nothing stays; what it returns must not be a stored object (copy it). */
export function rehearse<T>(ctx: Context, customer: string | null, work: () => T): T {
  const outer = ctx.account.journal;
  const journal = open(ctx, customer, true);
  try {
    return work();
  } finally {
    journal.rollBack();
    close(ctx, outer);
  }
}

/** Done: the events become known, or belong to the attempt around this one. */
function settle(ctx: Context, journal: Journal): void {
  const outer = ctx.account.journal;
  if (outer !== null) outer.absorb(journal);
  else for (const event of journal.events()) ctx.publish(event);
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
  resume(ctx, journal);
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

/** From here on, changes are remembered by this journal. */
function resume(ctx: Context, journal: Journal): void {
  const { account } = ctx;
  const remember = (undo: () => void) => journal.remember(undo);
  account.journal = journal;
  account.store.onChange = remember;
  account.scheduler.onChange = remember;
}

function close(ctx: Context, outer: Journal | null): void {
  if (outer !== null) {
    resume(ctx, outer);
    return;
  }
  ctx.account.journal = null;
  ctx.account.store.onChange = null;
  ctx.account.scheduler.onChange = null;
}

/** A copy of plain objects and arrays; other Stripe objects inside (told in `inside`), and decimals, stay the same objects. */
function shallowTree(object: object, inside: object[]): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key in object) copy[key] = copied(Reflect.get(object, key), inside);
  return copy;
}

function copied(value: unknown, inside: object[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => copied(item, inside));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  if (!('id' in value && 'object' in value)) return shallowTree(value, inside);
  inside.push(value);
  return value;
}

function restore(object: object, was: Record<string, unknown>): void {
  for (const key of Object.keys(object))
    if (!Object.hasOwn(was, key)) Reflect.deleteProperty(object, key);
  Object.assign(object, was);
}
