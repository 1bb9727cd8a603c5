import type { StoredSubscription } from '../../state/types.ts';
import type { CommandContext } from './command.ts';

/** Whether something of the subscription is billed by usage. */
export function hasUsage({ facts }: Pick<StoredSubscription, 'facts'>): boolean {
  return facts.items.some((item) => item.metered);
}

/**
 * Tells Stripe what was used until now, before a command that makes Stripe bill it: what comes after the invoice is
 * on none.
 */
export async function settleUsage(
  { services, user }: Pick<CommandContext, 'services' | 'user'>,
  subscription: Pick<StoredSubscription, 'facts'>,
): Promise<void> {
  if (hasUsage(subscription)) await services.usage.flush([user.id]);
}
