import { findCustomerByStripeId } from '../../../db/customers.ts';
import { isOfOther, ownerClaims } from '../../../state/ownership.ts';
import type { SubscriptionFacts } from '../../../state/types.ts';
import type { MigrationRun } from './change-one.ts';

/** The account that pays for a subscription, or why it is not ours: other programs may sell the same price. */
export async function payerOf(
  { services: { config, database } }: Pick<MigrationRun, 'services'>,
  { customerId, metadata }: SubscriptionFacts,
): Promise<{ accountId: string } | { accountId: null; why: string }> {
  if (isOfOther(metadata, config.ownership)) {
    return { accountId: null, why: 'it is of another deployment' };
  }
  const link = (await findCustomerByStripeId(database.knex, customerId))?.userId ?? null;
  const named = { link, subscription: metadata, checkouts: [], customer: null };
  const [claim] = ownerClaims(named, config.ownership);
  return claim ?? { accountId: null, why: 'its account is not known (npm run link)' };
}
