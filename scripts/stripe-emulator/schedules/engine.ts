import type Stripe from 'stripe';
import type { CreateSubscriptionParams, ItemsChange } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import type { Registry } from '../kernel/registry.ts';
import { isMetered } from '../billing/prices.ts';
import { addPendingItems } from '../resources/add-invoice-items.ts';
import { itemsKey, phaseAt } from './phases.ts';

type Schedule = Stripe.SubscriptionSchedule;
type Phase = Schedule['phases'][number];

const BOUNDARY = 'subscription_schedule.boundary';
const EXPIRING = 'subscription_schedule.expiring';
const WEEK = 7 * 86_400;

/** The work that schedules plan for later. */
export function registerScheduleJobs(registry: Registry): void {
  registry.job(BOUNDARY, (ctx, id) => {
    const schedule = ctx.store.find('subscription_schedule', id);
    if (schedule !== undefined) advance(ctx, schedule, nowOf(ctx, schedule));
  });
  registry.job(EXPIRING, (ctx, id) => {
    const schedule = ctx.store.find('subscription_schedule', id);
    if (schedule?.status === 'active') ctx.emit('subscription_schedule.expiring', schedule);
  });
}

function nowOf(ctx: Context, schedule: Schedule): number {
  return ctx.nowFor(idOf(schedule.customer));
}

/** Plans the next boundary and the notice before the end. */
export function plan(ctx: Context, schedule: Schedule): void {
  ctx.unschedule(BOUNDARY, schedule.id);
  ctx.unschedule(EXPIRING, schedule.id);
  const last = schedule.phases.at(-1);
  if (last === undefined || (schedule.status !== 'active' && schedule.status !== 'not_started'))
    return;
  const clock = ctx.clockOf(idOf(schedule.customer));
  const now = nowOf(ctx, schedule);
  const next =
    schedule.status === 'not_started'
      ? schedule.phases[0]?.start_date
      : (schedule.current_phase?.end_date ?? now);
  ctx.schedule(next ?? now, clock, { job: BOUNDARY, ref: schedule.id });
  if (last.end_date - WEEK > now)
    ctx.schedule(last.end_date - WEEK, clock, { job: EXPIRING, ref: schedule.id });
}

/** Brings a schedule to a moment: starts it, enters the phase of that moment, or ends it. */
export function advance(ctx: Context, schedule: Schedule, at: number): void {
  if (schedule.status === 'not_started') {
    if ((schedule.phases[0]?.start_date ?? Infinity) <= at) start(ctx, schedule, at);
    return;
  }
  if (schedule.status !== 'active' || (schedule.current_phase?.end_date ?? 0) > at) return;
  const phase = phaseAt(schedule, at);
  if (phase === undefined) finish(ctx, schedule, at);
  else enter(ctx, schedule, phase);
}

/** Creates the subscription of a schedule that begins now. */
export function start(ctx: Context, schedule: Schedule, at: number): void {
  const phase = phaseAt(schedule, at) ?? schedule.phases[0];
  if (phase === undefined) return;
  schedule.status = 'active';
  schedule.current_phase = { start_date: phase.start_date, end_date: phase.end_date };
  const subscription = ctx.services.billing.createSubscription(
    ctx,
    subscriptionParams(ctx, schedule, phase),
  );
  schedule.subscription = subscription.id;
  ctx.store.reindex('subscription_schedule', schedule);
  ctx.update('subscription', subscription, {
    event: 'customer.subscription.updated',
    apply() {
      subscription.schedule = schedule.id;
    },
  });
  plan(ctx, schedule);
}

/** What a phase adds to the invoice at its start. */
function addPhaseItems(ctx: Context, subscription: Stripe.Subscription, phase: Phase): void {
  const added = phase.add_invoice_items.map((item) => ({
    ...(item.discountable === null ? {} : { discountable: item.discountable }),
    metadata: item.metadata ?? {},
    price: idOf(item.price),
    quantity: item.quantity ?? 1,
    discounts: item.discounts.map(discountParam),
    tax_rates: (item.tax_rates ?? []).map((rate) => rate.id),
  }));
  addPendingItems(ctx, subscription, added);
}

