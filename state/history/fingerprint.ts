/** What two snapshots of a subscription have in common, whatever was expanded, and whether one continues another. */
import type { SubscriptionFacts } from '../types.ts';

/** Equal for a payload and an API answer that show the same subscription. */
export function fingerprint(facts: SubscriptionFacts): string {
  return JSON.stringify([
    facts.stripeStatus,
    facts.items.map((item) => [item.priceId, item.quantity, item.periodStart, item.periodEnd]),
    facts.trialEnd,
    facts.cancelAt,
    facts.cancelAtPeriodEnd,
    facts.canceledAt,
    facts.pauseCollection,
    facts.scheduleId,
    facts.pendingUpdate,
    facts.latestInvoiceId,
    facts.defaultPaymentMethodId,
    facts.metadata,
  ]);
}

/** Prices and seats; metered items have no quantity. */
export function licensedItems(facts: SubscriptionFacts): string {
  const items = facts.items.map((item) => `${item.priceId}×${item.metered ? '' : item.quantity}`);
  return items.sort().join(' ');
}
