import type { OwnerLink } from '../../db/customers.ts';
import { planOfFacts } from '../../state/catalogue.ts';
import { decideBatch } from '../../state/decide-batch.ts';
import { decide as decideRow } from '../../state/decide.ts';
import type { FollowedFailures } from '../../state/effects.ts';
import { isOurs } from '../../state/ownership.ts';
import { signalOf } from '../../state/signals.ts';
import type { Cause, CauseType, SubscriptionFacts } from '../../state/types.ts';
import { decideOther, isQuiet } from './decide-other.ts';
import type { Decision, Failure, SubscriptionDecision } from './decision.ts';
import {
  historyInputOf,
  ownedOf,
  settingsOf,
  type DecisionContext,
  type Owned,
} from './decision-input.ts';
import type { Past } from './load-past.ts';
import type { ReadCustomer, Snapshot } from './read-stripe.ts';
import { toChange } from './to-change.ts';

/** Decides what is to be written for one customer: pure, but for the time. */
export function decide(
  { loaded, snapshots, moves, failures }: ReadCustomer,
  pasts: ReadonlyMap<string, Past>,
  context: DecisionContext,
): Decision {
  const broken: Failure[] = loaded.broken.map(({ row, error }) => ({ events: [row], error }));
  const failed = [...failures, ...broken];
  const subscriptions = snapshots.flatMap((snapshot) => {
    try {
      return [decideSubscription(snapshot, context, pasts.get(snapshot.id))];
    } catch (error) {
      const events = snapshot.events.map(({ row }) => row);
      failed.push({ events, subscriptionId: snapshot.id, error });
      return [];
    }
  });
  const other = decideOther(loaded, context);
  return { claim: loaded.task.claim, subscriptions, other, moves, failures: failed };
}

/** Decides one subscription. */
function decideSubscription(
  snapshot: Snapshot,
  context: DecisionContext,
  past?: Past,
): SubscriptionDecision {
  const owned = ownedOf(snapshot, context);
  if (owned === null) return withoutChange(snapshot);
  const plan = planOfFacts(context.core.catalogue, owned.read)?.plan.id ?? null;
  return isOurs({ userId: owned.accountId, plan })
    ? decideOurs(snapshot, context, { ...owned, past })
    : decideForeign(snapshot, context, owned);
}

function decideOurs(
  snapshot: Snapshot,
  context: DecisionContext,
  owned: Owned & { past?: Past },
): SubscriptionDecision {
  const { events, known } = snapshot;
  const { read, accountId, past } = owned;
  const last = events.at(-1)?.row.id ?? null;
  const fallback = fallbackCause(context, last);
  // The history of one that was foreign begins now.
  const stored = known.stored?.foreign ? null : known.stored;
  const isTakenOver = stored === null && hadLifeBefore(snapshot, context, read.createdAt);
  const decision = decideBatch({
    ...historyInputOf(snapshot, context),
    ...past?.history,
    cause: { type: fallback.type, id: fallback.id },
    followed: followedFailures(snapshot, past),
    isTakenOver,
  });
  const change = toChange(decision, known, fallback);
  return {
    change: change && { ...change, quiet: isTakenOver },
    effects: decision.effects.map((effect) => ({ causeId: last ?? fallback.id, ...effect })),
    events: events.map(({ row }) => row),
    outcome: isTakenOver ? 'first_sight' : 'done',
    links: linksOf(snapshot, read),
    unknownStatus: decision.unknownStatus,
    isAlone: known.isAlone && known.userId === accountId,
    isQuiet: isTakenOver || isToldAlready(snapshot, context),
  };
}

/** Kept as it is, for a list of its own: no history, no figure, nothing that follows. */
function decideForeign(
  snapshot: Snapshot,
  context: DecisionContext,
  owned: Owned,
): SubscriptionDecision {
  const { known } = snapshot;
  const { read, accountId } = owned;
  const { next } = decideRow({
    stored: known.stored && { ...known.stored, userId: accountId },
    facts: read,
    signals: [],
    catalogue: context.core.catalogue,
    settings: settingsOf(context.core),
    userId: accountId,
    now: context.now,
  });
  const row = { ...next, mrr: 0, foreign: true };
  return {
    ...withoutChange(snapshot),
    change: { before: known.stored, next: row, lines: [], quiet: true },
    outcome: 'foreign',
  };
}

function withoutChange({ events, isForeign }: Snapshot): SubscriptionDecision {
  return {
    change: null,
    effects: [],
    events: events.map(({ row }) => row),
    outcome: isForeign ? 'foreign' : 'not_found',
    links: [],
    unknownStatus: null,
    isAlone: false,
    isQuiet: true,
  };
}

const isToldAlready = ({ events }: Snapshot, { cause }: DecisionContext) =>
  events.length > 0 ? events.every(({ row }) => isQuiet(row)) : cause?.quiet === true;

/** What is younger counts as seen from its birth. */
const BIRTH_MS = 3_600_000;

/**
 * Whether a subscription that is seen for the first time had a life before: its mails were sent, or were another
 * program's, and nothing outward follows from what is learned of it.
 */
function hadLifeBefore({ events }: Snapshot, context: DecisionContext, createdAt: number): boolean {
  const { cause, now } = context;
  if (cause !== null && OWN_ACTS.has(cause.type) && now - createdAt <= BIRTH_MS) return false;
  return !events.some(({ row, facts }) => {
    if (isQuiet(row) || row.source === 'replay') return false;
    const at = row.source === 'webhook' ? facts.createdAt : Math.max(now, facts.createdAt);
    return at - createdAt <= BIRTH_MS;
  });
}

const OWN_ACTS: ReadonlySet<CauseType> = new Set(['request', 'dunning', 'trial_ledger']);

/** The failed attempts that events told of, here and before, by invoice. */
function followedFailures({ events }: Snapshot, past?: Past): FollowedFailures {
  const followed = new Map<string, Set<number>>();
  const told = events.filter(({ row }) => !isQuiet(row)).map(({ facts }) => facts);
  for (const facts of [...(past?.failures ?? []), ...told]) {
    const signal = signalOf(facts);
    if (signal?.type !== 'payment_failed') continue;
    const attempts = followed.get(signal.invoiceId) ?? new Set();
    followed.set(signal.invoiceId, attempts.add(signal.attempt));
  }
  return followed;
}

/** Links and contradictions are written when they are learned, not with each event: an operator may have decided since. */
function linksOf({ known, owners }: Snapshot, read: SubscriptionFacts): OwnerLink[] {
  const { stored, hasLink, userId } = known;
  const before = stored === null || stored.foreign ? null : stored.facts.metadata;
  const saysTheSame = before !== null && JSON.stringify(before) === JSON.stringify(read.metadata);
  const isLinked = hasLink && owners[0]?.accountId === userId;
  if (isLinked && (saysTheSame || owners.length === 1)) return [];
  return owners.map(({ accountId, source }) => ({
    accountId,
    source,
    customerId: read.customerId,
    at: Date.now(),
  }));
}

/** The cause of lines that no event explains: the request, else "the read that this event led to". */
function fallbackCause(context: DecisionContext, lastEventId: string | null): Cause {
  if (context.cause) return context.cause;
  const id = lastEventId === null ? `read:${context.now}` : `${lastEventId}:read`;
  return { type: 'event', id, actor: 'stripe', at: context.now };
}
