import type { PresentPeriod } from '../../state/returns.ts';
import type { StoredSubscription } from '../../state/types.ts';
import type { CoreServices } from '../lib/services.ts';

/** How the present period of a subscription was billed. */
export async function presentPeriod(
  { stripe }: Pick<CoreServices, 'stripe'>,
  { facts: { planInvoice, currentPeriodEnd: end } }: Pick<StoredSubscription, 'facts'>,
): Promise<PresentPeriod> {
  if (!planInvoice) return { end, invoiceId: null, tookMoney: false };
  const { id, amount_paid } = await stripe.retrieveInvoice(planInvoice.id);
  return { end, invoiceId: id, tookMoney: amount_paid > 0 };
}
