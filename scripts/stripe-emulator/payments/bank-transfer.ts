import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import type { ConfirmHow, ConfirmResult } from './confirm-payment.ts';

/** An intent that is paid from the customer's cash balance waits until the money has come in by bank transfer. */
export function awaitTransfer(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  how: ConfirmHow,
): ConfirmResult {
  ctx.update('payment_intent', intent, {
    event: null,
    apply: () => {
      intent.status = 'requires_action';
      intent.payment_method = how.method.id;
      intent.last_payment_error = null;
      intent.next_action = {
        display_bank_transfer_instructions: {
          amount_remaining: intent.amount,
          currency: intent.currency,
          hosted_instructions_url: `${ctx.baseUrl}/bank_transfer/${intent.id}`,
          reference: intent.id.slice(-8).toUpperCase(),
          type: intent.currency === 'jpy' ? 'jp_bank_transfer' : 'us_bank_transfer',
        },
        type: 'display_bank_transfer_instructions',
      };
    },
  });
  ctx.emit('payment_intent.requires_action', intent);
  return { kind: 'requires_action', charge: null, decline: null };
}
