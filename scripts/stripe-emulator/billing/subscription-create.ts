import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest, resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { attempt, fill, reserve, type Slot } from '../kernel/journal.ts';
import { methodOf, noMethod } from './collect.ts';
import { reschedule } from './due-dates.ts';
import { cutPeriods, firstLines } from './first-lines.ts';
import { boundaryAfter, shifted } from './periods.ts';
import { everyOf, hasCurrency, needPrice, wrongCurrency } from './prices.ts';
import { draftFor, finalizeNow, sendSoon } from './subscription-invoice.ts';
import {
  addItem,
  defaultMode,
  isFlexible,
  newSubscription,
  taxRates,
} from './subscription-object.ts';

export type PaymentBehavior =
  | 'allow_incomplete'
  | 'default_incomplete'
  | 'error_if_incomplete'
  | 'pending_if_incomplete';

/** All that a new subscription may be told; routes, Checkout and schedules fill it. */
export interface NewSubscription {
  customer: string;
  items: {
    price: string;
    planned?: boolean;
    quantity?: number;
    metadata?: Record<string, string>;
    taxRates?: string[];
    discounts?: { coupon?: string; promotion_code?: string; discount?: string }[];
  }[];
  /** A start in the past: the time since then is billed with the first invoice. */
  backdateStart?: number | null;
  trialEnd: number | 'now' | null;
  trialPeriodDays: number | null;
  trialFromPlan: boolean;
  trialSettings: Stripe.Subscription.TrialSettings | null;
  currency: string | null;
  billingMode: Stripe.Subscription.BillingMode | null;
  billingCycleAnchor: number | null;
  prorationBehavior: 'create_prorations' | 'none' | 'always_invoice';
  paymentBehavior: PaymentBehavior;
  offSession: boolean;
  collectionMethod: 'charge_automatically' | 'send_invoice';
  daysUntilDue: number | null;
  defaultTaxRates: string[];
  discounts: { coupon?: string; promotion_code?: string; discount?: string }[];
  metadata: Record<string, string>;
  paidBy: { paymentIntent: string; charge: string | null } | null;
  /** The first invoice waits as a draft like a renewal's, and the subscription is active meanwhile. */
  draftFirst?: boolean;
  /** Sets the remaining fields of the fresh object, before anything is invoiced. */
  decorate: (subscription: Stripe.Subscription) => void;
  /** Sets what depends on the items and their periods. */
  finish?: (subscription: Stripe.Subscription) => void;
}

const MOST_SUBSCRIPTIONS = 500;

/** Makes a subscription with its first invoice; nothing stays when it throws. */
export function createSubscription(ctx: Context, given: NewSubscription): Stripe.Subscription {
  const customer = ctx.store.find('customer', given.customer);
  if (customer === undefined) throw resourceMissing('customer', given.customer, 'customer');
  const live = ctx.store
    .by('subscription', 'customer', customer.id)
    .filter((other) => !/canceled|incomplete_expired/.test(other.status));
  if (live.length >= MOST_SUBSCRIPTIONS) {
    throw invalidRequest('Customer has already reached the maximum 500 subscriptions.', {
      code: 'customer_max_subscriptions',
    });
  }
  return attempt(ctx, customer.id, () => {
    const slot = ctx.account.journal?.rehearsal === true ? null : reserve(ctx);
    return build(ctx, given, { customer, slot });
  });
}

function build(
  ctx: Context,
  given: NewSubscription,
  to: { customer: Stripe.Customer; slot: Slot | null },
): Stripe.Subscription {
  const { customer, slot } = to;
  const now = ctx.nowFor(customer);
  const prices = given.items.map((item, at) =>
    item.planned === true
      ? ctx.store.need('price', item.price, `items[${at}][price]`)
      : needPrice(ctx, item.price, `items[${at}][price]`),
  );
  refuseTwice(prices);
  const [first] = prices;
  if (first === undefined)
    throw invalidRequest('Missing required param: items.', {
      param: 'items',
      code: 'parameter_missing',
    });
  const currency = currencyFor(ctx, prices, given.currency ?? customer.currency ?? first.currency);
  const trialEnd = trialEndOf(given, prices, now);
  const anchor = given.billingCycleAnchor ?? trialEnd ?? now;
  refuseBadAnchor(given, prices, { now: trialEnd ?? now, anchor });
  refuseFutureStart(given, now);
  const subscription = newSubscription(ctx, {
    customer,
    currency,
    now,
    anchor,
    trialEnd,
    billingMode: given.billingMode ?? defaultMode(ctx),
    collectionMethod: given.collectionMethod,
    daysUntilDue: given.daysUntilDue,
    metadata: given.metadata,
  });
  if (given.trialSettings !== null) subscription.trial_settings = given.trialSettings;
  subscription.default_tax_rates = taxRates(ctx, given.defaultTaxRates);
  given.decorate(subscription);
  for (const [at, price] of prices.entries()) {
    const every = everyOf(price);
    const wanted = given.items[at];
    const item = addItem(ctx, subscription, {
      price,
      quantity: wanted?.quantity ?? null,
      metadata: wanted?.metadata ?? {},
      taxRates: wanted?.taxRates ?? [],
      period: {
        start: now,
        end: trialEnd ?? boundaryAfter(anchor, every, now),
      },
    });
    if (wanted?.discounts !== undefined) {
      item.discounts = ctx.services.discounts.create(ctx, wanted.discounts, {
        customer: customer.id,
        subscription: subscription.id,
        subscriptionItem: item.id,
        invoice: null,
        at: now,
      });
    }
  }
  if (given.discounts.length > 0) {
    subscription.discounts = ctx.services.discounts.create(ctx, given.discounts, {
      customer: customer.id,
      subscription: subscription.id,
      subscriptionItem: null,
      invoice: null,
      at: now,
    });
  }
  subscription.start_date = given.backdateStart ?? now;
  given.finish?.(subscription);
  if (trialEnd === null) cutPeriods(subscription, given.prorationBehavior);
  if (given.prorationBehavior === 'none' && trialEnd !== null)
    ctx.note('subscription', subscription.id)['freeUntilAnchor'] = true;
  bill(ctx, subscription, given);
  reschedule(ctx, subscription);
  if (slot !== null)
    fill(ctx, slot, { type: 'customer.subscription.created', object: subscription });
  announceShortTrial(ctx, subscription, now);
  ctx.services.entitlements.refresh(ctx, customer.id);
  return subscription;
}

