import type { StoredSubscription } from '../../state/types.ts';
import type { Services } from '../lib/services.ts';

/** Whether something of the subscription is billed by usage. */
export function hasUsage({ facts }: Pick<StoredSubscription, 'facts'>): boolean {
  return facts.items.some((item) => item.metered);
}

/**
 * Tells Stripe what was used until now, before it says what something costs or makes an invoice: what comes after the
 * invoice is on none, and what comes after the quote is not in it.
 */
export async function settleUsage(
  services: Pick<Services, 'usage'>,
  subscription: Pick<StoredSubscription, 'facts' | 'userId'>,
): Promise<void> {
  const { userId } = subscription;
  if (userId !== null && hasUsage(subscription)) await services.usage.flush([userId]);
}
