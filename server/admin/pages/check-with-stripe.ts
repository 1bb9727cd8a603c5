import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { withPlanPeriod } from '../../../state/plan-period.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import type { StoredSubscription } from '../../../state/types.ts';
import type { Services } from '../../lib/services.ts';
import { compareFacts } from '../../operations/compare-facts.ts';
import type { CheckResult } from './views/subscription.ts';

/** Reads a subscription from Stripe and compares each stored field with it. Changes nothing. */
export async function checkWithStripe(
  services: Pick<Services, 'catalogue' | 'stripe'>,
  stored: StoredSubscription,
): Promise<CheckResult> {
  const at = Date.now();
  try {
    const fresh = readSubscription(await services.stripe.retrieveSubscription(stored.id));
    const found = compareFacts(stored.facts, withPlanPeriod(services.catalogue, fresh));
    const differences = found.map(({ field, here, atStripe }) => ({
      field,
      stored: canonical(here),
      stripe: canonical(atStripe),
    }));
    return { at, differences, error: null };
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    const words =
      error.kind === 'not_found' ? 'Stripe has no such subscription any more.' : error.message;
    return { at, differences: [], error: words };
  }
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
