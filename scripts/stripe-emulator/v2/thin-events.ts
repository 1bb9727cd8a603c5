import type { Account } from '../kernel/account.ts';
import type { EventRecord } from '../kernel/events.ts';
import { at, isShape, refId, type Shape } from '../versions/shapes.ts';

/** An event without its object: what thin destinations receive, and (with `data`) what `/v2/core/events` shows. */
export interface ThinEvent {
  id: string;
  object: 'v2.core.event';
  type: string;
  created: string;
  livemode: false;
  context: null;
  reason: { type: 'request'; request: { id: string; idempotency_key: string | null } } | null;
  related_object: { id: string; type: string; url: string } | null;
  snapshot_event?: string;
  changes?: { before: Shape; after: Shape };
  data?: Shape;
}

/**
 * The thin events that say what one snapshot event says: `v1.` + its type, and the narrower ones
 * (`v1.customer.subscription.past_due`, …). They are views: nothing of them is stored.
 */
export function thinEventsOf(record: EventRecord): ThinEvent[] {
  const data: unknown = JSON.parse(record.data.toString('utf8'));
  const object = at({ data }, 'data', 'object');
  const previous =
    isShape(data) && isShape(data['previous_attributes']) ? data['previous_attributes'] : null;
  const types = [record.type, ...narrower(record.type, object, previous)];
  return types.map((type, index) => ({
    id: `evt_test_${record.id.slice(4)}${index === 0 ? '' : `v${index}`}`,
    object: 'v2.core.event',
    type: `v1.${type}`,
    created: new Date(record.created * 1000).toISOString(),
    livemode: false,
    context: null,
    reason:
      record.request.id === null
        ? null
        : {
            type: 'request',
            request: { id: record.request.id, idempotency_key: record.request.idempotency_key },
          },
    related_object: relatedObject(object),
    snapshot_event: record.id,
    ...(previous === null
      ? {}
      : { changes: { before: previous, after: pick(object, Object.keys(previous)) } }),
  }));
}

/** What goes on the wire: the notification without data and changes. */
export function notificationOf(event: ThinEvent): Omit<ThinEvent, 'data' | 'changes'> {
  const { data: _data, changes: _changes, ...notification } = event;
  return notification;
}

/** Finds a thin event by its id, through the snapshot event that it is a view of. */
export function findThinEvent(account: Account, id: string): ThinEvent | undefined {
  const base = /^evt_test_(\w{24})/.exec(id)?.[1];
  const record = base === undefined ? undefined : account.eventsById.get(`evt_${base}`);
  return record === undefined ? undefined : thinEventsOf(record).find((event) => event.id === id);
}

function pick(object: Shape, keys: readonly string[]): Shape {
  return Object.fromEntries(keys.map((key) => [key, object[key] ?? null]));
}

const PATHS: Record<string, string> = {
  'billing.credit_balance_transaction': 'billing/credit_balance_transactions',
  'billing.credit_grant': 'billing/credit_grants',
  'billing.meter': 'billing/meters',
  'billing_portal.configuration': 'billing_portal/configurations',
  'billing_portal.session': 'billing_portal/sessions',
  'checkout.session': 'checkout/sessions',
  'entitlements.active_entitlement_summary': 'entitlements/active_entitlements',
  'test_helpers.test_clock': 'test_helpers/test_clocks',
};

function relatedObject(object: Shape): ThinEvent['related_object'] {
  const type = String(object['object']);
  if (type === 'entitlements.active_entitlement_summary') {
    const customer = String(object['customer']);
    return { id: customer, type, url: `/v1/entitlements/active_entitlements?customer=${customer}` };
  }
  const id = object['id'];
  if (typeof id !== 'string') return null;
  return { id, type, url: `/v1/${PATHS[type] ?? `${type}s`}/${id}` };
}

function narrower(type: string, object: Shape, previous: Shape | null): string[] {
  const family = type.replace(/\.\w+$/, '');
  if (family === 'customer.subscription') return subscriptionTypes(type, object, previous);
  if (family === 'price' && previous?.['active'] !== undefined)
    return [object['active'] === true ? 'price.activated' : 'price.deactivated'];
  if (family === 'product' && previous?.['active'] !== undefined)
    return [object['active'] === true ? 'product.activated' : 'product.deactivated'];
  if (type === 'product.updated' && previous?.['default_price'] !== undefined)
    return ['product.default_price_changed'];
  if (type === 'price.updated' && previous?.['lookup_key'] !== undefined)
    return ['price.lookup_key_changed'];
  return [];
}

const STATUSES = ['active', 'incomplete', 'incomplete_expired', 'past_due', 'trialing', 'unpaid'];

function subscriptionTypes(type: string, object: Shape, previous: Shape | null): string[] {
  const prefix = 'customer.subscription.';
  const status = String(object['status']);
  const entered = type === `${prefix}created` || previous?.['status'] !== undefined;
  const types = entered && STATUSES.includes(status) ? [`${prefix}${status}`] : [];
  if (previous === null) return types;
  if ('cancel_at' in previous) types.push(`${prefix}cancel_at_changed`);
  if ('default_payment_method' in previous) types.push(`${prefix}default_payment_method_changed`);
  return [
    ...types,
    ...itemTypes(at(object, 'items')['data'], at(previous, 'items')['data']).map(
      (name) => prefix + name,
    ),
  ];
}

function itemTypes(now: unknown, before: unknown): string[] {
  if (!Array.isArray(now) || !Array.isArray(before)) return [];
  const current = new Map(now.map((item: unknown) => [refId(item), at({ item }, 'item')]));
  const former = new Map(before.map((item: unknown) => [refId(item), at({ item }, 'item')]));
  const types = new Set<string>();
  for (const [id, item] of current) {
    const old = former.get(id);
    if (old === undefined) types.add('item_added');
    else {
      if (refId(old['price']) !== refId(item['price'])) types.add('item_price_changed');
      if (old['quantity'] !== item['quantity']) types.add('item_quantity_changed');
    }
  }
  for (const id of former.keys()) if (!current.has(id)) types.add('item_removed');
  return [...types];
}
