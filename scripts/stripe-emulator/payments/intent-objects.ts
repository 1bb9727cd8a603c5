import type Stripe from 'stripe';
import { isWireObject, type Wire } from '../kernel/form.ts';
import { randomText } from '../kernel/ids.ts';
import { docUrlFor, type Decline } from './declines.ts';

/** The automatic payment methods of an account that never configured any. */
export const DEFAULT_TYPES = ['card', 'link'];
const CONFIGURATION = 'pmc_emulator_default';

/** Which kinds of methods an intent takes, and how it came to them. */
export interface MethodChoice {
  types: string[];
  automatic: { allow_redirects: 'always' | 'never' } | null;
}

export interface PaymentIntentFacts {
  id: string;
  created: number;
  amount: number;
  currency: string;
  customer: string | null;
  description: string | null;
  choice: MethodChoice;
  captureMethod: Stripe.PaymentIntent.CaptureMethod;
  confirmationMethod: Stripe.PaymentIntent.ConfirmationMethod;
  metadata: Stripe.Metadata;
  receiptEmail: string | null;
  setupFutureUsage: Stripe.PaymentIntent.SetupFutureUsage | null;
  orderReference: string | null;
}

function paymentOptions(types: readonly string[]): Stripe.PaymentIntent.PaymentMethodOptions {
  const options: Stripe.PaymentIntent.PaymentMethodOptions = {};
  if (types.includes('card')) {
    options.card = {
      installments: null,
      mandate_options: null,
      network: null,
      request_three_d_secure: 'automatic',
    };
  }
  if (types.includes('link')) options.link = { persistent_token: null };
  if (types.includes('sepa_debit')) options.sepa_debit = {};
  if (types.includes('us_bank_account'))
    options.us_bank_account = { verification_method: 'automatic' };
  return options;
}

/** Wishes that an intent takes and never shows. */
const HIDDEN = ['cvc_token', 'moto', 'statement_descriptor_suffix_kana'];

/** Puts given `payment_method_options` over those that an intent has, as they were given. */
export function applyOptions(
  intent: Stripe.PaymentIntent | Stripe.SetupIntent,
  given: Wire | undefined,
): void {
  if (!isWireObject(given)) return;
  const options: Record<string, unknown> = { ...intent.payment_method_options };
  for (const [type, wishes] of Object.entries(given)) {
    if (!isWireObject(wishes) || !intent.payment_method_types.includes(type)) continue;
    const kept = Object.entries(wishes).filter(
      ([name, value]) => !HIDDEN.includes(name) && value !== '' && value !== null,
    );
    if (kept.length > 0) options[type] = { ...Object(options[type]), ...Object.fromEntries(kept) };
  }
  Object.assign(intent, { payment_method_options: options });
}

const configurationOf = (choice: MethodChoice) =>
  choice.automatic === null ? null : { id: CONFIGURATION, parent: null };

/** A payment intent that still waits for its payment method. */
export function newPaymentIntent(facts: PaymentIntentFacts): Stripe.PaymentIntent {
  const { choice } = facts;
  return {
    id: facts.id,
    object: 'payment_intent',
    allowed_payment_method_types: null,
    amount: facts.amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods:
      choice.automatic === null
        ? null
        : { allow_redirects: choice.automatic.allow_redirects, enabled: true },
    canceled_at: null,
    cancellation_reason: null,
    capture_method: facts.captureMethod,
    client_secret: `${facts.id}_secret_${randomText(25)}`,
    confirmation_method: facts.confirmationMethod,
    created: facts.created,
    currency: facts.currency,
    customer: facts.customer,
    customer_account: null,
    description: facts.description,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: { enabled: false },
    metadata: facts.metadata,
    next_action: null,
    on_behalf_of: null,
    ...(facts.orderReference === null
      ? {}
      : { payment_details: { customer_reference: null, order_reference: facts.orderReference } }),
    payment_method: null,
    payment_method_configuration_details: configurationOf(choice),
    payment_method_options: paymentOptions(choice.types),
    payment_method_types: choice.types,
    payment_record: null,
    processing: null,
    receipt_email: facts.receiptEmail,
    review: null,
    setup_future_usage: facts.setupFutureUsage,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'requires_payment_method',
    transfer_data: null,
    transfer_group: null,
  };
}

export interface SetupIntentFacts {
  id: string;
  created: number;
  customer: string | null;
  description: string | null;
  choice: MethodChoice;
  metadata: Stripe.Metadata;
  usage: string;
}

/** A setup intent that still waits for its payment method. */
export function newSetupIntent(facts: SetupIntentFacts): Stripe.SetupIntent {
  const { choice } = facts;
  const card = { mandate_options: null, network: null, request_three_d_secure: 'automatic' };
  return {
    id: facts.id,
    object: 'setup_intent',
    allowed_payment_method_types: null,
    application: null,
    automatic_payment_methods:
      choice.automatic === null
        ? null
        : { allow_redirects: choice.automatic.allow_redirects, enabled: true },
    cancellation_reason: null,
    client_secret: `${facts.id}_secret_${randomText(31)}`,
    created: facts.created,
    customer: facts.customer,
    customer_account: null,
    description: facts.description,
    excluded_payment_method_types: null,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: false,
    managed_payments: { enabled: false },
    mandate: null,
    metadata: facts.metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: configurationOf(choice),
    payment_method_options: choice.types.includes('card') ? { card } : {},
    payment_method_types: choice.types,
    single_use_mandate: null,
    status: 'requires_payment_method',
    usage: facts.usage,
  };
}

/** How a decline is told: under `last_payment_error`, `last_setup_error` and in the 402 answer. */
export interface ToldDecline {
  advice_code?: string;
  charge?: string;
  code: string;
  decline_code?: string;
  doc_url: string;
  message: string;
  network_advice_code?: string;
  network_decline_code?: string;
  param?: string;
  payment_method?: Stripe.PaymentMethod;
  type: 'card_error' | 'invalid_request_error';
}

/** A decline in Stripe's words, with the charge and the method that it was about. */
export function tellDecline(
  decline: Decline,
  about: { charge: string | null; method: Stripe.PaymentMethod | null },
): ToldDecline {
  return {
    ...(decline.advice === null ? {} : { advice_code: decline.advice }),
    ...(about.charge === null ? {} : { charge: about.charge }),
    code: decline.code,
    ...(decline.declineCode === null ? {} : { decline_code: decline.declineCode }),
    doc_url: docUrlFor(decline.code),
    message: decline.message,
    ...(decline.networkAdvice === null ? {} : { network_advice_code: decline.networkAdvice }),
    ...(decline.networkCode === null ? {} : { network_decline_code: decline.networkCode }),
    ...(decline.param === null ? {} : { param: decline.param }),
    ...(about.method === null ? {} : { payment_method: about.method }),
    type: decline.code.endsWith('_authentication_failure') ? 'invalid_request_error' : 'card_error',
  };
}
