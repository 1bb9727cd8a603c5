import { resourceMissing } from './errors.ts';
import { newId } from './ids.ts';
import { INDEXES, PREFIXES, type IndexName, type ObjectName, type Stored } from './objects.ts';

/** What is left of a deleted object. */
export interface Tombstone<K extends string = string> {
  id: string;
  object: K;
  deleted: true;
}
interface Identified {
  id: string;
}

/** Objects of one kind in insertion order, found by id or by a reference field. */
export class Collection<T extends Identified> {
  private readonly byId = new Map<string, { object: T; position: number }>();
  private readonly order: (T | undefined)[] = [];
  private readonly buckets = new Map<string, Set<T>>();
  private readonly keys = new Map<string, string[]>();
  private readonly indexes: readonly IndexName[];

  constructor(indexes: readonly IndexName[]) {
    this.indexes = indexes;
  }

  get size(): number {
    return this.byId.size;
  }

  add(object: T): T {
    this.byId.set(object.id, { object, position: this.order.length });
    this.order.push(object);
    this.reindex(object);
    return object;
  }

  get(id: string): T | undefined {
    return this.byId.get(id)?.object;
  }

  /** Takes an object out; what it returns puts it back in its place. */
  remove(id: string): () => void {
    const entry = this.byId.get(id);
    if (entry === undefined) return () => undefined;
    this.byId.delete(id);
    this.order[entry.position] = undefined;
    for (const key of this.keys.get(id) ?? []) this.buckets.get(key)?.delete(entry.object);
    this.keys.delete(id);
    return () => {
      this.byId.set(id, entry);
      this.order[entry.position] = entry.object;
      this.reindex(entry.object);
    };
  }

  /** Files an object under the references that it has now; says whether any changed. */
  reindex(object: T): boolean {
    const next = this.indexes.flatMap((index) => {
      const value = referenceId(object, index);
      return value === null ? [] : [`${index} ${value}`];
    });
    const previous = this.keys.get(object.id) ?? [];
    if (previous.length === next.length && previous.every((key, at) => key === next[at]))
      return false;
    for (const key of previous) this.buckets.get(key)?.delete(object);
    for (const key of next) {
      const bucket = this.buckets.get(key);
      if (bucket === undefined) this.buckets.set(key, new Set([object]));
      else bucket.add(object);
    }
    this.keys.set(object.id, next);
    return true;
  }

  /** Oldest first. */
  by(index: IndexName, id: string): T[] {
    return [...(this.buckets.get(`${index} ${id}`) ?? [])];
  }

  /** Oldest first. */
  *values(): Generator<T> {
    for (const object of this.order) if (object !== undefined) yield object;
  }

  /** Newest first; with `after`, those that come behind that object. */
  *newestFirst(after?: string): Generator<T> {
    const entry = after === undefined ? undefined : this.byId.get(after);
    for (let at = (entry?.position ?? this.order.length) - 1; at >= 0; at -= 1) {
      const object = this.order[at];
      if (object !== undefined) yield object;
    }
  }
}

function referenceId(object: Identified, index: IndexName): string | null {
  const value = reference(object, index);
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string')
    return value.id;
  return null;
}

/** Where references are kept when they are not at the top of the object. */
const HOLDERS = ['parent', 'payment', 'promotion'];

function reference(object: Identified, index: IndexName): unknown {
  const direct: unknown = Reflect.get(object, index);
  if (direct !== undefined) return direct;
  for (const name of HOLDERS) {
    const holder: unknown = Reflect.get(object, name);
    if (typeof holder !== 'object' || holder === null) continue;
    const details: unknown = Reflect.get(holder, 'subscription_details') ?? holder;
    if (typeof details === 'object' && details !== null && index in details)
      return Reflect.get(details, index);
  }
  return null;
}

type Collections = { [K in ObjectName]: Collection<Stored[K]> };

