import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { itemLines, type LineDraft } from './line-drafts.ts';
import { boundaryAfter, boundaryUntil, shifted } from './periods.ts';
import { everyOf, hasCurrency, isMetered, needPrice, planOf, wrongCurrency } from './prices.ts';
import { creditUnused, debitRemaining } from './proration.ts';
import { addItem, isFlexible, taxRates } from './subscription-object.ts';
import { usageLines, usageOfItem } from './usage-lines.ts';

/** A change of one item: `id` alone names it, `price` alone adds one. */
export interface ItemUpdate {
  id?: string;
  price?: string;
  /** Chosen by an earlier call (a schedule's phase): the price may have been archived since. */
  planned?: boolean;
  quantity?: number;
  deleted?: boolean;
  metadata?: Record<string, string | null> | null;
  taxRates?: string[];
}
export interface ItemsUpdate {
  items: ItemUpdate[];
  prorate: boolean;
  /** Prorations are counted from here. */
  at: number;
  now: number;
  /** The period starts anew, now, for all items. */
  resetAnchor: boolean;
}
/** What a change of items leaves to be billed. */
export interface Billed {
  /** Prorations, pending. */
  prorations: Stripe.InvoiceItem[];
  /** Full lines of periods that start now: they are invoiced at once. */
  lines: LineDraft[];
}

/** Changes the items of a subscription in place. Emits nothing; the caller knows the order of events. */
export function changeItems(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: ItemsUpdate,
): Billed {
  const trialing = subscription.status === 'trialing';
  const prorate = change.prorate && !trialing;
  ctx.account.journal?.protect(subscription);
  const resets = change.resetAnchor || classicReset(ctx, subscription, change);
  const credits: Stripe.InvoiceItem[] = [];
  const touched = new Set<Stripe.SubscriptionItem>();
  const usage: LineDraft[] = [];
  for (const [index, update] of change.items.entries()) {
    const item = target(ctx, subscription, { update, index });
    if (item === null) {
      const isDue = !change.prorate && isOver(subscription, change.at);
      touched.add(insert(ctx, subscription, { update, at: change.at, index, isDue }));
    } else if (update.deleted === true) {
      if (prorate) credits.push(...creditUnused(ctx, subscription, { item, at: change.at }));
      if (isFlexible(subscription) || resets)
        usage.push(...usageOfItem(ctx, subscription, { item, until: change.at }));
      removeItem(ctx, subscription, item);
    } else if (differs(item, update)) {
      if (prorate) credits.push(...creditUnused(ctx, subscription, { item, at: change.at }));
      if (endsUsage(ctx, item, update) && (isFlexible(subscription) || resets) && !trialing)
        usage.push(...usageOfItem(ctx, subscription, { item, until: change.at }));
      alter(ctx, subscription, { item, update, index });
      touched.add(item);
    } else {
      annotate(ctx, item, update);
    }
  }
  if (subscription.items.data.length === 0)
    throw invalidRequest(
      'A subscription must have at least one active plan. Please cancel the subscription instead.',
      { param: 'items' },
    );
  refuseTwice(subscription, change.items);
  if (trialing && !resets) return { prorations: [], lines: usage };
  if (resets) {
    if (prorate)
      for (const item of subscription.items.data)
        if (!touched.has(item))
          credits.push(...creditUnused(ctx, subscription, { item, at: change.at }));
    if (!trialing) usage.push(...usageLines(ctx, subscription, change.now));
    return { prorations: credits, lines: [...usage, ...restart(ctx, subscription, change.now)] };
  }
  const debits = prorate
    ? [...touched].flatMap((item) => debitRemaining(ctx, subscription, { item, at: change.at }))
    : [];
  return { prorations: [...credits, ...debits], lines: usage };
}

/** Classic mode starts a new period by itself when the interval changes, or something free gets a price. */
function classicReset(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: ItemsUpdate,
): boolean {
  if (isFlexible(subscription) || subscription.status === 'trialing') return false;
  return change.items.some((update) => {
    const item = subscription.items.data.find((candidate) => candidate.id === update.id);
    const price = ctx.store.find('price', update.price);
    if (item === undefined || price === undefined) return false;
    const was = everyOf(item.price);
    const is = everyOf(price);
    const paid = item.price.unit_amount === 0 && (price.unit_amount ?? 1) > 0;
    return paid || was.interval !== is.interval || was.interval_count !== is.interval_count;
  });
}

/** The item an update speaks of; null when it adds one. */
function target(
  ctx: Context,
  subscription: Stripe.Subscription,
  given: { update: ItemUpdate; index: number },
): Stripe.SubscriptionItem | null {
  const { update, index } = given;
  if (update.id === undefined) return null;
  const item = subscription.items.data.find((candidate) => candidate.id === update.id);
  if (item === undefined) {
    ctx.store.need('subscription_item', update.id, `items[${index}][id]`);
    throw invalidRequest(
      `Subscription item ${update.id} does not belong to subscription ${subscription.id}.`,
      { param: `items[${index}][id]` },
    );
  }
  ctx.account.journal?.protect(item);
  return item;
}

