import type Stripe from 'stripe';
import { addPendingItems } from './add-invoice-items.ts';
import { cancelSubscription } from '../billing/cancel.ts';
import { migrate, requestPause, resumeSubscription } from '../billing/pause.ts';
import { anchorFrom } from '../billing/periods.ts';
import { reschedule } from '../billing/due-dates.ts';
import { createSubscription, type NewSubscription } from '../billing/subscription-create.ts';
import { hasEnded, periodEnd, periodStart } from '../billing/subscription-object.ts';
import { updateSubscription } from '../billing/subscription-update.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import {
  applyCancellationDetails,
  applyCommon,
  applyPlannedEnd,
  applyUpdateOnly,
  itemUpdates,
  priceOf,
  resetsAnchor,
  type CreateValues,
  type UpdateValues,
} from './subscription-fields.ts';
import { pauseFields, pauseOf } from './pause-params.ts';
import {
  billingModeParam,
  cancelParams,
  createParams,
  updateParams,
} from './subscription-params.ts';

const resumeParams = paramsOf<Stripe.SubscriptionResumeParams>()({
  billing_cycle_anchor: p.any,
  payment_behavior: p.oneOf(['resume_on_payment_attempt', 'resume_on_payment_success']),
  proration_behavior: p.oneOf(['always_invoice', 'create_prorations', 'none']),
  proration_date: p.timestamp,
});
const listParams = {
  ...PAGE,
  automatic_tax: p.obj({ enabled: p.bool }),
  collection_method: p.oneOf(['charge_automatically', 'send_invoice']),
  created: p.timeRange,
  current_period_end: p.timeRange,
  current_period_start: p.timeRange,
  customer: p.str,
  customer_account: p.unserved,
  plan: p.str,
  price: p.str,
  status: p.oneOf([
    'active',
    'all',
    'canceled',
    'ended',
    'incomplete',
    'incomplete_expired',
    'past_due',
    'paused',
    'trialing',
    'unpaid',
  ]),
  test_clock: p.str,
};

/** `/v1/subscriptions` */
export function registerSubscriptions(registry: Registry): void {
  registry.post('/v1/subscriptions', createParams, (ctx, params) =>
    createSubscription(ctx, newSubscription(ctx, params)),
  );
  registry.get('/v1/subscriptions', listParams, list);
  registry.get('/v1/subscriptions/:id', {}, (ctx, _params, path) =>
    ctx.store.need('subscription', path.id),
  );
  registry.post('/v1/subscriptions/:id', updateParams, (ctx, params, path) =>
    update(ctx, params, ctx.store.need('subscription', path.id)),
  );
  registry.delete('/v1/subscriptions/:id', cancelParams, (ctx, params, path) =>
    cancel(ctx, params, ctx.store.need('subscription', path.id)),
  );
  registry.post('/v1/subscriptions/:id/pause', pauseFields, (ctx, params, path) => {
    const subscription = ctx.store.need('subscription', path.id);
    requestPause(ctx, subscription, pauseOf(params));
    return subscription;
  });
  registry.post('/v1/subscriptions/:id/resume', resumeParams, (ctx, params, path) => {
    const subscription = ctx.store.need('subscription', path.id);
    const anchor = params.billing_cycle_anchor;
    resumeSubscription(ctx, subscription, {
      anchor: anchor === undefined || resetsAnchor(anchor) ? 'now' : 'unchanged',
      prorate: params.proration_behavior !== 'none',
      at: params.proration_date ?? null,
      payNow: params.payment_behavior === 'resume_on_payment_success',
    });
    return subscription;
  });
  registry.post(
    '/v1/subscriptions/:id/migrate',
    { billing_mode: p.required(billingModeParam) },
    (ctx, params, path) => {
      const subscription = ctx.store.need('subscription', path.id);
      if (params.billing_mode.type !== 'flexible')
        throw invalidRequest('Subscriptions can only be migrated to the flexible billing mode.', {
          param: 'billing_mode[type]',
        });
      migrate(ctx, subscription, billingMode(params.billing_mode));
      return subscription;
    },
  );
}

