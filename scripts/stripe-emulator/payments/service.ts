import type Stripe from 'stripe';
import type { PaymentOutcome, PaymentRequest, PaymentsService } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { ApiError } from '../kernel/errors.ts';
import { confirmPayment, type ConfirmResult } from './confirm-payment.ts';
import { DEFAULT_TYPES, newPaymentIntent, newSetupIntent } from './intent-objects.ts';
import { addSource, attachMethod, methodFor } from './methods.ts';
import { cancelIntent } from './cancel-payment.ts';

function intentFor(ctx: Context, request: PaymentRequest): Stripe.PaymentIntent {
  const existing = ctx.store.find('payment_intent', request.paymentIntent);
  if (existing !== undefined && existing.status !== 'canceled' && existing.status !== 'succeeded')
    return takeUp(ctx, existing, request);
  const intent = newPaymentIntent({
    id: ctx.store.newId('payment_intent'),
    created: ctx.nowFor(request.customer),
    amount: request.amount,
    currency: request.currency,
    customer: request.customer,
    description: request.description,
    choice: { types: typesFor(ctx, request), automatic: null },
    captureMethod: 'automatic',
    confirmationMethod: 'automatic',
    metadata: request.metadata,
    receiptEmail: null,
    setupFutureUsage: request.setupFutureUsage,
    orderReference: request.invoice?.parent?.subscription_details ? request.invoice.id : null,
  });
  ctx.add('payment_intent', intent);
  ctx.emit('payment_intent.created', intent);
  return intent;
}

/** Cards always; the kind of method that is to be charged where it is another. */
function typesFor(ctx: Context, request: PaymentRequest): string[] {
  const type = ctx.store.find('payment_method', request.paymentMethod)?.type;
  return type === undefined || DEFAULT_TYPES.includes(type)
    ? [...DEFAULT_TYPES]
    : [...DEFAULT_TYPES, type];
}

function takeUp(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  request: PaymentRequest,
): Stripe.PaymentIntent {
  const apply = () => {
    intent.amount = request.amount;
    intent.setup_future_usage = request.setupFutureUsage ?? intent.setup_future_usage;
  };
  return ctx.update('payment_intent', intent, { event: null, apply });
}

const STATUS: Record<ConfirmResult['kind'], PaymentOutcome['status']> = {
  succeeded: 'succeeded',
  requires_capture: 'processing',
  processing: 'processing',
  requires_action: 'requires_action',
  declined: 'requires_payment_method',
};

function attemptPayment(ctx: Context, request: PaymentRequest): PaymentOutcome {
  const intent = intentFor(ctx, request);
  if (request.paymentMethod === null) {
    return { status: 'requires_payment_method', paymentIntent: intent, charge: null, error: null };
  }
  const result = confirmPayment(ctx, intent, {
    method: methodFor(ctx, request.paymentMethod),
    offSession: request.offSession,
    authenticated: false,
    whenAway: request.invoice === null ? 'decline' : 'wait',
    returnUrl: null,
  });
  return {
    status: STATUS[result.kind],
    paymentIntent: intent,
    charge: result.charge,
    error: intent.last_payment_error,
  };
}

function preparePayment(ctx: Context, request: PaymentRequest): Stripe.PaymentIntent {
  const intent = intentFor(ctx, request);
  if (request.paymentMethod === null) return intent;
  const method = methodFor(ctx, request.paymentMethod);
  const apply = () => {
    intent.payment_method = method.id;
    intent.status = 'requires_confirmation';
  };
  return ctx.update('payment_intent', intent, { event: null, apply });
}

function createSetupIntent(
  ctx: Context,
  request: { customer: string; paymentMethod: string | null; subscription: string },
): Stripe.SetupIntent {
  const intent = newSetupIntent({
    id: ctx.store.newId('setup_intent'),
    created: ctx.nowFor(request.customer),
    customer: request.customer,
    description: null,
    choice: { types: [...DEFAULT_TYPES], automatic: null },
    metadata: {},
    usage: 'off_session',
  });
  if (request.paymentMethod !== null) {
    intent.payment_method = methodFor(ctx, request.paymentMethod).id;
    intent.status = 'requires_confirmation';
  }
  ctx.add('setup_intent', intent);
  ctx.note('setup_intent', intent.id)['subscription'] = request.subscription;
  ctx.emit('setup_intent.created', intent);
  return intent;
}

/** The 402 for a caller whose payment was refused, with the intent and the method. */
export function paymentRefused(intent: Stripe.PaymentIntent): ApiError {
  const failure = intent.last_payment_error;
  const method = failure?.payment_method;
  return new ApiError(402, {
    type: 'card_error',
    message: failure?.message ?? 'Your card was declined.',
    ...(failure?.advice_code === undefined ? {} : { advice_code: failure.advice_code }),
    ...(failure?.charge === undefined ? {} : { charge: failure.charge }),
    ...(failure?.code === undefined ? {} : { code: failure.code }),
    ...(failure?.decline_code === undefined ? {} : { decline_code: failure.decline_code }),
    ...(failure?.network_advice_code === undefined
      ? {}
      : { network_advice_code: failure.network_advice_code }),
    ...(failure?.network_decline_code === undefined
      ? {}
      : { network_decline_code: failure.network_decline_code }),
    ...(failure?.param === undefined ? {} : { param: failure.param }),
    ...(method === undefined ? {} : { payment_method: method }),
    payment_intent: structuredClone(intent),
  });
}

function errorOf(outcome: PaymentOutcome, of: 'invoice' | 'subscription'): ApiError {
  if (outcome.status !== 'requires_action') return paymentRefused(outcome.paymentIntent);
  return new ApiError(402, {
    type: 'card_error',
    code: `${of}_payment_intent_requires_action`,
    message: `This payment requires additional user action before it can be completed successfully. Payment can be completed using the PaymentIntent associated with the ${of}. For more details see: https://stripe.com/docs/billing/subscriptions/overview#requires-action`,
    payment_intent: structuredClone(outcome.paymentIntent),
  });
}

function attach(ctx: Context, customer: string, method: string): string {
  if (method.startsWith('tok_')) return addSource(ctx, customer, method).id;
  return attachMethod(ctx, methodFor(ctx, method), customer).id;
}

function cancelPayment(ctx: Context, paymentIntent: string): void {
  const intent = ctx.store.find('payment_intent', paymentIntent);
  if (intent === undefined || intent.status === 'succeeded' || intent.status === 'canceled') return;
  cancelIntent(ctx, intent, 'void_invoice');
}

/** What billing asks of payments. */
export const paymentsService: PaymentsService = {
  attemptPayment,
  preparePayment,
  cancelPayment,
  createSetupIntent,
  errorOf,
  attach,
};
