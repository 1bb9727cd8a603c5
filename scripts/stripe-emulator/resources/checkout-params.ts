import type Stripe from 'stripe';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import { ignored, shipping } from '../payments/params.ts';
import { CHOICES } from './checkout-choices.ts';
import { priceData } from './price-create.ts';
import { ALLOWED_METHOD_TYPES, METHOD_TYPES } from '../kernel/method-types.ts';
import { CHECKOUT_LOCALES } from '../kernel/word-sets.ts';

const text = p.clearable(p.str);
const message = p.clearable(p.obj({ message: p.required(p.upTo(1200)) }));

const lineItem = p.obj({
  adjustable_quantity: p.obj({ enabled: p.required(p.bool), maximum: p.int, minimum: p.int }),
  metadata: p.metadata,
  price: p.str,
  price_data: priceData,
  quantity: p.int,
  tax_rates: p.arr(p.str),
  /** Older versions let a line be described in place. */
  dynamic_tax_rates: p.unserved,
});

export const trialSettings = p.obj({
  end_behavior: p.required(
    p.obj({
      billing_cycle_anchor: p.oneOf(['now', 'unchanged']),
      missing_payment_method: p.required(p.oneOf(['cancel', 'create_invoice', 'pause'])),
    }),
  ),
});

const billingMode = p.obj({
  flexible: p.obj({ proration_discounts: p.oneOf(['included', 'itemized']) }),
  type: p.required(p.oneOf(['classic', 'flexible'])),
});

const subscriptionData = p.obj({
  ...ignored('invoice_settings'),
  application_fee_percent: p.unserved,
  billing_cycle_anchor_config: p.unserved,
  on_behalf_of: p.unserved,
  pending_invoice_item_interval: p.unserved,
  transfer_data: p.unserved,
  billing_cycle_anchor: p.timestamp,
  billing_mode: billingMode,
  default_tax_rates: p.arr(p.str),
  description: p.str,
  metadata: p.metadata,
  proration_behavior: p.oneOf(['create_prorations', 'none']),
  trial_end: p.timestamp,
  trial_period_days: p.int,
  trial_settings: trialSettings,
});

const invoiceData = p.obj({
  account_tax_ids: p.harmless,
  custom_fields: p.clearable(
    p.arr(p.obj({ name: p.required(p.upTo(40)), value: p.required(p.upTo(140)) })),
  ),
  description: p.str,
  footer: p.str,
  issuer: p.ownAccount,
  metadata: p.metadata,
  rendering_options: p.harmless,
});

const paymentIntentData = p.obj({
  ...ignored('statement_descriptor', 'statement_descriptor_suffix', 'transfer_group'),
  application_fee_amount: p.unserved,
  on_behalf_of: p.unserved,
  transfer_data: p.unserved,
  capture_method: p.oneOf(['automatic', 'automatic_async', 'manual']),
  description: p.str,
  metadata: p.metadata,
  receipt_email: p.str,
  setup_future_usage: p.oneOf(['off_session', 'on_session']),
  shipping,
});

export const CREATE = paramsOf<Stripe.Checkout.SessionCreateParams>()({
  ...ignored(
    'customer_update',
    'payment_method_configuration',
    'payment_method_data',
    'payment_method_options',
    'permissions',
    'wallet_options',
  ),
  customer_account: p.unserved,
  ...CHOICES,
  managed_payments: p.unserved,
  optional_items: p.unserved,
  adaptive_pricing: p.obj({ enabled: p.bool }),
  allow_promotion_codes: p.bool,
  allowed_payment_method_types: p.arr(p.oneOf(ALLOWED_METHOD_TYPES)),
  billing_address_collection: p.oneOf(['auto', 'required']),
  cancel_url: p.str,
  client_reference_id: p.upTo(200),
  currency: p.currency,
  custom_text: p.obj({
    after_submit: message,
    shipping_address: message,
    submit: message,
    terms_of_service_acceptance: message,
  }),
  customer: p.str,
  customer_creation: p.oneOf(['always', 'if_required']),
  customer_email: p.upTo(512),
  discounts: p.arr(p.obj({ coupon: p.str, promotion_code: p.str })),
  excluded_payment_method_types: p.arr(p.oneOf(METHOD_TYPES)),
  expires_at: p.timestamp,
  integration_identifier: p.str,
  invoice_creation: p.obj({ enabled: p.required(p.bool), invoice_data: invoiceData }),
  line_items: p.arr(lineItem),
  locale: p.oneOf(CHECKOUT_LOCALES),
  metadata: p.metadata,
  mode: p.required(p.oneOf(['payment', 'setup', 'subscription'])),
  origin_context: p.oneOf(['mobile_app', 'web']),
  payment_intent_data: paymentIntentData,
  payment_method_collection: p.oneOf(['always', 'if_required']),
  payment_method_types: p.arr(p.str),
  phone_number_collection: p.obj({ enabled: p.required(p.bool) }),
  redirect_on_completion: p.oneOf(['always', 'if_required', 'never']),
  return_url: p.str,
  setup_intent_data: p.obj({ description: p.str, metadata: p.metadata, on_behalf_of: p.unserved }),
  submit_type: p.oneOf(['auto', 'book', 'donate', 'pay', 'subscribe']),
  subscription_data: subscriptionData,
  success_url: p.str,
  ui_mode: p.oneOf([
    'elements',
    'embedded_page',
    'form',
    'hosted_page',
    'custom',
    'embedded',
    'hosted',
  ]),
});
export type CreateValues = Values<typeof CREATE>;
export type LineValues = NonNullable<CreateValues['line_items']>[number];

export const UPDATE = paramsOf<Stripe.Checkout.SessionUpdateParams>()({
  collected_information: p.unserved,
  line_items: p.unserved,
  payment_intent_data: p.unserved,
  shipping_options: p.unserved,
  metadata: p.metadata,
});

export const LIST = paramsOf<Stripe.Checkout.SessionListParams>()({
  ...PAGE,
  created: p.timeRange,
  customer: p.str,
  customer_account: p.unserved,
  customer_details: p.obj({ email: text }),
  payment_intent: p.str,
  payment_link: p.str,
  status: p.oneOf(['complete', 'expired', 'open']),
  subscription: p.str,
});
