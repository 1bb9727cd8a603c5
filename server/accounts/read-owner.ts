import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import type { Catalogue } from '../../state/catalogue.ts';
import { readCheckout, type CheckoutFacts } from '../../state/event-objects.ts';
import {
  isInCatalogue,
  ownerClaims,
  type OwnershipRules,
  type OwnerSources,
} from '../../state/ownership.ts';
import type { ReadOwner, StripeReader } from '../lib/engine-types.ts';

/** Reads owners in the one order of `state/ownership.ts`: for events, commands, verify, replay and import alike. */
export function createReadOwner(
  reader: Pick<StripeReader, 'read'>,
  { catalogue, rules }: { catalogue: Catalogue; rules: OwnershipRules },
): ReadOwner {
  return async ({ facts, link, checkouts }) => {
    const sources: OwnerSources = {
      link,
      subscription: facts.metadata,
      checkouts,
      customer: null,
    };
    const known = ownerClaims(sources, rules);
    const certain = known.filter(({ source }) => source === 'link' || source === 'mark');
    // What is of no plan of ours is foreign, whatever account its program names.
    if (!isInCatalogue(catalogue, facts)) return certain;
    if (certain.length > 0) return known;
    const [sessions, customer] = await Promise.all([
      checkoutsOf(reader, facts.id),
      metadataOf(reader, facts.customerId),
    ]);
    return ownerClaims({ ...sources, checkouts: [...checkouts, ...sessions], customer }, rules);
  };
}

async function checkoutsOf(
  reader: Pick<StripeReader, 'read'>,
  subscriptionId: string,
): Promise<CheckoutFacts[]> {
  const sessions = await reader.read((stripe) => stripe.checkoutsOf(subscriptionId));
  return sessions.flatMap((session) => readCheckout({ ...session }) ?? []);
}

async function metadataOf(
  reader: Pick<StripeReader, 'read'>,
  customerId: string,
): Promise<Record<string, string> | null> {
  try {
    const customer = await reader.read((stripe) => stripe.retrieveCustomer(customerId));
    return customer.deleted ? null : customer.metadata;
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return null;
    throw error;
  }
}
