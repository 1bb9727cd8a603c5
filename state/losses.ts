/** What a command takes from a customer besides money, for a page that says it before. */
import { formatMoney } from './money.ts';
import type { StoredSubscription } from './types.ts';

export interface Loss {
  kind: 'access' | 'unused_time' | 'trial' | 'pending_change' | 'promotion_code' | 'debt';
  /** When, or until when; in ms. */
  at: number | null;
  message: string;
}

const DAY_MS = 86_400_000;

/** An end now: access, the trial or the paid time, and what was scheduled. */
export function lossesOfCancel(subscription: StoredSubscription, now: number): Loss[] {
  const { state, facts } = subscription;
  const isTrial = facts.stripeStatus === 'trialing';
  const until = isTrial ? (facts.trialEnd ?? facts.currentPeriodEnd) : facts.currentPeriodEnd;
  return [
    access('Access ends at once, and this cannot be undone.', now),
    ...(isTrial
      ? [
          {
            kind: 'trial' as const,
            at: until,
            message: 'The trial ends, and there is no other one.',
          },
        ]
      : []),
    ...(isTrial || state === 'paused' ? [] : unused(until, now, 'are not refunded')),
    ...pendingChange(subscription),
    ...(facts.latestInvoice?.status === 'open'
      ? [
          {
            kind: 'debt' as const,
            at: null,
            message: 'What is not paid stays owed; coming back pays it first.',
          },
        ]
      : []),
  ];
}

/** An end with the period, which an undo brings back. */
export function lossesOfPlannedEnd(subscription: StoredSubscription): Loss[] {
  const end = subscription.facts.currentPeriodEnd;
  return [
    access(`Access ends on ${day(end)}. Until then it can be undone.`, end),
    ...pendingChange(subscription),
  ];
}

/** A pause; `credited` when the unused time comes back as credit, `resumesAt` (ms) when it ends by itself. */
export function lossesOfPause(
  subscription: StoredSubscription,
  { now, credited, resumesAt }: { now: number; credited: boolean; resumesAt: number | null },
): Loss[] {
  const end = subscription.facts.currentPeriodEnd;
  const until = resumesAt === null ? end : Math.min(resumesAt, end ?? resumesAt);
  const words =
    resumesAt === null
      ? 'Access ends at once, until you resume.'
      : `Access ends at once, until ${day(resumesAt)}.`;
  return [
    access(words, now),
    ...(credited ? [] : unused(until, now, 'are not credited')),
    ...pendingChange(subscription),
  ];
}

/** The end of something that waits: a scheduled change is given up where that is what `resume` undoes. */
export function lossesOfResume(subscription: StoredSubscription): Loss[] {
  return subscription.state === 'downgrading' ? pendingChange(subscription) : [];
}

/** A change now in a time that was paid, for which nothing is credited. */
export function lossesOfUncreditedChange(until: number | null, now: number): Loss[] {
  return unused(until, now, 'of the present plan are not credited');
}

/** A code for one invoice that a trial uses up: the first one, of nothing. */
export function lossOfCode(code: string): Loss {
  return {
    kind: 'promotion_code',
    at: null,
    message: `The code ${code} counts for one invoice, which is that of the trial: nothing is left of it for the first payment.`,
  };
}

/** A code for one invoice that an upgrade uses up. */
export function lossOfOnce(name: string | null): Loss {
  const words = name === null ? 'The discount' : `The code ${name}`;
  return {
    kind: 'promotion_code',
    at: null,
    message: `${words} counts for one invoice, which is that of this change: nothing is left of it for the next renewal.`,
  };
}

/** An upgrade in the hour in which the renewal's invoice is a draft: what it credits is paid first. */
export function lossOfDraft(amount: number, currency: string): Loss {
  return {
    kind: 'debt',
    at: null,
    message: `The renewal's invoice of ${formatMoney(amount, currency)}, which is still a draft, is collected first.`,
  };
}

/** A change in place of one that is scheduled. */
export const lossesOfReplacedChange = (subscription: StoredSubscription): Loss[] =>
  pendingChange(subscription);

const access = (message: string, at: number | null): Loss => ({ kind: 'access', at, message });

function unused(until: number | null, now: number, fate: string): Loss[] {
  const days = until === null ? 0 : Math.ceil((until - now) / DAY_MS);
  if (days <= 0) return [];
  const count = days === 1 ? 'The unused day' : `The unused ${days} days`;
  const verb = days === 1 ? fate.replace('are', 'is') : fate;
  return [{ kind: 'unused_time', at: until, message: `${count} until ${day(until)} ${verb}.` }];
}

function pendingChange({ facts: { nextPhase } }: StoredSubscription): Loss[] {
  if (!nextPhase) return [];
  return [
    {
      kind: 'pending_change',
      at: nextPhase.at,
      message: `The change that is scheduled for ${day(nextPhase.at)} does not happen.`,
    },
  ];
}

function day(at: number | null): string {
  return at === null ? 'its end' : new Date(at).toISOString().slice(0, 10);
}
