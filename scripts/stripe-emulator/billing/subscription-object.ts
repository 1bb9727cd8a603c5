import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { nestedList } from '../kernel/lists.ts';
import { boundaryAfter, boundaryUntil } from './periods.ts';
import { everyOf, isMetered, planOf } from './prices.ts';

/** What an item is made of. */
export interface ItemDraft {
  price: Stripe.Price;
  quantity: number | null;
  metadata: Record<string, string>;
  taxRates: string[];
  period: { start: number; end: number };
}

/** Makes a subscription item and puts it on its subscription. */
export function addItem(
  ctx: Context,
  subscription: Stripe.Subscription,
  draft: ItemDraft,
): Stripe.SubscriptionItem {
  const { price } = draft;
  const item: Stripe.SubscriptionItem = {
    id: ctx.store.newId('subscription_item'),
    object: 'subscription_item',
    billing_thresholds: null,
    created: ctx.nowFor(idOf(subscription.customer)),
    current_period_end: draft.period.end,
    current_period_start: draft.period.start,
    current_trial: null,
    discounts: [],
    metadata: draft.metadata,
    plan: planOf(ctx, price),
    price,
    ...(isMetered(price) ? {} : { quantity: draft.quantity ?? 1 }),
    subscription: subscription.id,
    tax_rates: taxRates(ctx, draft.taxRates),
  };
  ctx.add('subscription_item', item);
  subscription.items.data.push(item);
  return item;
}

/** The tax rate objects that items and subscriptions carry. */
export function taxRates(ctx: Context, ids: readonly string[]): Stripe.TaxRate[] {
  return ids.map((id) => ctx.store.need('tax_rate', id, 'tax_rates'));
}

/** What a subscription is made of, apart from its items. */
export interface SubscriptionDraft {
  customer: Stripe.Customer;
  currency: string;
  now: number;
  anchor: number;
  trialEnd: number | null;
  billingMode: Stripe.Subscription.BillingMode;
  collectionMethod: Stripe.Subscription.CollectionMethod;
  daysUntilDue: number | null;
  metadata: Record<string, string>;
}

/** A subscription without items, `incomplete` until it is known how its first invoice went. */
export function newSubscription(ctx: Context, draft: SubscriptionDraft): Stripe.Subscription {
  const id = ctx.store.newId('subscription');
  return ctx.add('subscription', {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: draft.anchor,
    billing_cycle_anchor_config: null,
    billing_mode: { ...draft.billingMode, updated_at: draft.now },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: draft.collectionMethod,
    created: draft.now,
    currency: draft.currency,
    customer: draft.customer.id,
    customer_account: null,
    days_until_due: draft.daysUntilDue,
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    items: nestedList([], `/v1/subscription_items?subscription=${id}`),
    latest_invoice: null,
    livemode: false,
    managed_payments: { enabled: false },
    metadata: draft.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method: 'off',
    },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: draft.now,
    status: 'incomplete',
    test_clock: idOf(draft.customer.test_clock),
    transfer_data: null,
    trial_end: draft.trialEnd,
    trial_settings: {
      end_behavior: { billing_cycle_anchor: null, missing_payment_method: 'create_invoice' },
    },
    trial_start: draft.trialEnd === null ? null : draft.now,
  });
}

/** An end that was asked for at the end of the period moves with it. */
export function followPeriodEnd(subscription: Stripe.Subscription): void {
  if (subscription.cancel_at_period_end && subscription.items.data.length > 0)
    subscription.cancel_at = periodEnd(subscription);
}

/** The earliest end of an item's period: when the subscription renews. */
export function periodEnd(subscription: Stripe.Subscription): number {
  return Math.min(...subscription.items.data.map((item) => item.current_period_end));
}

/** The latest end of an item's period. */
export function lastPeriodEnd(subscription: Stripe.Subscription): number {
  return Math.max(...subscription.items.data.map((item) => item.current_period_end));
}

/** The latest start of an item's period. */
export function periodStart(subscription: Stripe.Subscription): number {
  return Math.max(...subscription.items.data.map((item) => item.current_period_start));
}

/** The whole period, on the anchor's grid, that an item's present period is (or is a part of). */
export function wholePeriod(
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
): { start: number; end: number } {
  const every = everyOf(item.price);
  const { billing_cycle_anchor: anchor } = subscription;
  return {
    start: boundaryUntil(anchor, every, item.current_period_start),
    end: boundaryAfter(anchor, every, item.current_period_start),
  };
}

/** True for subscriptions that are over. */
export function hasEnded(subscription: Stripe.Subscription): boolean {
  return subscription.status === 'canceled' || subscription.status === 'incomplete_expired';
}

/** New subscriptions are flexible since version 2025-09-30.clover; calls of an earlier one make classic ones. */
export function defaultMode(ctx: Context): Stripe.Subscription.BillingMode {
  const version = ctx.request?.apiVersion.slice(0, 10) ?? FLEXIBLE_SINCE;
  return version < FLEXIBLE_SINCE
    ? { type: 'classic', flexible: null }
    : { type: 'flexible', flexible: { proration_discounts: 'included' } };
}

const FLEXIBLE_SINCE = '2025-09-30';

export function isFlexible(subscription: Stripe.Subscription): boolean {
  return subscription.billing_mode.type === 'flexible';
}
