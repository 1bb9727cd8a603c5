import {
  isGatewayError,
  type ItemChange,
  type NextPhase,
} from '../../../adapters/stripe-gateway.ts';
import { findBeforeCancel } from '../../../db/before-cancel.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { planItem } from '../../../state/plan-change.ts';
import type { Services } from '../../lib/services.ts';

/** The total of the next renewal once whatever stands in its way is taken back; 0 where none will come. */
export async function nextRenewal(
  services: Services,
  subscription: SubscriptionRow,
): Promise<number> {
  const { stripe } = services;
  const { id, state, facts } = subscription;
  try {
    if (state !== 'cancel_pending') return (await stripe.previewRenewal(id)).total;
    const by = facts.cancelAtPeriodEnd ? 'cancel_at_period_end' : 'cancel_at';
    const items = await itemsBefore(services, subscription);
    return (await stripe.previewRenewalAfterUndo(id, { by, items }))?.total ?? 0;
  } catch (error) {
    if (!isGatewayError(error) || error.code !== 'invoice_upcoming_none') throw error;
    return 0;
  }
}

/** The change that was scheduled before the cancel, and comes back with the undo. */
async function itemsBefore(
  { catalogue, database }: Services,
  { id, facts }: SubscriptionRow,
): Promise<ItemChange[]> {
  const before = await findBeforeCancel(database.knex, id);
  const [next] = (before?.nextPhase as NextPhase | null | undefined)?.items ?? [];
  const item = planItem(catalogue, facts);
  return next && item ? [{ id: item.id, ...next }] : [];
}
