import { randomUUID } from 'node:crypto';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { collectKeptDrafts } from '../../billing/open-invoices.ts';
import type { EngineContext } from '../../sync/context.ts';

/** While a dispute is open renewals stay drafts; when it is won, they are collected, with the usage that is on them. */
export async function suspendCollection(
  ctx: EngineContext,
  row: SubscriptionRow,
  disputed: boolean,
): Promise<void> {
  const paused = row.facts.pauseCollection !== null;
  const key = `tenure-dispute-${row.id}-${randomUUID()}`;
  if (disputed && !paused && row.state !== 'canceled') {
    await ctx.core.stripe.stopCollection(row.id, {}, key);
  }
  if (!disputed && paused && row.restriction?.collectionPaused === true) {
    await ctx.core.stripe.resumeCollection(row.id, {}, key);
    await collectKeptDrafts({ services: ctx.core, requestId: `dispute-${randomUUID()}` }, row.id);
  }
}

/** Ends a subscription whose payment was taken back. */
export async function endDisputed(ctx: EngineContext, row: SubscriptionRow): Promise<void> {
  try {
    const key = `tenure-dispute-lost-${row.id}-${randomUUID()}`;
    await ctx.core.stripe.cancelNow(row.id, { comment: 'Payment disputed' }, key);
  } catch (error) {
    if (!isGatewayError(error, 'not_found')) throw error;
  }
}
