import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { endOf } from '../../../state/lifecycle.ts';
import { formatMoney } from '../../../state/money.ts';
import type { NextStep } from './timeline.ts';

/** How long Stripe leaves a renewal's invoice a draft. */
const DRAFT_MS = 3_600_000;

/** All that is known to come if nothing else happens, soonest first. */
export function expectedSteps(row: SubscriptionRow): NextStep[] {
  const { state, facts } = row;
  const steps: NextStep[] = [];
  const add = (at: number | null | undefined, step: Pick<NextStep, 'to' | 'words'>): void => {
    if (at !== null && at !== undefined) steps.push({ from: state, at, ...step });
  };
  switch (state) {
    case 'trialing':
      add(facts.trialEnd, { to: 'active', words: 'when the trial ends and is paid' });
      break;
    case 'cancel_pending':
      add(endOf(facts) ?? facts.currentPeriodEnd, { to: 'canceled', words: 'at its end' });
      break;
    case 'downgrading':
      add(facts.nextPhase?.at, { to: 'active', words: 'on the smaller plan' });
      break;
    case 'active':
      add(facts.currentPeriodEnd, { to: 'active', words: 'renewal' });
      break;
    case 'past_due': {
      const { amountRemaining = 0, nextAttemptAt } = facts.latestInvoice ?? {};
      const amount =
        amountRemaining > 0 ? ` of ${formatMoney(amountRemaining, facts.currency)}` : '';
      add(nextAttemptAt, { to: 'active', words: `next payment attempt${amount}` });
      break;
    }
    default:
      break;
  }
  add(facts.pauseCollection?.resumesAt, { to: 'active', words: 'the pause ends' });
  add(facts.pendingUpdate?.expiresAt, {
    to: state,
    words: 'the change that waits for payment is dropped',
  });
  if (facts.latestInvoice?.status === 'draft' && facts.currentPeriodStart !== null) {
    const at = facts.currentPeriodStart + DRAFT_MS;
    add(at, { to: state, words: 'the draft invoice is finalized' });
  }
  return steps.sort((a, b) => a.at - b.at);
}