/** The object form of `billing_mode`, which began at the given time. */
export function billingMode(
  given: Values<{ mode: typeof billingModeParam }>['mode'] & {},
): Stripe.Subscription.BillingMode {
  if (given.type === 'classic') return { flexible: null, type: 'classic' };
  return {
    flexible: { proration_discounts: given.flexible?.proration_discounts ?? 'included' },
    type: 'flexible',
  };
}

/** The parameters of a creation as the engine takes them; also for previews. */
export function newSubscription(ctx: Context, params: CreateValues): NewSubscription {
  const items =
    params.items ??
    (params.plan === undefined ? [] : [{ plan: params.plan, quantity: params.quantity }]);
  if (items.length === 0)
    throw invalidRequest('Missing required param: items.', {
      param: 'items',
      code: 'parameter_missing',
    });
  if (params.collection_method === 'send_invoice' && params.days_until_due === undefined)
    throw invalidRequest(
      'If `collection_method` is `send_invoice`, you must pass `days_until_due`.',
      { param: 'days_until_due', code: 'parameter_missing' },
    );
  if (params.trial_end !== undefined && params.trial_period_days !== undefined)
    throw invalidRequest(
      'You may only specify one of these parameters: trial_end, trial_period_days.',
      { param: 'trial_end', code: 'parameters_exclusive' },
    );
  const now = ctx.nowFor(params.customer);
  const config = params.billing_cycle_anchor_config;
  return {
    customer: params.customer,
    items: items.map((item, index) => ({
      price: priceOf(ctx, item, `items[${index}]`) ?? missingPrice(index),
      quantity: item.quantity,
      metadata: mergeMetadata({}, 'metadata' in item ? item.metadata : undefined),
      taxRates: ('tax_rates' in item ? item.tax_rates : undefined) ?? [],
      discounts: ('discounts' in item ? item.discounts : undefined) ?? [],
    })),
    backdateStart: params.backdate_start_date ?? null,
    trialEnd: params.trial_end ?? null,
    trialPeriodDays: params.trial_period_days ?? null,
    trialFromPlan: params.trial_from_plan ?? false,
    trialSettings: null,
    currency: params.currency ?? null,
    billingMode: params.billing_mode === undefined ? null : billingMode(params.billing_mode),
    billingCycleAnchor:
      params.billing_cycle_anchor ??
      (config === undefined ? null : anchorFrom(config, afterTrial(params, now))),
    prorationBehavior: params.proration_behavior ?? 'create_prorations',
    paymentBehavior: params.payment_behavior ?? 'allow_incomplete',
    offSession: params.off_session ?? false,
    collectionMethod: params.collection_method ?? 'charge_automatically',
    daysUntilDue: params.days_until_due ?? null,
    defaultTaxRates: params.default_tax_rates ?? [],
    discounts: discountsOf(params),
    metadata: mergeMetadata({}, params.metadata),
    paidBy: null,
    decorate(subscription) {
      const { metadata: _metadata, default_tax_rates: _rates, ...rest } = params;
      applyCommon(ctx, subscription, rest);
      if (config !== undefined) {
        subscription.billing_cycle_anchor_config = {
          day_of_month: config.day_of_month,
          hour: config.hour ?? null,
          minute: config.minute ?? null,
          month: config.month ?? null,
          second: config.second ?? null,
        };
      }
    },
    finish(subscription) {
      applyPlannedEnd(ctx, subscription, params);
      addPendingItems(ctx, subscription, params.add_invoice_items ?? []);
    },
  };
}

/** Where the first paid period begins. */
function afterTrial(params: CreateValues, now: number): number {
  if (typeof params.trial_end === 'number') return params.trial_end;
  return now + (params.trial_end === undefined ? (params.trial_period_days ?? 0) : 0) * 86_400;
}

function missingPrice(index: number): never {
  throw invalidRequest(`Missing required param: items[${index}][price].`, {
    param: `items[${index}][price]`,
    code: 'parameter_missing',
  });
}

function discountsOf(
  params: CreateValues | UpdateValues,
): { coupon?: string; promotion_code?: string; discount?: string }[] {
  if (typeof params.coupon === 'string') return [{ coupon: params.coupon }];
  if (typeof params.promotion_code === 'string') return [{ promotion_code: params.promotion_code }];
  return params.discounts ?? [];
}