function subscriptionParams(
  ctx: Context,
  schedule: Schedule,
  phase: Phase,
): CreateSubscriptionParams {
  const { default_settings: defaults } = schedule;
  return {
    customer: idOf(schedule.customer),
    items: phase.items.map((item) => ({
      price: idOf(item.price),
      planned: true,
      quantity: item.quantity,
      metadata: item.metadata ?? {},
    })),
    trialEnd: phase.trial_end,
    trialPeriodDays: null,
    defaultPaymentMethod: idOf(phase.default_payment_method ?? defaults.default_payment_method),
    metadata: phase.metadata ?? {},
    description: phase.description ?? defaults.description,
    discounts: phase.discounts.map(discountParam),
    trialSettings: null,
    billingMode: modeOf(schedule.billing_mode),
    billingCycleAnchor: null,
    draftFirst: true,
    prorationBehavior: phase.proration_behavior === 'none' ? 'none' : 'create_prorations',
    automaticTax: defaults.automatic_tax?.enabled ?? false,
    paidBy: null,
    finish: (subscription) => {
      addPhaseItems(ctx, subscription, phase);
    },
  };
}

function modeOf({ type, flexible }: Schedule['billing_mode']): Stripe.Subscription.BillingMode {
  return type === 'classic'
    ? { type, flexible: null }
    : { type, flexible: { proration_discounts: flexible?.proration_discounts ?? 'included' } };
}

function discountParam(discount: Phase['discounts'][number]): {
  coupon?: string;
  promotion_code?: string;
} {
  const code = idOf(discount.promotion_code);
  const coupon = idOf(discount.coupon);
  return code === null ? (coupon === null ? {} : { coupon }) : { promotion_code: code };
}

/** Makes the subscription look as a phase says, from now on. */
function enter(ctx: Context, schedule: Schedule, phase: Phase): void {
  ctx.update('subscription_schedule', schedule, {
    event: 'subscription_schedule.updated',
    apply() {
      schedule.current_phase = { start_date: phase.start_date, end_date: phase.end_date };
    },
  });
  plan(ctx, schedule);
  const subscription = ctx.store.find('subscription', idOf(schedule.subscription));
  if (subscription !== undefined) addPhaseItems(ctx, subscription, phase);
  applyPhase(ctx, schedule, { phase, prorationBehavior: phase.proration_behavior });
}

/** A phase to apply, and what to do about the rest of the period. */
interface PhaseChange {
  readonly phase: Phase;
  readonly prorationBehavior: Phase['proration_behavior'];
}

/** Applies items, metadata and settings of a phase to the schedule's subscription, if they differ. */
export function applyPhase(ctx: Context, schedule: Schedule, change: PhaseChange): void {
  const subscription = ctx.store.find('subscription', idOf(schedule.subscription));
  if (subscription === undefined || subscription.status === 'canceled') return;
  const { phase } = change;
  if (itemsKey(subscription.items.data) !== itemsKey(phase.items)) {
    ctx.services.billing.updateItems(ctx, subscription, itemsChange(ctx, subscription, change));
  }
  applySettings(ctx, subscription, phase);
}

function itemsChange(
  ctx: Context,
  subscription: Stripe.Subscription,
  change: PhaseChange,
): ItemsChange {
  const { phase } = change;
  const free = [...subscription.items.data];
  const items = phase.items.map((item) => {
    const price = idOf(item.price);
    const exact = free.findIndex((candidate) => candidate.price.id === price);
    // Usage stays with the price that it was reported under, so a metered item is never made into another one.
    const counted = ctx.store.find('price', price)?.recurring?.usage_type === 'metered';
    const similar = counted ? -1 : free.findIndex((candidate) => !isMetered(candidate.price));
    const chosen = exact === -1 ? similar : exact;
    const [reused] = chosen === -1 ? [] : free.splice(chosen, 1);
    const kept = reused === undefined ? {} : { id: reused.id };
    return {
      ...kept,
      price,
      planned: true,
      quantity: item.quantity,
      metadata: item.metadata ?? {},
    };
  });
  const now = ctx.nowFor(idOf(subscription.customer));
  const atPeriodEnd = subscription.items.data.every((item) => item.current_period_end <= now);
  const resets =
    phase.billing_cycle_anchor === 'phase_start' || intervalChanges(ctx, subscription, phase);
  return {
    items,
    replace: true,
    prorationBehavior: atPeriodEnd ? 'none' : known(change.prorationBehavior),
    prorationDate: null,
    billingCycleAnchor: resets ? 'now' : 'unchanged',
  };
}

