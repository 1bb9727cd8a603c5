import type Stripe from 'stripe';
import { findSubscription } from '../../../db/subscriptions.ts';
import { invoiceSubscription } from '../../../state/event-objects.ts';
import { markedAccount } from '../../../state/ownership.ts';
import { AppError } from '../../http/errors.ts';
import type { Services } from '../../lib/services.ts';

interface Sold {
  /** What was billed; null for a payment without an invoice. */
  invoice: Stripe.Invoice | null;
  charge?: Stripe.Charge;
}

/**
 * Throws 409 for what another program sold to the same customer: neither of a subscription of this account, nor with our
 * mark where there is none.
 */
export async function requireOurs(
  { config, database }: Pick<Services, 'config' | 'database'>,
  accountId: string,
  { invoice, charge }: Sold,
): Promise<void> {
  const id = invoice && invoiceSubscription({ ...invoice });
  const row = id === null ? null : await findSubscription(database.knex, id);
  const isOurs =
    id === null
      ? [invoice, charge].some((each) => markedAccount(each?.metadata ?? {}, config.ownership))
      : row?.userId === accountId && row.foreign !== true;
  if (isOurs) return;
  throw new AppError('not_allowed', 'Another program sold this; act on it in Stripe’s Dashboard.');
}
