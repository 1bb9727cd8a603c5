import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import type { ConfirmResult } from '../confirm-payment.ts';
import { finishSession } from './finish-session.ts';
import { paymentResult } from './confirm-session.ts';

function sessionOf(
  ctx: Context,
  intent: Stripe.PaymentIntent | Stripe.SetupIntent,
): Stripe.Checkout.Session | undefined {
  const id = ctx.note(intent.object, intent.id)['checkoutSession'];
  const session = typeof id === 'string' ? ctx.store.find('checkout.session', id) : undefined;
  return session?.status === 'open' ? session : undefined;
}

/** After a payment was authenticated: completes the session that it was made for, if there is one. */
export function resumePayment(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  result: ConfirmResult,
): void {
  const session = sessionOf(ctx, intent);
  if (session !== undefined) paymentResult(ctx, session, { intent, result });
}

/** After a setup was authenticated: completes its session. */
export function resumeSetup(ctx: Context, intent: Stripe.SetupIntent): void {
  const session = sessionOf(ctx, intent);
  if (session !== undefined && intent.status === 'succeeded')
    finishSession(ctx, session, 'no_payment_required');
}
