import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { ApiError, invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { book, confirmPayment } from './confirm-payment.ts';
import { paymentRefused } from './service.ts';
import { requireUsable } from './methods.ts';

const CONFIRMABLE = ['requires_payment_method', 'requires_confirmation', 'requires_action'];

/** 400 `payment_intent_unexpected_state`, with the intent as it is. */
export const unexpectedState = (intent: Stripe.PaymentIntent, message: string): ApiError =>
  new ApiError(400, {
    type: 'invalid_request_error',
    code: 'payment_intent_unexpected_state',
    message,
    payment_intent: structuredClone(intent),
  });

function requireConfirmable(intent: Stripe.PaymentIntent): void {
  if (CONFIRMABLE.includes(intent.status)) return;
  if (intent.status === 'succeeded') {
    throw unexpectedState(
      intent,
      'You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.',
    );
  }
  throw unexpectedState(
    intent,
    `You cannot confirm this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be confirmed: requires_payment_method, requires_confirmation, requires_action.`,
  );
}

function requireReturnUrl(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  returnUrl: string | null,
): void {
  if (returnUrl !== null || intent.automatic_payment_methods?.allow_redirects !== 'always') return;
  // Callers without a version are the official CLI, whose fixtures never name a return address.
  if (!ctx.since('2023-08-16')) return;
  throw invalidRequest(
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.",
  );
}

export interface DirectConfirm {
  method: Stripe.PaymentMethod | null;
  offSession: boolean;
  errorOnAction: boolean;
  returnUrl: string | null;
}

/**
 * Confirms an intent as its own caller: the invoice behind it hears of it.
 * Errors: 402 with the intent when refused; `payment_intent_unexpected_state`.
 */
export function confirmDirectly(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  how: DirectConfirm,
): Stripe.PaymentIntent {
  requireConfirmable(intent);
  const method =
    how.method ?? ctx.store.find('payment_method', idOf(intent.payment_method)) ?? null;
  if (method === null) {
    throw unexpectedState(
      intent,
      "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
    );
  }
  requireUsable(ctx, method, idOf(intent.customer));
  // Nobody is there to be sent on when the customer is away.
  if (!how.offSession) requireReturnUrl(ctx, intent, how.returnUrl);
  if (!intent.payment_method_types.includes(method.type))
    intent.payment_method_types.push(method.type);
  const result = confirmPayment(ctx, intent, {
    method,
    offSession: how.offSession || how.errorOnAction,
    authenticated: false,
    whenAway: 'decline',
    returnUrl: how.returnUrl,
  });
  const news = {
    declined: 'failed',
    succeeded: 'succeeded',
    processing: 'processing',
    requires_action: 'requires_action',
    requires_capture: null,
  } as const;
  const told = news[result.kind];
  if (told !== null) ctx.services.billing.onPayment(ctx, intent, told);
  if (result.kind === 'declined') throw paymentRefused(intent);
  return intent;
}

/** Takes money that was held, or a part of it. Emits `charge.captured`, `payment_intent.succeeded`. */
export function captureIntent(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  amount: number | undefined,
): Stripe.PaymentIntent {
  if (intent.status !== 'requires_capture') {
    throw unexpectedState(
      intent,
      `This PaymentIntent could not be captured because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.`,
    );
  }
  const taken = amount ?? intent.amount_capturable;
  if (taken > intent.amount_capturable) {
    throw invalidRequest(
      'This PaymentIntent could not be captured because the amount to capture is greater than the amount you can capture.',
      { code: 'amount_too_large', param: 'amount_to_capture' },
    );
  }
  const charge = ctx.store.need('charge', idOf(intent.latest_charge) ?? '');
  ctx.update('charge', charge, {
    event: null,
    apply: () => {
      charge.captured = true;
      charge.amount_captured = taken;
      charge.amount_refunded = charge.amount - taken;
    },
  });
  book(ctx, charge);
  ctx.update('payment_intent', intent, {
    event: null,
    apply: () => {
      intent.status = 'succeeded';
      intent.amount_capturable = 0;
      intent.amount_received = taken;
    },
  });
  ctx.emit('charge.captured', charge);
  ctx.emit('payment_intent.succeeded', intent);
  return intent;
}
