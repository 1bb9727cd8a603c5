import { isSoldByOthers } from '../../../state/ownership.ts';
import type { EngineContext } from '../../sync/context.ts';
import type { CustomerRunner } from '../../sync/customer-runner.ts';

/**
 * Asks Stripe before an effect changes a subscription there: it may have waited for long, and what moved to a price of another
 * program or to another deployment meanwhile must be left alone, also when no event told of it. Returns a note for such a one.
 */
export async function noteIfNotOurs(
  ctx: EngineContext,
  runner: CustomerRunner,
  subscriptionId: string,
): Promise<string | null> {
  const { catalogue, config } = ctx.core;
  const facts = await ctx.reader.subscription(subscriptionId);
  if (facts === null || !isSoldByOthers(facts, catalogue, config.ownership)) return null;
  const id = `not-ours-${subscriptionId}`;
  const cause = { type: 'catch_up', id, actor: 'stripe', at: ctx.clock.now() } as const;
  await runner.sync({ subscriptionId, customerId: facts.customerId, cause });
  return 'the subscription is not ours any more';
}
