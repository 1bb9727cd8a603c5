import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';

/** Remembers which session a payment intent was made for: a subscription's intent does not say. */
export function markSession(ctx: Context, intent: string, session: string): void {
  ctx.note('payment_intent', intent)['checkoutSession'] = session;
}

function sessionBehind(ctx: Context, intent: string): string | null {
  const session = ctx.note('payment_intent', intent)['checkoutSession'];
  return typeof session === 'string' ? session : null;
}

/** A delayed payment of a finished Checkout session has arrived, or will not. Nothing happens for other intents. */
export function checkoutSettled(ctx: Context, intent: Stripe.PaymentIntent, paid: boolean): void {
  const session = ctx.store.find('checkout.session', sessionBehind(ctx, intent.id));
  if (session?.status !== 'complete' || session.payment_status !== 'unpaid') return;
  if (paid)
    ctx.update('checkout.session', session, {
      event: null,
      apply: () => (session.payment_status = 'paid'),
    });
  ctx.emit(
    paid ? 'checkout.session.async_payment_succeeded' : 'checkout.session.async_payment_failed',
    session,
  );
}