function update(
  ctx: Context,
  params: UpdateValues,
  subscription: Stripe.Subscription,
): Stripe.Subscription {
  refuseUpdate(params, subscription);
  const replaces =
    params.discounts !== undefined ||
    params.coupon !== undefined ||
    params.promotion_code !== undefined;
  updateSubscription(ctx, subscription, {
    items: itemUpdates(ctx, subscription, params),
    prorationBehavior: params.proration_behavior ?? 'create_prorations',
    prorationDate: params.proration_date ?? null,
    resetAnchor: resetsAnchor(params.billing_cycle_anchor),
    trialEnd: params.trial_end ?? null,
    paymentBehavior: params.payment_behavior ?? 'allow_incomplete',
    offSession: params.off_session ?? false,
    decorate(target) {
      applyCommon(ctx, target, params);
      applyUpdateOnly(ctx, target, params);
      if (replaces) target.discounts = redeemed(ctx, target, params);
      addPendingItems(ctx, target, params.add_invoice_items ?? []);
    },
  });
  return subscription;
}

function redeemed(ctx: Context, subscription: Stripe.Subscription, params: UpdateValues): string[] {
  const customer = idOf(subscription.customer);
  return ctx.services.discounts.create(ctx, discountsOf(params), {
    customer,
    subscription: subscription.id,
    subscriptionItem: null,
    invoice: null,
    at: ctx.nowFor(customer),
  });
}

function refuseUpdate(params: UpdateValues, subscription: Stripe.Subscription): void {
  if (hasEnded(subscription)) {
    const allowed = new Set(['metadata', 'cancellation_details', 'expand']);
    if (Object.keys(params).some((key) => !allowed.has(key)))
      throw invalidRequest(
        'A canceled subscription can only update its cancellation_details and metadata.',
        { code: 'invalid_canceled_subscription_fields' },
      );
  }
  if (params.payment_behavior === 'pending_if_incomplete' && params.metadata !== undefined) {
    throw invalidRequest(
      'metadata is not supported when payment_behavior is set to pending_if_incomplete.',
      { param: 'metadata' },
    );
  }
}

function cancel(
  ctx: Context,
  params: Values<typeof cancelParams>,
  subscription: Stripe.Subscription,
): Stripe.Subscription {
  if (hasEnded(subscription))
    throw invalidRequest(`No such subscription: '${subscription.id}'`, {
      code: 'resource_missing',
      param: 'id',
      status: 404,
    });
  applyCancellationDetails(subscription, params.cancellation_details);
  cancelSubscription(ctx, subscription, {
    invoiceNow: params.invoice_now ?? false,
    prorate: params.prorate ?? false,
    reason: 'cancellation_requested',
  });
  reschedule(ctx, subscription);
  return subscription;
}

function list(
  ctx: Context,
  params: Values<typeof listParams>,
): Stripe.ApiList<Stripe.Subscription> {
  const price = params.price ?? params.plan;
  return listStored(ctx, 'subscription', {
    url: '/v1/subscriptions',
    page: params,
    by: params.customer === undefined ? undefined : ['customer', params.customer],
    where: (subscription) =>
      statusMatches(subscription, params.status) &&
      (params.test_clock === undefined
        ? params.customer !== undefined || idOf(subscription.test_clock) === null
        : idOf(subscription.test_clock) === params.test_clock) &&
      (params.collection_method === undefined ||
        subscription.collection_method === params.collection_method) &&
      (price === undefined || subscription.items.data.some((item) => item.price.id === price)) &&
      within(params.current_period_end, periodEnd(subscription)) &&
      within(params.current_period_start, periodStart(subscription)),
  });
}

function statusMatches(
  subscription: Stripe.Subscription,
  status: Values<typeof listParams>['status'],
): boolean {
  if (status === 'all') return true;
  if (status === 'ended') return hasEnded(subscription);
  return status === undefined ? subscription.status !== 'canceled' : subscription.status === status;
}

function within(range: Values<typeof listParams>['created'], at: number): boolean {
  return (
    at > (range?.gt ?? -1) &&
    at >= (range?.gte ?? 0) &&
    at < (range?.lt ?? Infinity) &&
    at <= (range?.lte ?? Infinity)
  );
}
