import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import type { EffectPayloads } from '../../../state/effect-kinds.ts';
import { recordPurchase } from '../../billing/payments/record-purchase.ts';
import type { EngineContext } from '../../sync/context.ts';

/** A Checkout session was paid: it is read again from Stripe, and what it bought is stored. */
export async function storePurchase(
  ctx: EngineContext,
  { sessionId, eventId }: EffectPayloads['purchase.record'],
): Promise<string | null> {
  try {
    const session = await ctx.reader.read((stripe) => stripe.retrievePaidCheckout(sessionId));
    const purchase = await recordPurchase(ctx.core, session, {
      causeId: eventId,
      now: ctx.clock.now(),
    });
    if (!purchase) return 'the session is not paid';
    ctx.changes.announce([{ subscriptionId: '', userId: purchase.accountId }]);
    return null;
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return 'Stripe no longer has the session';
    throw error;
  }
}