/** An automatic anchor moves when the interval does. */
function intervalChanges(ctx: Context, subscription: Stripe.Subscription, phase: Phase): boolean {
  const intervals = (prices: (Stripe.Price | undefined)[]) =>
    new Set(
      prices.map((price) => `${price?.recurring?.interval_count} ${price?.recurring?.interval}`),
    );
  const now = intervals(subscription.items.data.map((item) => item.price));
  const next = intervals(phase.items.map((item) => ctx.store.find('price', idOf(item.price))));
  return [...next].some((interval) => !now.has(interval));
}

function known(behavior: Phase['proration_behavior']): ItemsChange['prorationBehavior'] {
  if (behavior === 'always_invoice') return 'always_invoice';
  return behavior === 'none' ? 'none' : 'create_prorations';
}

function applySettings(ctx: Context, subscription: Stripe.Subscription, phase: Phase): void {
  const metadata = mergeMetadata(subscription.metadata, phase.metadata ?? {});
  const discounts = phase.discounts
    .map(discountParam)
    .filter((entry) => Object.keys(entry).length > 0);
  const kept = phase.discounts.flatMap((entry) => idOf(entry.discount) ?? []);
  const made = ctx.services.discounts.create(ctx, discounts, {
    customer: idOf(subscription.customer),
    subscription: subscription.id,
    subscriptionItem: null,
    invoice: null,
    at: ctx.nowFor(idOf(subscription.customer)),
  });
  ctx.update('subscription', subscription, {
    event: 'customer.subscription.updated',
    apply() {
      subscription.metadata = metadata;
      subscription.discounts = [...kept, ...made];
      subscription.description = phase.description ?? subscription.description;
      subscription.default_payment_method =
        phase.default_payment_method ?? subscription.default_payment_method;
      subscription.collection_method = phase.collection_method ?? subscription.collection_method;
    },
  });
}

/** After the last phase: the subscription goes on alone, or ends. */
function finish(ctx: Context, schedule: Schedule, at: number): void {
  const cancels = schedule.end_behavior === 'cancel' || schedule.end_behavior === 'none';
  const subscription = ctx.store.find('subscription', idOf(schedule.subscription));
  schedule.completed_at = at;
  schedule.current_phase = null;
  schedule.status = 'completed';
  ctx.emit('subscription_schedule.completed', schedule);
  if (!cancels) {
    release(ctx, schedule, at);
    return;
  }
  if (subscription === undefined || subscription.status === 'canceled') return;
  ctx.services.billing.cancelSubscription(ctx, subscription, {
    invoiceNow: false,
    prorate: false,
    reason: 'cancellation_requested',
  });
}

/** Lets the subscription go; it continues as it is. */
export function release(ctx: Context, schedule: Schedule, at: number): Schedule {
  const subscription = ctx.store.find('subscription', idOf(schedule.subscription));
  schedule.status = 'released';
  schedule.released_at = at;
  schedule.released_subscription = subscription?.id ?? null;
  schedule.subscription = null;
  schedule.current_phase = null;
  ctx.store.reindex('subscription_schedule', schedule);
  plan(ctx, schedule);
  if (subscription !== undefined) {
    ctx.update('subscription', subscription, {
      event: 'customer.subscription.updated',
      apply() {
        subscription.schedule = null;
      },
    });
  }
  ctx.emit('subscription_schedule.released', schedule);
  return schedule;
}

/** Ends a schedule with its subscription. */
export function end(
  ctx: Context,
  schedule: Schedule,
  event: 'subscription_schedule.canceled' | 'subscription_schedule.aborted',
): void {
  schedule.status = 'canceled';
  schedule.canceled_at = nowOf(ctx, schedule);
  schedule.current_phase = null;
  plan(ctx, schedule);
  ctx.emit(event, schedule);
}
