import type Stripe from 'stripe';
import { p, paramsOf } from '../kernel/params.ts';
import { automaticTaxParam } from '../taxes/automatic.ts';
import { priceData } from './price-create.ts';
import { INVOICE_METHOD_TYPES } from '../kernel/method-types.ts';

const discount = p.obj({ coupon: p.str, discount: p.str, promotion_code: p.str });
export const discountsParam = p.clearable(p.arr(discount));
const flexible = p.obj({ proration_discounts: p.oneOf(['included', 'itemized']) });
export const billingModeParam = p.obj({
  flexible,
  type: p.required(p.oneOf(['classic', 'flexible'])),
});
export const prorationBehavior = p.oneOf(['create_prorations', 'none', 'always_invoice']);
export const paymentBehavior = p.oneOf([
  'allow_incomplete',
  'default_incomplete',
  'error_if_incomplete',
  'pending_if_incomplete',
]);
export const cancelAtParam = p.either(
  ['min_period_end', 'max_period_end', 'max_billed_until'],
  p.timestamp,
);
export const trialEndParam = p.either(['now'], p.timestamp);

const bound = <const W extends string>(word: W) =>
  p.obj({ timestamp: p.timestamp, type: p.required(p.oneOf([word, 'now', 'timestamp'])) });
export const addInvoiceItems = p.arr(
  p.obj({
    discountable: p.bool,
    discounts: p.arr(discount),
    metadata: p.metadata,
    period: p.obj({
      end: p.required(bound('min_item_period_end')),
      start: p.required(bound('max_item_period_start')),
    }),
    price: p.str,
    price_data: priceData,
    quantity: p.int,
    tax_rates: p.clearable(p.arr(p.str)),
  }),
);
/** What an item may say, at creation and at update. */
export const itemFields = {
  billing_thresholds: p.unserved,
  current_trial: p.unserved,
  discounts: discountsParam,
  metadata: p.metadata,
  plan: p.str,
  price: p.str,
  price_data: priceData,
  quantity: p.int,
  tax_rates: p.clearable(p.arr(p.str)),
};
const invoiceSettings = p.obj({
  account_tax_ids: p.harmless,
  custom_fields: p.clearable(
    p.arr(p.obj({ name: p.required(p.upTo(40)), value: p.required(p.upTo(140)) })),
  ),
  description: p.clearable(p.str),
  footer: p.clearable(p.str),
  issuer: p.ownAccount,
});
const paymentSettings = p.obj({
  payment_method_options: p.harmless,
  payment_method_types: p.clearable(p.arr(p.oneOf(INVOICE_METHOD_TYPES))),
  save_default_payment_method: p.oneOf(['off', 'on_subscription']),
});
const trialSettings = p.obj({
  end_behavior: p.required(
    p.obj({
      billing_cycle_anchor: p.oneOf(['now', 'unchanged']),
      missing_payment_method: p.required(p.oneOf(['cancel', 'create_invoice', 'pause'])),
    }),
  ),
});

const shared = {
  add_invoice_items: addInvoiceItems,
  application_fee_percent: p.unserved,
  automatic_tax: automaticTaxParam,
  billing_thresholds: p.unserved,
  billing_schedules: p.unserved,
  cancel_at: p.clearable(cancelAtParam),
  cancel_at_period_end: p.bool,
  collection_method: p.oneOf(['charge_automatically', 'send_invoice']),
  days_until_due: p.int,
  default_payment_method: p.clearable(p.str),
  default_source: p.clearable(p.str),
  default_tax_rates: p.clearable(p.arr(p.str)),
  description: p.clearable(p.str),
  discounts: discountsParam,
  invoice_settings: invoiceSettings,
  metadata: p.metadata,
  off_session: p.bool,
  on_behalf_of: p.unserved,
  payment_behavior: paymentBehavior,
  payment_settings: paymentSettings,
  pending_invoice_item_interval: p.clearable(
    p.obj({
      interval: p.required(p.oneOf(['month', 'year', 'week', 'day'])),
      interval_count: p.int,
    }),
  ),
  proration_behavior: prorationBehavior,
  transfer_data: p.unserved,
  trial_end: trialEndParam,
  trial_from_plan: p.bool,
  trial_settings: trialSettings,
  /** Legacy. */
  coupon: p.clearable(p.str),
  promotion_code: p.clearable(p.str),
};

export const createParams = paramsOf<Stripe.SubscriptionCreateParams>()({
  ...shared,
  backdate_start_date: p.timestamp,
  billing_cycle_anchor: p.timestamp,
  billing_cycle_anchor_config: p.obj({
    day_of_month: p.required(p.int),
    hour: p.int,
    minute: p.int,
    month: p.int,
    second: p.int,
  }),
  billing_mode: billingModeParam,
  currency: p.currency,
  customer: p.required(p.str),
  customer_account: p.unserved,
  items: p.arr(p.obj(itemFields)),
  trial_period_days: p.int,
  /** Legacy. */
  plan: p.str,
  quantity: p.int,
});

export const updateParams = paramsOf<Stripe.SubscriptionUpdateParams>()({
  ...shared,
  billing_cycle_anchor: p.any,
  cancellation_details: p.obj({
    comment: p.clearable(p.str),
    feedback: p.clearable(
      p.oneOf([
        'customer_service',
        'low_quality',
        'missing_features',
        'other',
        'switched_service',
        'too_complex',
        'too_expensive',
        'unused',
      ]),
    ),
    feedback_option: p.str,
  }),
  items: p.arr(p.obj({ ...itemFields, clear_usage: p.unserved, deleted: p.bool, id: p.str })),
  pause_collection: p.clearable(
    p.obj({
      behavior: p.required(p.oneOf(['keep_as_draft', 'mark_uncollectible', 'void'])),
      resumes_at: p.timestamp,
    }),
  ),
  proration_date: p.timestamp,
  /** Legacy. */
  plan: p.str,
  price: p.str,
  quantity: p.int,
});

export const cancelParams = paramsOf<Stripe.SubscriptionCancelParams>()({
  cancellation_details: updateParams.cancellation_details,
  invoice_now: p.bool,
  prorate: p.bool,
});