function refuseFutureStart(given: NewSubscription, now: number): void {
  if ((given.backdateStart ?? now) > now)
    throw invalidRequest('backdate_start_date cannot be in the future', {
      param: 'backdate_start_date',
    });
}

function refuseTwice(prices: Stripe.Price[]): void {
  const ids = prices.map((price) => price.id);
  const at = ids.findIndex((id, index) => ids.indexOf(id) < index);
  if (at !== -1)
    throw invalidRequest(`Cannot add multiple subscription items with the same plan: ${ids[at]}`, {
      param: `items[${at}][price]`,
    });
}

function currencyFor(ctx: Context, prices: Stripe.Price[], wanted: string): string {
  for (const price of prices)
    if (!hasCurrency(ctx, price, wanted)) throw wrongCurrency(price, wanted);
  return wanted;
}

function trialEndOf(given: NewSubscription, prices: Stripe.Price[], now: number): number | null {
  if (given.trialEnd === 'now') return null;
  if (given.trialEnd !== null) {
    if (given.trialEnd <= now)
      throw invalidRequest('Invalid timestamp: must be an integer Unix timestamp in the future.', {
        param: 'trial_end',
      });
    return given.trialEnd;
  }
  const fromPlan = given.trialFromPlan
    ? Math.max(0, ...prices.map((price) => price.recurring?.trial_period_days ?? 0))
    : 0;
  const days = given.trialPeriodDays ?? fromPlan;
  if (days > 730)
    throw invalidRequest('The maximum number of trial period days is 730 (2 years).', {
      param: 'trial_period_days',
    });
  return days > 0 ? now + days * 86_400 : null;
}

function refuseBadAnchor(
  given: NewSubscription,
  prices: Stripe.Price[],
  at: { now: number; anchor: number },
): void {
  if (given.billingCycleAnchor === null) return;
  const [first] = prices;
  const longest = first === undefined ? at.now : shifted(at.now, everyOf(first), 1);
  if (at.anchor < at.now || at.anchor > longest) {
    throw invalidRequest(
      at.anchor < at.now
        ? 'billing_cycle_anchor cannot be in the past'
        : 'billing_cycle_anchor cannot be later than next natural billing date for plan',
      { param: 'billing_cycle_anchor' },
    );
  }
}

/** The first invoice, and the status that it gives. */
function bill(ctx: Context, subscription: Stripe.Subscription, given: NewSubscription): void {
  const customer = idOf(subscription.customer);
  const now = subscription.created;
  const lines = firstLines(ctx, subscription, {
    prorates: given.prorationBehavior !== 'none',
    backdate: given.backdateStart ?? null,
  });
  const trialing = subscription.trial_end !== null;
  const empty = lines.length === 0 && !trialing;
  const active = trialing ? 'trialing' : 'active';
  if (empty && isFlexible(subscription)) {
    subscription.status = active;
    return;
  }
  const invoice = draftFor(ctx, subscription, {
    reason: 'subscription_create',
    lines,
    period: { start: now, end: now },
  });
  ctx.emit('invoice.created', invoice);
  if (given.draftFirst === true && invoice.amount_due > 0) {
    subscription.status = active;
    sendSoon(ctx, invoice);
    return;
  }
  const free = invoice.amount_due === 0 || given.collectionMethod === 'send_invoice';
  const confirm = given.paymentBehavior !== 'default_incomplete';
  if (
    !free &&
    confirm &&
    given.paidBy === null &&
    methodOf(ctx, customer, subscription) === null &&
    ctx.account.journal?.rehearsal !== true
  )
    throw noMethod();
  if (free || given.paidBy !== null) subscription.status = active;
  const note = ctx.note('subscription', subscription.id);
  note['creating'] = true;
  const done = finalizeNow(ctx, invoice, {
    confirm,
    offSession: given.offSession,
    paidBy: given.paidBy,
  });
  note['creating'] = null;
  if (done.error !== null && given.paymentBehavior === 'error_if_incomplete') throw done.error;
  if (done.paid) subscription.status = active;
  if (free && !confirm && given.collectionMethod === 'charge_automatically')
    askForMethod(ctx, subscription);
}

/** Nothing is due now, but later something will be: a setup intent lets the customer leave a method. */
function askForMethod(ctx: Context, subscription: Stripe.Subscription): void {
  if (ctx.account.journal?.rehearsal === true) return;
  const customer = idOf(subscription.customer);
  const paymentMethod = methodOf(ctx, customer, subscription);
  if (paymentMethod !== null) return;
  subscription.pending_setup_intent = ctx.services.payments.createSetupIntent(ctx, {
    customer,
    paymentMethod,
    subscription: subscription.id,
  }).id;
}

/** A trial shorter than three days announces its end at once. */
function announceShortTrial(ctx: Context, subscription: Stripe.Subscription, now: number): void {
  const { trial_end: end } = subscription;
  if (end !== null && end - now <= 3 * 86_400)
    ctx.emit('customer.subscription.trial_will_end', subscription);
}
