import { findCustomerByStripeId } from '../../../db/customers.ts';
import { isOfOther, ownerClaims } from '../../../state/ownership.ts';
import type { SubscriptionFacts } from '../../../state/types.ts';
import type { Services } from '../../lib/services.ts';

export const OF_ANOTHER = 'it is of another deployment';

/** The account that pays for a subscription, or why it is not ours: other programs may sell the same price. */
export async function payerOf(
  { config, database }: Services,
  { customerId, metadata }: SubscriptionFacts,
): Promise<{ accountId: string } | { accountId: null; why: string }> {
  if (isOfOther(metadata, config.ownership)) {
    return { accountId: null, why: OF_ANOTHER };
  }
  const link = (await findCustomerByStripeId(database.knex, customerId))?.userId ?? null;
  const named = { link, subscription: metadata, checkouts: [], customer: null };
  const [claim] = ownerClaims(named, config.ownership);
  return claim ?? { accountId: null, why: 'its account is not known (npm run link)' };
}