function emptyCollections(): Collections {
  const make = <K extends ObjectName>(name: K) => new Collection<Stored[K]>(INDEXES[name] ?? []);
  return {
    account: make('account'),
    balance_transaction: make('balance_transaction'),
    'billing.credit_balance_transaction': make('billing.credit_balance_transaction'),
    'billing.credit_grant': make('billing.credit_grant'),
    'billing.meter': make('billing.meter'),
    'billing.meter_event': make('billing.meter_event'),
    'billing_portal.configuration': make('billing_portal.configuration'),
    'billing_portal.session': make('billing_portal.session'),
    card: make('card'),
    charge: make('charge'),
    'checkout.session': make('checkout.session'),
    coupon: make('coupon'),
    credit_note: make('credit_note'),
    customer: make('customer'),
    customer_balance_transaction: make('customer_balance_transaction'),
    customer_cash_balance_transaction: make('customer_cash_balance_transaction'),
    discount: make('discount'),
    dispute: make('dispute'),
    'entitlements.active_entitlement': make('entitlements.active_entitlement'),
    'entitlements.feature': make('entitlements.feature'),
    ephemeral_key: make('ephemeral_key'),
    invoice: make('invoice'),
    invoice_payment: make('invoice_payment'),
    invoiceitem: make('invoiceitem'),
    mandate: make('mandate'),
    payment_intent: make('payment_intent'),
    payment_link: make('payment_link'),
    payment_method: make('payment_method'),
    payout: make('payout'),
    plan: make('plan'),
    price: make('price'),
    product: make('product'),
    product_feature: make('product_feature'),
    promotion_code: make('promotion_code'),
    quote: make('quote'),
    refund: make('refund'),
    'reporting.report_run': make('reporting.report_run'),
    setup_attempt: make('setup_attempt'),
    setup_intent: make('setup_intent'),
    shipping_rate: make('shipping_rate'),
    subscription: make('subscription'),
    subscription_item: make('subscription_item'),
    subscription_schedule: make('subscription_schedule'),
    tax_id: make('tax_id'),
    tax_rate: make('tax_rate'),
    'test_helpers.test_clock': make('test_helpers.test_clock'),
    token: make('token'),
    topup: make('topup'),
    transfer: make('transfer'),
    webhook_endpoint: make('webhook_endpoint'),
    _note: make('_note'),
    _ledger: make('_ledger'),
  };
}

/** All objects of one account. References between them are ids; `expand` resolves them when answering. */
export class Store {
  private readonly collections = emptyCollections();
  private readonly anywhere = new Map<string, { id: string; object?: string }>();
  private readonly tombstones = new Map<string, Tombstone>();
  /** Told of each add and remove, so that it can be taken back. */
  onChange: ((undo: () => void) => void) | null = null;
  /** Told of each object that is handed out, because it may be changed in place. */
  onRead: ((object: object) => void) | null = null;

  /** The collection of one kind. */
  of<K extends ObjectName>(name: K): Collection<Stored[K]> {
    return this.collections[name];
  }

  newId(name: ObjectName): string {
    return newId(PREFIXES[name]);
  }

  add<K extends ObjectName>(name: K, object: Stored[K]): Stored[K] {
    const tombstone = this.tombstones.get(object.id);
    this.onChange?.(() => {
      this.of(name).remove(object.id);
      this.anywhere.delete(object.id);
      if (tombstone !== undefined) this.tombstones.set(object.id, tombstone);
    });
    this.anywhere.set(object.id, object);
    this.tombstones.delete(object.id);
    return this.of(name).add(object);
  }

  find<K extends ObjectName>(name: K, id: string | null | undefined): Stored[K] | undefined {
    if (id === null || id === undefined) return undefined;
    const object = this.of(name).get(id);
    if (object !== undefined) this.onRead?.(object);
    return object;
  }

  /** The object, or Stripe's `resource_missing`; `param` names the parameter that held the id (default: the path). */
  need<K extends ObjectName>(name: K, id: string, param = 'id'): Stored[K] {
    const object = this.find(name, id);
    if (object === undefined) throw resourceMissing(name, id, param);
    return object;
  }

  by<K extends ObjectName>(name: K, index: IndexName, id: string): Stored[K][] {
    const objects = this.of(name).by(index, id);
    if (this.onRead !== null) for (const object of objects) this.onRead(object);
    return objects;
  }

  /** Call after a reference field changed (`ctx.update` does). */
  reindex<K extends ObjectName>(name: K, object: Stored[K]): void {
    const changed = this.of(name).reindex(object);
    if (changed) this.onChange?.(() => this.of(name).reindex(object));
  }

  /** Removes an object and leaves what Stripe shows of a deleted one. */
  remove<K extends ObjectName>(name: K, id: string): Tombstone<K> {
    this.forget(name, id);
    const tombstone = { id, object: name, deleted: true } as const;
    this.onChange?.(() => this.tombstones.delete(id));
    this.tombstones.set(id, tombstone);
    return tombstone;
  }

  /** Removes without a trace (notes, drafts of what came to nothing). */
  forget(name: ObjectName, id: string): void {
    const object = this.anywhere.get(id);
    const putBack = this.of(name).remove(id);
    this.anywhere.delete(id);
    this.onChange?.(() => {
      putBack();
      if (object !== undefined) this.anywhere.set(id, object);
    });
  }

  tombstone(id: string): Tombstone | undefined {
    return this.tombstones.get(id);
  }

  /** Any object or tombstone by its id alone: how `expand` follows references. */
  resolve(id: string): { id: string; object?: string } | undefined {
    return this.anywhere.get(id) ?? this.tombstones.get(id);
  }

  /** Every object and tombstone, for the file. */
  dump(): { objects: [ObjectName, { id: string }[]][]; tombstones: Tombstone[] } {
    const names = Object.keys(this.collections).filter(
      (name): name is ObjectName => name in this.collections,
    );
    return {
      objects: names.map((name) => [name, [...this.of(name).values()]]),
      tombstones: [...this.tombstones.values()],
    };
  }

  restoreTombstones(list: readonly Tombstone[]): void {
    for (const tombstone of list) this.tombstones.set(tombstone.id, tombstone);
  }
}
