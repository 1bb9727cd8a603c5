import type Stripe from 'stripe';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import { METHOD_DATA } from '../payments/create-method.ts';
import { ignored, shipping } from '../payments/params.ts';
import { ALLOWED_METHOD_TYPES, METHOD_TYPES } from '../kernel/method-types.ts';

const automatic = p.obj({
  allow_redirects: p.oneOf(['always', 'never']),
  enabled: p.required(p.bool),
});
const futureUse = p.oneOf(['off_session', 'on_session']);
const text = p.clearable(p.str);
const offSession = p.either(['one_off', 'recurring'], p.bool);
/** Left from older versions of the API, which unversioned calls may still use. */
const LEGACY = {
  payment_method_types: p.arr(p.str),
  source: p.str,
  save_payment_method: p.unserved,
};

export const CREATE = paramsOf<Stripe.PaymentIntentCreateParams>()({
  confirmation_token: p.unserved,
  payment_method_options: p.any,
  ...ignored(
    'amount_details',
    'mandate',
    'mandate_data',
    'payment_method_configuration',
    'radar_options',
    'use_stripe_sdk',
  ),
  customer_account: p.unserved,
  hooks: p.unserved,
  on_behalf_of: p.unserved,
  transfer_data: p.unserved,
  ...LEGACY,
  allowed_payment_method_types: p.arr(p.oneOf(ALLOWED_METHOD_TYPES)),
  amount: p.required(p.int),
  application_fee_amount: p.unserved,
  automatic_payment_methods: automatic,
  capture_method: p.oneOf(['automatic', 'automatic_async', 'manual']),
  confirm: p.bool,
  confirmation_method: p.oneOf(['automatic', 'manual']),
  currency: p.required(p.currency),
  customer: p.str,
  description: p.upTo(1_000),
  error_on_requires_action: p.bool,
  excluded_payment_method_types: p.arr(p.oneOf(METHOD_TYPES)),
  metadata: p.metadata,
  off_session: offSession,
  payment_details: p.any,
  payment_method: p.str,
  payment_method_data: p.obj(METHOD_DATA),
  receipt_email: p.str,
  return_url: p.str,
  setup_future_usage: futureUse,
  shipping,
  statement_descriptor: p.upTo(22),
  statement_descriptor_suffix: p.upTo(22),
  transfer_group: p.str,
});
export type CreateValues = Values<typeof CREATE>;

export const CONFIRM = paramsOf<Stripe.PaymentIntentConfirmParams>()({
  confirmation_token: p.unserved,
  payment_method_options: p.any,
  ...ignored(
    'amount_details',
    'mandate',
    'mandate_data',
    'payment_details',
    'radar_options',
    'use_stripe_sdk',
    'client_secret',
  ),
  amount_to_confirm: p.unserved,
  hooks: p.unserved,
  ...LEGACY,
  allowed_payment_method_types: p.arr(p.oneOf(ALLOWED_METHOD_TYPES)),
  capture_method: p.oneOf(['automatic', 'automatic_async', 'manual']),
  error_on_requires_action: p.bool,
  excluded_payment_method_types: p.clearable(p.arr(p.oneOf(METHOD_TYPES))),
  off_session: offSession,
  payment_method: p.str,
  payment_method_data: p.obj(METHOD_DATA),
  receipt_email: text,
  return_url: p.str,
  setup_future_usage: p.clearable(futureUse),
  shipping: p.clearable(shipping),
});
export type ConfirmValues = Values<typeof CONFIRM>;

export const UPDATE = paramsOf<Stripe.PaymentIntentUpdateParams>()({
  payment_method_options: p.any,
  ...ignored('amount_details', 'payment_details', 'payment_method_configuration'),
  customer_account: p.unserved,
  hooks: p.unserved,
  transfer_data: p.unserved,
  ...LEGACY,
  allowed_payment_method_types: p.arr(p.oneOf(ALLOWED_METHOD_TYPES)),
  amount: p.int,
  application_fee_amount: p.unserved,
  capture_method: p.oneOf(['automatic', 'automatic_async', 'manual']),
  currency: p.currency,
  customer: p.str,
  description: p.clearable(p.upTo(1_000)),
  excluded_payment_method_types: p.clearable(p.arr(p.oneOf(METHOD_TYPES))),
  metadata: p.metadata,
  payment_method: text,
  payment_method_data: p.obj(METHOD_DATA),
  receipt_email: text,
  setup_future_usage: p.clearable(futureUse),
  shipping: p.clearable(shipping),
  statement_descriptor: p.clearable(p.upTo(22)),
  statement_descriptor_suffix: p.clearable(p.upTo(22)),
  transfer_group: p.str,
});
export type UpdateValues = Values<typeof UPDATE>;

export const CAPTURE = paramsOf<Stripe.PaymentIntentCaptureParams>()({
  payment_method_options: p.any,
  ...ignored('amount_details', 'payment_details'),
  hooks: p.unserved,
  transfer_data: p.unserved,
  amount_to_capture: p.amount,
  application_fee_amount: p.unserved,
  // `only` names the value that is served: a capture in parts is refused.
  final_capture: p.only('true'),
  metadata: p.metadata,
  statement_descriptor: p.upTo(22),
  statement_descriptor_suffix: p.upTo(22),
});

export const CANCEL = paramsOf<Stripe.PaymentIntentCancelParams>()({
  cancellation_reason: p.oneOf(['abandoned', 'duplicate', 'fraudulent', 'requested_by_customer']),
});

export const LIST = paramsOf<Stripe.PaymentIntentListParams>()({
  ...PAGE,
  created: p.timeRange,
  customer: p.str,
  customer_account: p.unserved,
});
