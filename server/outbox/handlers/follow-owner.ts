import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { forceLink } from '../../../db/accounts.ts';
import { findCustomerByStripeId, findCustomerByUser } from '../../../db/customers.ts';
import { recordConflict } from '../../../db/owner-conflicts.ts';
import type { EffectPayloads } from '../../../state/effect-kinds.ts';
import { agreedAccount } from '../../../state/ownership.ts';
import type { Cause } from '../../../state/types.ts';
import type { EngineContext } from '../../sync/context.ts';
import type { CustomerRunner } from '../../sync/customer-runner.ts';

/**
 * Our own mark names another account than the link: the customer, and its subscriptions with it, follow when every mark at
 * Stripe agrees and that account has no other customer. Else it is a contradiction, and an operator decides. Returns a note when
 * nothing was moved.
 */
export async function followOwner(
  ctx: EngineContext,
  runner: CustomerRunner,
  { customerId, accountId, eventId }: EffectPayloads['owner.follow'],
): Promise<string | null> {
  const read = await readMarks(ctx, customerId);
  if (read === null) return 'Stripe has no such customer any more';
  const agreed = agreedAccount(read.marks, ctx.core.config.ownership) === accountId;
  const former = await ctx.core.database.knex.transaction(async (trx) => {
    const owner = await findCustomerByStripeId(trx, customerId);
    if (!owner || owner.userId === accountId) return null;
    const other = await findCustomerByUser(trx, accountId);
    const isFree = !other || other.stripeCustomerId === null || other.deletedAt !== null;
    const at = Date.now();
    if (!agreed || !isFree) {
      await recordConflict(trx, { customerId, accountId, source: 'mark', learnedAt: at });
      return null;
    }
    await forceLink(trx, { accountId, customerId, at });
    return owner.userId;
  });
  if (former === null) return 'the customer stays with its account';
  ctx.core.log.warn({ customerId, accountId, former }, 'a customer was given to another account');
  const cause: Cause = { type: 'link', id: eventId, actor: 'stripe', at: ctx.clock.now() };
  for (const subscriptionId of read.subscriptionIds) {
    await runner.sync({ subscriptionId, customerId, cause });
  }
  ctx.core.access.invalidate(former);
  ctx.core.access.invalidate(accountId);
  ctx.changes.announce([former, accountId].map((userId) => ({ subscriptionId: '', userId })));
  return null;
}

/** The metadata of a customer and of its subscriptions, as they are now. */
async function readMarks(ctx: EngineContext, customerId: string) {
  try {
    const customer = await ctx.reader.read((stripe) => stripe.retrieveCustomer(customerId));
    if (customer.deleted) return null;
    const subscriptions = await ctx.reader.read((stripe) => stripe.subscriptionsOf(customerId));
    return {
      marks: [customer.metadata, ...subscriptions.map(({ metadata }) => metadata)],
      subscriptionIds: subscriptions.map(({ id }) => id),
    };
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return null;
    throw error;
  }
}
