import type Stripe from 'stripe';
import type { Context } from './context.ts';
import { invalidRequest, resourceMissing } from './errors.ts';
import { idOf } from './ids.ts';
import type { IndexName, ObjectName, Stored } from './objects.ts';

/** The cursor parameters of a list call. */
export interface PageParams {
  limit?: number;
  starting_after?: string;
  ending_before?: string;
  created?: { gt?: number; gte?: number; lt?: number; lte?: number };
  /** Filters by what belongs to an object, which must exist. */
  charge?: string;
  customer?: string;
  payment_intent?: string;
  product?: string;
  subscription?: string;
}
type Bounds = NonNullable<PageParams['created']>;

/** Which objects a list is made of: all of a kind, those under a reference, and a test. */
export interface ListOf<K extends ObjectName> {
  url: string;
  page: PageParams;
  by?: [IndexName, string | { id: string }];
  where?: (object: Stored[K]) => boolean;
}

/** A page of stored objects, newest first, as every Stripe list is. */
export function listStored<K extends ObjectName>(
  ctx: Context,
  name: K,
  list: ListOf<K>,
): Stripe.ApiList<Stored[K]> {
  refuseBothCursors(list.page);
  for (const owner of OWNERS) refuseUnknown(ctx, owner, list.page[owner]);
  const source =
    list.by === undefined
      ? lazily(ctx, name, list)
      : ctx.store.by(name, list.by[0], idOf(list.by[1])).toReversed();
  return pageOf(source, { ...list, kind: name });
}

function refuseBothCursors(page: PageParams): void {
  if (page.starting_after === undefined || page.ending_before === undefined) return;
  throw invalidRequest(
    'Received both starting_after and ending_before parameters. Please pass in only one.',
  );
}

const OWNERS = ['charge', 'customer', 'payment_intent', 'product', 'subscription'] as const;

/** A list of what belongs to nobody is refused; what belonged to a deleted object can be listed. */
function refuseUnknown(ctx: Context, owner: (typeof OWNERS)[number], id: string | undefined): void {
  if (id !== undefined && ctx.store.tombstone(id) === undefined) ctx.store.need(owner, id, owner);
}

/** Without an index the walk starts at the cursor, so that a long list costs what one page costs. */
function lazily<K extends ObjectName>(ctx: Context, name: K, list: ListOf<K>): Iterable<Stored[K]> {
  const after = list.page.starting_after;
  if (after === undefined) return ctx.store.of(name).newestFirst();
  const cursor = ctx.store.of(name).get(after);
  if (cursor === undefined) throw resourceMissing(name, after, 'starting_after');
  return behind(cursor, ctx.store.of(name).newestFirst(after));
}

function* behind<T>(first: T, rest: Iterable<T>): Generator<T> {
  yield first;
  yield* rest;
}

/** The longest page: a larger `limit` is lowered to it, and one below 1 raised to 1, without a word. */
const MOST = 100;

/** A page of any values that have an id, given newest first. */
export function pageOf<T extends { id: string }>(
  source: Iterable<T>,
  list: { url: string; page: PageParams; kind?: string; where?: (object: T) => boolean },
): Stripe.ApiList<T> {
  const { page, url, where } = list;
  const limit = Math.min(Math.max(page.limit ?? 10, 1), MOST);
  refuseBothCursors(page);
  const wanted = (object: T) => (where?.(object) ?? true) && inRange(object, page.created);
  if (page.ending_before !== undefined)
    return pageBefore(source, { url, limit, wanted, cursor: page.ending_before, kind: list.kind });
  const data: T[] = [];
  let begun = page.starting_after === undefined;
  for (const object of source) {
    if (!begun) begun = object.id === page.starting_after;
    else if (wanted(object)) {
      if (data.length === limit) return { object: 'list', data, has_more: true, url };
      data.push(object);
    }
  }
  if (!begun)
    throw resourceMissing(list.kind ?? 'object', page.starting_after ?? '', 'starting_after');
  return { object: 'list', data, has_more: false, url };
}

function pageBefore<T extends { id: string }>(
  source: Iterable<T>,
  list: {
    url: string;
    limit: number;
    wanted: (object: T) => boolean;
    cursor: string;
    kind: string | undefined;
  },
): Stripe.ApiList<T> {
  const data: T[] = [];
  for (const object of source) {
    if (object.id === list.cursor) {
      const kept = data.slice(-list.limit);
      return { object: 'list', data: kept, has_more: data.length > kept.length, url: list.url };
    }
    if (list.wanted(object)) data.push(object);
  }
  throw resourceMissing(list.kind ?? 'object', list.cursor, 'ending_before');
}

function inRange(object: object, bounds: Bounds | undefined): boolean {
  if (bounds === undefined) return true;
  const created = 'created' in object && typeof object.created === 'number' ? object.created : 0;
  return (
    created > (bounds.gt ?? -1) &&
    created >= (bounds.gte ?? 0) &&
    created < (bounds.lt ?? Infinity) &&
    created <= (bounds.lte ?? Infinity)
  );
}

/** A list inside another object, complete (Stripe shows the first ten or so; callers page with `url`). */
export function nestedList<T>(data: T[], url: string, has_more = false): Stripe.ApiList<T> {
  return { object: 'list', data, has_more, url };
}
