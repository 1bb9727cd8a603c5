import { randomUUID } from 'node:crypto';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import type { EffectPayloads } from '../../../state/effect-kinds.ts';
import type { Cause } from '../../../state/types.ts';
import type { EngineContext } from '../../sync/context.ts';
import type { CustomerRunner } from '../../sync/customer-runner.ts';

/**
 * Ends a trial on a card that had one, without a charge: the customer agreed to pay after a trial, not today.
 * Coming back is one click, with the price before it. Returns a note when nothing was left to do.
 */
export async function refuseTrial(
  ctx: EngineContext,
  runner: CustomerRunner,
  { subscriptionId, customerId }: EffectPayloads['trial.refuse'],
): Promise<string | null> {
  const { stripe } = ctx.core;
  const { status } = await ctx.reader.read((gateway) =>
    gateway.retrieveSubscription(subscriptionId),
  );
  if (status !== 'trialing') return `the subscription is ${status} by now`;
  try {
    const details = { comment: 'A trial was had with this card before' };
    // Another key at each attempt: Stripe repeats an error, a 500 too, for as long as it remembers the key.
    const key = `tenure-trial-refused-${subscriptionId}-${randomUUID()}`;
    await stripe.cancelNow(subscriptionId, details, key);
  } catch (error) {
    if (!isGatewayError(error, 'not_found')) throw error;
  }
  const cause: Cause = {
    type: 'trial_ledger',
    id: `trial-refused-${subscriptionId}`,
    actor: 'system',
    at: ctx.clock.now(),
  };
  await runner.sync({ subscriptionId, customerId, cause });
  return null;
}