function insert(
  ctx: Context,
  subscription: Stripe.Subscription,
  given: { update: ItemUpdate; at: number; index: number; isDue: boolean },
): Stripe.SubscriptionItem {
  const { update, at, index, isDue } = given;
  const param = `items[${index}][price]`;
  if (update.price === undefined)
    throw invalidRequest(`Missing required param: ${param}.`, { param, code: 'parameter_missing' });
  const price = checked(ctx, subscription, { ...update, id: update.price, param });
  // With the renewal that is due at this moment, it is billed for its first period too.
  const begins = isDue && !isMetered(price);
  const period = begins ? { start: at, end: at } : periodFor(subscription, price, at);
  return addItem(ctx, subscription, {
    price,
    quantity: update.quantity ?? 1,
    metadata: mergeMetadata({}, update.metadata),
    taxRates: update.taxRates ?? [],
    // What was used before belongs to the item that was there then, if one was.
    period: isMetered(price) ? { ...period, start: Math.max(period.start, at) } : period,
  });
}

const isOver = ({ status, items }: Stripe.Subscription, at: number): boolean =>
  status !== 'trialing' && items.data.some((item) => item.current_period_end <= at);

function checked(
  ctx: Context,
  subscription: Stripe.Subscription,
  given: { id: string; param: string; planned?: boolean },
): Stripe.Price {
  const price =
    given.planned === true
      ? ctx.store.need('price', given.id, given.param)
      : needPrice(ctx, given.id, given.param);
  if (!hasCurrency(ctx, price, subscription.currency))
    throw wrongCurrency(price, subscription.currency);
  everyOf(price);
  return price;
}

/** The period of the anchor's grid that contains a moment; a trial's period while it lasts. */
function periodFor(
  subscription: Stripe.Subscription,
  price: Stripe.Price,
  at: number,
): { start: number; end: number } {
  const [sibling] = subscription.items.data;
  if (subscription.status === 'trialing' && sibling !== undefined)
    return { start: sibling.current_period_start, end: sibling.current_period_end };
  const every = everyOf(price);
  const anchor = subscription.billing_cycle_anchor;
  return { start: boundaryUntil(anchor, every, at), end: boundaryAfter(anchor, every, at) };
}

function differs(item: Stripe.SubscriptionItem, update: ItemUpdate): boolean {
  if (update.price !== undefined && update.price !== item.price.id) return true;
  return update.quantity !== undefined && update.quantity !== item.quantity;
}

/** A new price without a quantity sets the quantity to 1. */
function alter(
  ctx: Context,
  subscription: Stripe.Subscription,
  given: { item: Stripe.SubscriptionItem; update: ItemUpdate; index: number },
): void {
  const { item, update, index } = given;
  if (update.price !== undefined && update.price !== item.price.id) {
    const param = `items[${index}][price]`;
    const price = checked(ctx, subscription, { ...update, id: update.price, param });
    const was = everyOf(item.price);
    const is = everyOf(price);
    item.price = price;
    item.plan = planOf(ctx, price);
    item.quantity = 1;
    if (was.interval !== is.interval || was.interval_count !== is.interval_count) {
      const period = periodFor(subscription, price, ctx.nowFor(idOf(subscription.customer)));
      item.current_period_start = period.start;
      item.current_period_end = period.end;
    }
    ctx.store.reindex('subscription_item', item);
  }
  if (update.quantity !== undefined) item.quantity = update.quantity;
  if (isMetered(item.price)) delete item.quantity;
  annotate(ctx, item, update);
}

function annotate(ctx: Context, item: Stripe.SubscriptionItem, update: ItemUpdate): void {
  item.metadata = mergeMetadata(item.metadata, update.metadata);
  if (update.taxRates !== undefined) item.tax_rates = taxRates(ctx, update.taxRates);
}

/** True when a metered item becomes one of a fixed price: what it has used must be billed now. */
function endsUsage(ctx: Context, item: Stripe.SubscriptionItem, update: ItemUpdate): boolean {
  const price = ctx.store.find('price', update.price);
  return isMetered(item.price) && price !== undefined && !isMetered(price);
}

/** Two items of one price cannot be told apart. */
function refuseTwice(subscription: Stripe.Subscription, updates: readonly ItemUpdate[]): void {
  const prices = subscription.items.data.map((item) => item.price.id);
  const twice = prices.find((id, at) => prices.indexOf(id) < at);
  if (twice === undefined) return;
  const index = updates.findLastIndex((update) => update.price === twice);
  throw invalidRequest(`Cannot add multiple subscription items with the same plan: ${twice}`, {
    param: `items[${Math.max(index, 0)}][price]`,
  });
}

function removeItem(
  ctx: Context,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
): void {
  subscription.items.data = subscription.items.data.filter((other) => other !== item);
  ctx.store.remove('subscription_item', item.id);
}

/** All periods start at this moment; the lines bill them whole. */
export function restart(ctx: Context, subscription: Stripe.Subscription, at: number): LineDraft[] {
  subscription.billing_cycle_anchor = at;
  return subscription.items.data.flatMap((item) => {
    ctx.account.journal?.protect(item);
    item.current_period_start = at;
    item.current_period_end = shifted(at, everyOf(item.price), 1);
    return isMetered(item.price)
      ? []
      : itemLines(ctx, subscription, { item, start: at, end: item.current_period_end });
  });
}
