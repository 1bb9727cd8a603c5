import { addFigures, type FigureChange } from '../../db/dashboard-figures.ts';
import type { Db } from '../../db/database.ts';
import type { SubscriptionChange } from '../../db/save-changes.ts';
import {
  cardHadTrial,
  lockCards,
  recordTrialOutcome,
  recordTrialStarted,
  type TrialOutcome,
} from '../../db/trials.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import type { RevenueLine } from '../../state/metrics.ts';
import { STATES } from '../../state/states.ts';
import type { StoredSubscription } from '../../state/types.ts';

/**
 * Keeps the ledger of trials beside the subscriptions: started, converted, lost. With `onePerCard`, a trial on a
 * card that had one before is to be ended: only after Checkout is it known which card it is.
 */
export async function recordTrials(
  db: Db,
  changes: SubscriptionChange[],
  { onePerCard }: { onePerCard: boolean },
): Promise<Effect[]> {
  const effects: Effect[] = [];
  const figures: FigureChange[] = [];
  if (onePerCard) await lockCards(db, changes.flatMap(cardSeenFirst));
  for (const change of changes) {
    const { before, next } = change;
    const { facts } = next;
    if (facts.trialStart === null) continue;
    if (isNews(before, next)) {
      const trial = {
        subscriptionId: next.id,
        userId: next.userId,
        customerId: next.customerId,
        cardFingerprint: facts.cardFingerprint,
        startedAt: facts.trialStart,
        endsAt: facts.trialEnd,
      };
      figures.push(...(await recordTrialStarted(db, trial)));
    }
    // Asked once, when the card becomes known: neither who comes later nor another card ends a trial that runs.
    if (onePerCard && !change.quiet && (await isSecondOfCard(db, change))) {
      effects.push(...refusal(next));
    }
    const end = endOfTrial(change);
    if (end !== null) figures.push(...(await recordTrialOutcome(db, next.id, end)));
  }
  // All at once, in their one order: one by one, two groups of trials could lock each other out.
  await addFigures(db, figures);
  return effects;
}

/** Trials that began so close to each other may be heard of in either order; the first one heard of is kept. */
const AT_ONCE = 3_600_000;

/** The card of a trial, when it becomes known. Trials that were given by hand at Stripe name no account. */
function cardSeenFirst({ before, next: { facts } }: SubscriptionChange): string[] {
  if ((before?.facts.cardFingerprint ?? null) !== null || facts.cardFingerprint === null) return [];
  const { user_id: named, tenure_account: marked } = facts.metadata;
  if (facts.stripeStatus !== 'trialing' || (named ?? marked) === undefined) return [];
  return [facts.cardFingerprint];
}

async function isSecondOfCard(db: Db, change: SubscriptionChange): Promise<boolean> {
  const [card] = cardSeenFirst(change);
  const { id, facts } = change.next;
  if (card === undefined || facts.trialStart === null) return false;
  const until = facts.trialStart + (change.before === null ? AT_ONCE : 0);
  return cardHadTrial(db, card, { subscriptionId: id, until });
}

function refusal({ id, customerId, userId, plan }: StoredSubscription): Effect[] {
  const payload = { subscriptionId: id, customerId, userId, plan };
  return [
    { objectId: id, kind: 'trial.refuse', payload },
    { objectId: id, kind: 'mail.trial_refused', payload },
  ];
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

/** How a trial ended, where this change says something new about it: by a payment, or by a line of the history. */
function endOfTrial(change: SubscriptionChange): { outcome: TrialOutcome; at: number } | null {
  const { before, next, revenue } = change;
  const [was, is] = [before && outcomeOf(before), outcomeOf(next)];
  const since = next.facts.trialStart ?? 0;
  const lossIn = (lines: readonly RevenueLine[] = []) =>
    lines.find(({ to, at }) => STATES[to].trialLost && at >= since)?.at ?? null;
  const lostAt = lossIn(revenue?.after);
  const isRedated = lostAt !== null && lostAt !== lossIn(revenue?.before);
  const paidAt = was === 'converted' ? null : (change.trialPaidAt ?? null);
  const isPaid = paidAt !== null && (lostAt === null || paidAt <= lostAt);
  if (isPaid) return { outcome: 'converted', at: paidAt };
  if (isRedated) return { outcome: 'lost', at: lostAt };
  return is === null || is === was ? null : { outcome: is, at: next.since };
}

/** Stripe calls it active an hour before the first charge; converted it is once that is paid. */
function outcomeOf({ state, facts }: StoredSubscription): TrialOutcome | null {
  if (facts.stripeStatus === 'active') {
    return !facts.latestInvoice || facts.latestInvoice.status === 'paid' ? 'converted' : null;
  }
  return STATES[state].trialLost ? 'lost' : null;
}
