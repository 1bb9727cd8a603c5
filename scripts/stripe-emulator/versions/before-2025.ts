import { embedded, drop } from './shapes.ts';
import type { Step } from './since-basil.ts';

/** The older breaking changes that a billing integration meets, undone. */
export const BEFORE_2025: readonly Step[] = [
  {
    before: '2024-04-10',
    object: 'product',
    undo(shape) {
      shape['features'] = shape['marketing_features'] ?? [];
      drop(shape, 'marketing_features');
    },
  },
  {
    before: '2022-11-15',
    object: 'payment_intent',
    undo(shape, lookup) {
      const charge = embedded(lookup, 'charge', shape['latest_charge']);
      const url = `/v1/charges?payment_intent=${String(shape['id'])}`;
      const data = charge === null ? [] : [charge];
      shape['charges'] = { object: 'list', data, has_more: false, total_count: data.length, url };
      drop(shape, 'latest_charge');
    },
  },
  {
    before: '2022-11-15',
    object: 'charge',
    undo(shape) {
      const url = `/v1/charges/${String(shape['id'])}/refunds`;
      shape['refunds'] ??= { object: 'list', data: [], has_more: false, total_count: 0, url };
    },
  },
  {
    before: '2020-08-27',
    object: 'customer',
    undo(shape) {
      const url = `/v1/customers/${String(shape['id'])}`;
      const empty = (name: string) => ({
        object: 'list',
        data: [],
        has_more: false,
        total_count: 0,
        url: `${url}/${name}`,
      });
      for (const name of ['sources', 'subscriptions', 'tax_ids']) shape[name] ??= empty(name);
    },
  },
  {
    before: '2020-08-27',
    object: 'subscription',
    undo(shape) {
      shape['tax_percent'] = null;
      drop(shape, 'discounts');
    },
  },
];
