import type { PresentPeriod } from '../../state/returns.ts';
import type { StoredSubscription } from '../../state/types.ts';
import type { CoreServices } from '../lib/services.ts';

/** How the present period of a subscription was billed, where what paid for `refunded`, an invoice, was sent back. */
export async function presentPeriod(
  { stripe }: Pick<CoreServices, 'stripe'>,
  { facts: { planInvoice, currentPeriodEnd: end } }: Pick<StoredSubscription, 'facts'>,
  refunded: string | null,
): Promise<PresentPeriod> {
  const invoiceId = planInvoice?.id ?? null;
  const isOther = invoiceId !== null && invoiceId !== refunded;
  const tookMoney = isOther && (await stripe.retrieveInvoice(invoiceId)).amount_paid > 0;
  return { end, invoiceId, tookMoney };
}
