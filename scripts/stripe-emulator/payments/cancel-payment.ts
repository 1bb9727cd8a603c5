import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';
import { SETTLE_DEBIT } from './confirm-payment.ts';

/** Cancels an open intent and lets go of money that was only held. Emits `payment_intent.canceled`. */
export function cancelIntent(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  reason: Stripe.PaymentIntent.CancellationReason | null,
): void {
  const held =
    intent.status === 'requires_capture'
      ? ctx.store.find('charge', idOf(intent.latest_charge))
      : undefined;
  ctx.unschedule(SETTLE_DEBIT, intent.id);
  ctx.update('payment_intent', intent, {
    event: null,
    apply: () => {
      intent.status = 'canceled';
      intent.canceled_at = ctx.nowFor(intent.customer);
      intent.cancellation_reason = reason;
      intent.amount_capturable = 0;
      intent.next_action = null;
    },
  });
  if (held !== undefined) {
    const apply = () => {
      held.refunded = true;
      held.amount_refunded = held.amount;
    };
    ctx.update('charge', held, { event: null, apply });
    ctx.emit('charge.refunded', held);
  }
  ctx.emit('payment_intent.canceled', intent);
}
