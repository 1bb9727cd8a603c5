import type { Db } from '../db/database.ts';
import type { SubscriptionChange } from '../db/save-changes.ts';
import { recordTrialOutcome, recordTrialStarted, type TrialOutcome } from '../db/trials.ts';
import type { StoredSubscription } from '../state/types.ts';

/** Keeps the ledger of trials beside the subscriptions: started, converted, lost. */
export async function recordTrials(db: Db, changes: SubscriptionChange[]): Promise<void> {
  for (const { before, next } of changes) {
    const { facts } = next;
    if (facts.trialStart === null) continue;
    if (isNews(before, next)) {
      await recordTrialStarted(db, {
        subscriptionId: next.id,
        userId: next.userId,
        customerId: next.customerId,
        cardFingerprint: facts.cardFingerprint,
        startedAt: facts.trialStart,
        endsAt: facts.trialEnd,
      });
    }
    const outcome = outcomeOf(next);
    if (outcome !== null && outcome !== (before && outcomeOf(before))) {
      await recordTrialOutcome(db, next.id, { outcome, at: next.since });
    }
  }
}

function isNews(before: StoredSubscription | null, next: StoredSubscription): boolean {
  return (
    before === null ||
    before.userId !== next.userId ||
    before.facts.trialStart !== next.facts.trialStart ||
    before.facts.trialEnd !== next.facts.trialEnd ||
    before.facts.cardFingerprint !== next.facts.cardFingerprint
  );
}

/** Stripe calls it active an hour before the first charge; converted it is once that is paid. */
function outcomeOf({ state, facts }: StoredSubscription): TrialOutcome | null {
  if (facts.stripeStatus === 'active') {
    return !facts.latestInvoice || facts.latestInvoice.status === 'paid' ? 'converted' : null;
  }
  return state === 'canceled' || state === 'unpaid' || state === 'paused' ? 'lost' : null;
}
