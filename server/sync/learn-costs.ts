import type { Catalogue } from '../../state/catalogue.ts';
import { costsOf } from '../../state/price-costs.ts';
import type { SubscriptionFacts } from '../../state/types.ts';
import type { StripeReader } from '../lib/engine-types.ts';

/**
 * Reads what the items of a subscription cost where the subscription itself does not tell: in another currency, by tiers, in
 * fractions of a minor unit. A price is read once.
 */
export async function learnCosts(
  catalogue: Catalogue,
  facts: SubscriptionFacts,
  reader: Pick<StripeReader, 'read'>,
): Promise<void> {
  const costs = (catalogue.costs ??= new Map());
  for (const { priceId, metered, unitAmount, currency } of facts.items) {
    const isTold = unitAmount !== null && currency === facts.currency;
    if (metered || isTold || priceId === '' || costs.has(priceId)) continue;
    const price = await reader.read((stripe) => stripe.retrieveFullPrice(priceId));
    costs.set(priceId, costsOf(price));
  }
}
