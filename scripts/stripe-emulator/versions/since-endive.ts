import type { Step } from './since-basil.ts';
import { at, drop, isShape, type Shape } from './shapes.ts';

/** Keys that Stripe sends without naming them in its types: versions before the newest show them. */
export const SINCE_ENDIVE: readonly Step[] = [
  {
    before: '2026-10-28',
    object: 'charge',
    undo(shape) {
      shape['destination'] ??= null;
      shape['dispute'] ??= null;
      shape['order'] ??= null;
    },
  },
  {
    before: '2026-10-28',
    object: 'subscription',
    undo(shape) {
      const items: unknown = at(shape, 'items')['data'];
      const only = Array.isArray(items) && items.length === 1 ? at({ item: items[0] }, 'item') : {};
      shape['plan'] = structuredClone(only['plan'] ?? null);
      shape['quantity'] = only['quantity'] ?? null;
    },
  },
  {
    before: '2026-10-28',
    object: 'product',
    undo: (shape) => (shape['attributes'] ??= []),
  },
  ...['payment_intent', 'payment_method'].map((object) => ({
    before: '2026-10-28',
    object,
    undo: (shape: Shape) => (shape['shared_payment_granted_token'] ??= null),
  })),
  {
    before: '2026-10-28',
    object: 'card',
    undo(shape) {
      for (const key of ['email', 'phone', 'wallet']) shape[key] ??= null;
    },
  },
  { before: '2026-10-28', object: 'line_item', undo: (shape) => drop(shape, 'subscription') },
];

/** The lists inside objects that count all their elements. */
const COUNTED = [
  ['charge', 'refunds'],
  ['customer', 'sources'],
  ['customer', 'subscriptions'],
  ['customer', 'tax_ids'],
  ['invoice', 'lines'],
  ['subscription', 'items'],
] as const;

/** Adds `total_count` where it is sent without being typed. */
export function withTotals(shape: Shape): void {
  for (const [object, key] of COUNTED) {
    const list = shape['object'] === object ? shape[key] : undefined;
    if (isShape(list) && Array.isArray(list['data'])) list['total_count'] ??= list['data'].length;
  }
}
