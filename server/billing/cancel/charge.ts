import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import type { Services } from '../../lib/services.ts';
import type { Charge } from '../charge.ts';
import { draftsWithUsage } from '../drafts-with-usage.ts';
import { hasDraft } from '../open-invoices.ts';
import { hasUsage } from '../settle-usage.ts';

/** Whether an end now bills what was used; a pause has billed it already. */
export function billsUsage(subscription: SubscriptionRow): boolean {
  return hasUsage(subscription) && subscription.state !== 'paused';
}

/** What an end now takes: the usage that is on no invoice yet, and a renewal whose invoice is still a draft. */
export async function chargeOfCancel(
  services: Pick<Services, 'stripe' | 'catalogue' | 'usage' | 'config'>,
  subscription: SubscriptionRow,
): Promise<Charge> {
  const { id, facts } = subscription;
  const [debts, invoice] = await Promise.all([
    hasDraft(subscription) ? draftsWithUsage(services, subscription) : [],
    billsUsage(subscription) ? services.stripe.previewEnd(id) : null,
  ]);
  return { currency: facts.currency, invoice, debts };
}
