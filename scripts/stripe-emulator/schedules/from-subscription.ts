import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { plan } from './engine.ts';

type Schedule = Stripe.SubscriptionSchedule;

/** Puts a subscription under a schedule whose only phase is its present period. */
export function attachSchedule(ctx: Context, subscription: Stripe.Subscription): Schedule {
  const phase = currentPeriodAsPhase(subscription);
  const schedule = newSchedule(ctx, {
    customer: idOf(subscription.customer),
    mode: subscription.billing_mode,
  });
  schedule.default_settings.default_payment_method = subscription.default_payment_method;
  schedule.default_settings.collection_method = subscription.collection_method;
  schedule.status = 'active';
  schedule.subscription = subscription.id;
  schedule.phases = [phase];
  schedule.current_phase = { start_date: phase.start_date, end_date: phase.end_date };
  ctx.store.reindex('subscription_schedule', schedule);
  plan(ctx, schedule);
  ctx.emit('subscription_schedule.created', schedule);
  ctx.update('subscription', subscription, {
    event: 'customer.subscription.updated',
    apply() {
      subscription.schedule = schedule.id;
    },
  });
  return schedule;
}

function currentPeriodAsPhase(subscription: Stripe.Subscription): Schedule['phases'][number] {
  const items = subscription.items.data;
  return {
    add_invoice_items: [],
    application_fee_percent: null,
    billing_cycle_anchor: null,
    billing_thresholds: null,
    collection_method: null,
    currency: subscription.currency,
    default_payment_method: null,
    default_tax_rates: subscription.default_tax_rates ?? [],
    description: subscription.description,
    discounts: subscription.discounts.map((discount) => ({
      coupon: null,
      discount: idOf(discount),
      promotion_code: null,
    })),
    end_date: Math.min(...items.map((item) => item.current_period_end)),
    invoice_settings: null,
    items: items.map((item) => ({
      billing_thresholds: null,
      discounts: [],
      metadata: item.metadata,
      plan: item.price.id,
      price: item.price.id,
      ...(item.quantity === undefined ? {} : { quantity: item.quantity }),
      tax_rates: item.tax_rates ?? [],
    })),
    metadata: subscription.metadata,
    on_behalf_of: null,
    proration_behavior: 'create_prorations',
    start_date: Math.max(...items.map((item) => item.current_period_start)),
    transfer_data: null,
    trial_end: subscription.status === 'trialing' ? subscription.trial_end : null,
  };
}

/** A schedule of a customer that has nothing planned yet. */
export function newSchedule(
  ctx: Context,
  from: { customer: string; mode: Schedule['billing_mode'] | Stripe.Subscription['billing_mode'] },
): Schedule {
  return ctx.add('subscription_schedule', {
    id: ctx.store.newId('subscription_schedule'),
    object: 'subscription_schedule',
    application: null,
    billing_mode: { type: from.mode.type, flexible: from.mode.flexible },
    canceled_at: null,
    completed_at: null,
    created: ctx.nowFor(from.customer),
    current_phase: null,
    customer: from.customer,
    customer_account: null,
    default_settings: {
      application_fee_percent: null,
      automatic_tax: { disabled_reason: null, enabled: false, liability: null },
      billing_cycle_anchor: 'automatic',
      billing_thresholds: null,
      collection_method: 'charge_automatically',
      default_payment_method: null,
      description: null,
      invoice_settings: {
        account_tax_ids: null,
        custom_fields: null,
        days_until_due: null,
        description: null,
        footer: null,
        issuer: { type: 'self' },
      },
      on_behalf_of: null,
      transfer_data: null,
    },
    end_behavior: 'release',
    livemode: false,
    metadata: {},
    pause_schedules: [],
    phases: [],
    released_at: null,
    released_subscription: null,
    status: 'not_started',
    subscription: null,
    test_clock: ctx.clockOf(from.customer),
  });
}
