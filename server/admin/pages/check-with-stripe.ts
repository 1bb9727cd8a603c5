import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import type { StoredSubscription, SubscriptionFacts } from '../../../state/types.ts';
import type { Services } from '../../lib/services.ts';
import type { CheckResult } from './views/subscription.ts';

/** Reads a subscription from Stripe and compares each stored field with it. Changes nothing. */
export async function checkWithStripe(
  services: Pick<Services, 'stripe'>,
  stored: StoredSubscription,
): Promise<CheckResult> {
  const at = Date.now();
  try {
    const fresh = readSubscription(await services.stripe.retrieveSubscription(stored.id));
    return { at, differences: differences(stored.facts, fresh), error: null };
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    const words =
      error.kind === 'not_found' ? 'Stripe has no such subscription any more.' : error.message;
    return { at, differences: [], error: words };
  }
}

function differences(
  stored: SubscriptionFacts,
  fresh: SubscriptionFacts,
): CheckResult['differences'] {
  const names = [
    ...new Set([...Object.keys(stored), ...Object.keys(fresh)]),
  ] as (keyof SubscriptionFacts)[];
  return names.flatMap((field) => {
    const [here, there] = [canonical(stored[field]), canonical(fresh[field])];
    return here === there ? [] : [{ field, stored: here, stripe: there }];
  });
}

/** A value as text that is the same for equal values whatever the order of their keys. */
function canonical(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map((each) => canonical(each)).join(', ')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, each]) => `${key}: ${canonical(each)}`).join(', ')}}`;
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
