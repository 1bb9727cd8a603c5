import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { debitOutcome } from './bank-debits.ts';
import { checkoutSettled } from './checkout/settled.ts';
import { book, confirmPayment, waitForAnother, type ConfirmResult } from './confirm-payment.ts';
import { DECLINES } from './declines.ts';
import { openDispute } from './disputes.ts';

function tell(ctx: Context, intent: Stripe.PaymentIntent, paid: boolean): void {
  ctx.services.billing.onPayment(ctx, intent, paid ? 'succeeded' : 'failed');
  checkoutSettled(ctx, intent, paid);
}

/** The job that ends a bank debit: the money arrives, or the bank sends it back. */
export function settleDebit(ctx: Context, id: string): void {
  const intent = ctx.store.find('payment_intent', id);
  const charge = ctx.store.find('charge', idOf(intent?.latest_charge));
  if (intent?.status !== 'processing' || charge === undefined) return;
  const bank =
    charge.payment_method_details?.sepa_debit ?? charge.payment_method_details?.us_bank_account;
  const outcome = debitOutcome(bank?.fingerprint ?? null);
  const method = ctx.store.find('payment_method', charge.payment_method);
  if (outcome.decline !== null && method !== undefined) {
    const { decline } = outcome;
    ctx.update('charge', charge, {
      event: null,
      apply: () => {
        charge.status = 'failed';
        charge.failure_code = decline.code;
        charge.failure_message = decline.message;
      },
    });
    waitForAnother(ctx, intent, { charge: charge.id, decline, method });
    ctx.emit('charge.failed', charge);
    ctx.emit('payment_intent.payment_failed', intent);
    tell(ctx, intent, false);
    return;
  }
  arrive(ctx, intent, charge);
  if (outcome.disputed) openDispute(ctx, charge, 'fraudulent');
  tell(ctx, intent, true);
}

function arrive(ctx: Context, intent: Stripe.PaymentIntent, charge: Stripe.Charge): void {
  ctx.update('charge', charge, {
    event: null,
    apply: () => {
      charge.status = 'succeeded';
      charge.paid = true;
      charge.amount_captured = charge.amount;
    },
  });
  book(ctx, charge);
  ctx.update('payment_intent', intent, {
    event: null,
    apply: () => {
      intent.status = 'succeeded';
      intent.amount_received = intent.amount;
    },
  });
  ctx.emit('charge.succeeded', charge);
  ctx.emit('payment_intent.succeeded', intent);
}

/**
 * The holder has authenticated an intent in `requires_action`, or failed to. Null when it no longer waits.
 * The invoice behind it, if there is one, hears of it.
 */
export function authenticatePayment(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  succeeded: boolean,
): ConfirmResult | null {
  const method = ctx.store.find('payment_method', idOf(intent.payment_method));
  if (intent.status !== 'requires_action' || method === undefined) return null;
  if (!succeeded) {
    const decline = DECLINES.paymentAuthenticationFailed;
    waitForAnother(ctx, intent, { charge: null, decline, method });
    ctx.emit('payment_intent.payment_failed', intent);
    ctx.services.billing.onPayment(ctx, intent, 'failed');
    return { kind: 'declined', charge: null, decline };
  }
  const result = confirmPayment(ctx, intent, {
    method,
    offSession: false,
    authenticated: true,
    whenAway: 'decline',
    returnUrl: null,
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
  return result;
}
