import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import type { Stored } from '../kernel/objects.ts';
import { p } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { isInline } from '../billing/prices.ts';
import { meets, parseQuery, type Clause, type Query } from './query.ts';

type Searchable =
  | 'charge'
  | 'customer'
  | 'invoice'
  | 'payment_intent'
  | 'price'
  | 'product'
  | 'subscription';
interface Resource {
  readonly plural: string;
  readonly fields: readonly string[];
}

/** The fields that Stripe documents as searchable, `metadata` apart. */
const RESOURCES: Readonly<Record<Searchable, Resource>> = {
  charge: {
    plural: 'charges',
    fields: [
      'amount',
      'billing_details.address.postal_code',
      'created',
      'currency',
      'customer',
      'disputed',
      'payment_method_details.card.brand',
      'payment_method_details.card.exp_month',
      'payment_method_details.card.exp_year',
      'payment_method_details.card.fingerprint',
      'payment_method_details.card.last4',
      'refunded',
      'status',
    ],
  },
  customer: { plural: 'customers', fields: ['created', 'email', 'name', 'phone'] },
  invoice: {
    plural: 'invoices',
    fields: [
      'created',
      'currency',
      'customer',
      'last_finalization_error_code',
      'last_finalization_error_type',
      'number',
      'receipt_number',
      'status',
      'subscription',
      'total',
    ],
  },
  payment_intent: {
    plural: 'payment_intents',
    fields: ['amount', 'created', 'currency', 'customer', 'status'],
  },
  price: { plural: 'prices', fields: ['active', 'currency', 'lookup_key', 'product', 'type'] },
  product: {
    plural: 'products',
    fields: ['active', 'description', 'name', 'shippable', 'url'],
  },
  subscription: { plural: 'subscriptions', fields: ['canceled_at', 'created', 'status'] },
};

const PARAMS = { query: p.required(p.str), limit: p.int, page: p.str, expand: p.arr(p.str) };

/** `GET /v1/…/search`. Unlike Stripe's index, this one never lags. */
export function registerSearch(registry: Registry): void {
  add(registry, 'charge');
  add(registry, 'customer');
  add(registry, 'invoice');
  add(registry, 'payment_intent');
  add(registry, 'price');
  add(registry, 'product');
  add(registry, 'subscription');
}

function add(registry: Registry, name: Searchable): void {
  const resource = RESOURCES[name];
  const url = `/v1/${resource.plural}/search`;
  registry.get(url, PARAMS, (ctx, params) => {
    const query = parseQuery(params.query);
    for (const clause of query.clauses) refuseUnknown(clause, resource);
    const limit = params.limit ?? 10;
    if (limit < 1 || limit > 100)
      throw invalidRequest(
        limit < 1
          ? 'This value must be greater than or equal to 1.'
          : `This value must be less than or equal to 100 (it currently is '${limit}').`,
        { param: 'limit', code: 'parameter_invalid_integer' },
      );
    const from = offsetOf(params.page);
    const all = found(ctx, name, query);
    const has_more = all.length > from + limit;
    return {
      object: 'search_result',
      data: all.slice(from, from + limit),
      has_more,
      next_page: has_more ? pageAt(from + limit) : null,
      ...(params.expand?.includes('total_count') === true ? { total_count: all.length } : {}),
      url,
    };
  });
}

function found<K extends Searchable>(ctx: Context, name: K, query: Query): Stored[K][] {
  const result: Stored[K][] = [];
  for (const object of ctx.store.of(name).newestFirst()) {
    if (isInline(ctx, object.id)) continue;
    const tests = query.clauses.map((clause) => meets(valueOf(object, clause), clause));
    const fits = query.joined === 'OR' ? tests.includes(true) : !tests.includes(false);
    if (fits) result.push(object);
  }
  return result;
}

function refuseUnknown(clause: Clause, resource: Resource): void {
  const known = clause.field === 'metadata' || resource.fields.includes(clause.field);
  if (!known)
    throw invalidRequest(
      `Field \`${clause.field}\` is an unsupported search field for resource \`${resource.plural}\`. See http://stripe.com/docs/search#query-fields-for-${resource.plural.replace('_', '-')} for a list of supported fields.`,
      { param: 'query' },
    );
  if (/^[<>]/.test(clause.operator) && Number.isNaN(Number(clause.value)))
    throw invalidRequest(
      `Operator \`${clause.operator}\` is only supported for numeric fields; \`${clause.field}\` was compared with ${clause.value ?? 'null'}.`,
      { param: 'query' },
    );
}

/** The value that a clause speaks of; references by their id. */
function valueOf(object: { id: string }, clause: Clause): unknown {
  const path = clause.field === 'subscription' ? SUBSCRIPTION_OF : clause.field.split('.');
  let value: unknown = object;
  for (const step of path) value = isRecord(value) ? value[step] : undefined;
  if (clause.field === 'metadata') {
    if (clause.key === null) return isRecord(value) ? Object.keys(value) : null;
    return isRecord(value) ? value[clause.key] : null;
  }
  return isRecord(value) && typeof value['id'] === 'string' ? idOf(value['id']) : value;
}

const SUBSCRIPTION_OF = ['parent', 'subscription_details', 'subscription'];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const pageAt = (offset: number): string => Buffer.from(`offset:${offset}`).toString('base64url');

function offsetOf(page: string | undefined): number {
  if (page === undefined) return 0;
  const match = /^offset:(\d+)$/.exec(Buffer.from(page, 'base64url').toString('utf8'));
  if (match === null) throw invalidRequest('Invalid page token.', { param: 'page' });
  return Number(match[1]);
}
