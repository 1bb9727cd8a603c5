import type { OwnerLink } from '../../db/customers.ts';
import type { SubscriptionChange } from '../../db/save-changes.ts';
import type { DueEvent } from '../../db/due-events.ts';
import { planOfFacts } from '../../state/catalogue.ts';
import { decideBatch } from '../../state/decide-batch.ts';
import { decide } from '../../state/decide.ts';
import { effectsOf, type EffectSettings, type FollowedFailures } from '../../state/effects.ts';
import type { HistoryInput } from '../../state/history/reconstruct.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import type { EventFacts } from '../../state/event-facts.ts';
import { isOurs, type OwnerClaim } from '../../state/ownership.ts';
import { signalOf } from '../../state/signals.ts';
import type { Cause, CauseType, SubscriptionFacts } from '../../state/types.ts';
import type { CoreServices } from '../lib/services.ts';
import type { Known, WaitingEvent } from './load.ts';
import { historyLines, type HistoryPast } from './load-history.ts';
import { toChange } from './to-change.ts';

/** Everything known about one subscription at one moment. */
export interface Sighting {
  id: string;
  events: WaitingEvent[];
  known: Known;
  /** What Stripe says; null when it has no such subscription, or was not asked. */
  read: SubscriptionFacts | null;
  /** True when the events alone told that it is of no plan of ours: Stripe was not asked. */
  isForeign: boolean;
  /** The accounts that are named for it, the one that counts first. */
  owners: readonly OwnerClaim[];
  /** Failed payments of it whose events were processed before; asked for only where they matter. */
  failures: readonly EventFacts[];
}

/** What its events count as: `foreign` when it is not ours, `first_sight` when it had a life before we saw it. */
export type Outcome = 'done' | 'first_sight' | 'foreign' | 'not_found';

/** What is to be written for one subscription. */
export interface Verdict {
  change: SubscriptionChange | null;
  effects: (Effect & { causeId: string | null })[];
  events: DueEvent[];
  /** `not_found` when Stripe has no such subscription and neither have we. */
  outcome: Outcome;
  /** The accounts that are named for it, where that is news; the first is linked, the others contradict it. */
  links: OwnerLink[];
  unknownStatus: string | null;
  /** True when the customer surely had no other subscription before. */
  isAlone: boolean;
  /** True when mails and webhooks that follow are noted and not sent. */
  isQuiet: boolean;
}

export interface DecisionContext {
  core: Pick<CoreServices, 'config' | 'catalogue'>;
  /** Business time. */
  now: number;
  /** The request that asked for the read, if one did. */
  cause: Cause | null;
}

/** Decides one subscription: pure, but for what it is given. */
export function decideSighting(
  sighting: Sighting,
  context: DecisionContext,
  past?: HistoryPast,
): Verdict {
  const owned = ownedOf(sighting, context);
  if (owned === null) return withoutChange(sighting);
  const plan = planOfFacts(context.core.catalogue, owned.read)?.plan.id ?? null;
  return isOurs({ userId: owned.accountId, plan })
    ? decideOurs(sighting, context, { ...owned, past })
    : decideForeign(sighting, context, owned);
}

/** What Stripe says of it and whose it is; null when neither Stripe nor the database has it. */
function ownedOf(sighting: Sighting, context: DecisionContext): Owned | null {
  const read = sighting.read ?? vanished(sighting, context.now);
  if (read === null) return null;
  const accountId =
    sighting.read === null
      ? (sighting.known.stored?.userId ?? null)
      : (sighting.owners[0]?.accountId ?? null);
  return { read, accountId };
}

interface Owned {
  read: SubscriptionFacts;
  accountId: string | null;
}

function decideOurs(
  sighting: Sighting,
  context: DecisionContext,
  owned: Owned & { past?: HistoryPast },
): Verdict {
  const { events, known } = sighting;
  const { read, accountId, past } = owned;
  const last = events.at(-1)?.row.id ?? null;
  const fallback = fallbackCause(context, last);
  // The history of one that was foreign begins now.
  const stored = known.stored?.foreign ? null : known.stored;
  const isTakenOver = stored === null && hadLifeBefore(sighting, context, read.createdAt);
  const decision = decideBatch({
    ...historyInputOf(sighting, context),
    ...past,
    cause: { type: fallback.type, id: fallback.id },
    followed: followedFailures(sighting),
    isTakenOver,
  });
  const change = toChange(decision, known, fallback);
  return {
    change: change && { ...change, quiet: isTakenOver },
    effects: decision.effects.map((effect) => ({ causeId: last ?? fallback.id, ...effect })),
    events: events.map(({ row }) => row),
    outcome: isTakenOver ? 'first_sight' : 'done',
    links: linksOf(sighting, read),
    unknownStatus: decision.unknownStatus,
    isAlone: known.isAlone && known.userId === accountId,
    isQuiet: isTakenOver || isToldAlready(sighting, context),
  };
}

/** Kept as it is, for a list of its own: no history, no figure, nothing that follows. */
function decideForeign(sighting: Sighting, context: DecisionContext, owned: Owned): Verdict {
  const { known } = sighting;
  const { read, accountId } = owned;
  const { next } = decide({
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
    ...withoutChange(sighting),
    change: { before: known.stored, next: row, lines: [], quiet: true },
    outcome: 'foreign',
  };
}

function withoutChange({ events, isForeign }: Sighting): Verdict {
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

const isToldAlready = ({ events }: Sighting, { cause }: DecisionContext) =>
  events.length > 0 ? events.every(({ row }) => isQuiet(row)) : cause?.quiet === true;

/** What is younger counts as seen from its birth. */
const BIRTH_MS = 3_600_000;

/**
 * Whether a subscription that is seen for the first time had a life before: its mails were sent, or were another
 * program's, and nothing outward follows from what is learned of it.
 */
function hadLifeBefore({ events }: Sighting, context: DecisionContext, createdAt: number): boolean {
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
function followedFailures({ events, failures }: Sighting): FollowedFailures {
  const followed = new Map<string, Set<number>>();
  const told = events.filter(({ row }) => !isQuiet(row)).map(({ facts }) => facts);
  for (const facts of [...failures, ...told]) {
    const signal = signalOf(facts);
    if (signal?.type !== 'payment_failed') continue;
    const attempts = followed.get(signal.invoiceId) ?? new Set();
    followed.set(signal.invoiceId, attempts.add(signal.attempt));
  }
  return followed;
}

/** Links and contradictions are written when they are learned, not with each event: an operator may have decided since. */
function linksOf({ known, owners }: Sighting, read: SubscriptionFacts): OwnerLink[] {
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

/** What the history of a subscription is told from. */
export function historyInputOf(sighting: Sighting, context: DecisionContext): HistoryInput {
  const { events, known } = sighting;
  const owned = ownedOf(sighting, context);
  const accountId = owned?.accountId ?? null;
  // The history of one that was foreign begins now.
  const stored = known.stored?.foreign ? null : known.stored;
  return {
    stored: stored && { ...stored, userId: accountId },
    events: events.map((event) => event.facts),
    read: owned?.read ?? null,
    ...historyLines(known.history),
    historyComplete: known.historyComplete,
    catalogue: context.core.catalogue,
    settings: settingsOf(context.core),
    everTrialed: known.everTrialed,
    formerState: known.formerState,
    userId: accountId,
    now: context.now,
  };
}

/** Whether what follows from an event was told before. */
const isQuiet = ({ flags }: DueEvent) => flags.includes('quiet');

/** Effects of an event that is about no subscription, such as a one-off invoice. */
export function effectsOfLoose(
  event: WaitingEvent,
  context: DecisionContext & { userId: string | null },
): (Effect & { causeId: string | null; isQuiet: boolean })[] {
  const effects = effectsOf({
    event: event.facts,
    after: null,
    transitions: [],
    settings: settingsOf(context.core),
    now: context.now,
    userId: context.userId,
  });
  if (isAboutEntitlements(event) && context.core.config.entitlements === 'stripe') {
    const { userId } = context;
    const payload = { customerId: event.facts.customerId, userId };
    effects.push({ objectId: event.row.id, kind: 'entitlements.read', payload });
  }
  const { objectId, objectType, chargeId } = event.facts;
  if (objectId !== null && objectType !== null && isAboutReturns(event.facts.type)) {
    const payload = { objectType, objectId, chargeId, eventId: event.row.id };
    effects.push({ objectId: event.row.id, kind: 'returns.read', payload });
  }
  return effects.map((effect) => ({
    ...effect,
    causeId: event.row.id,
    isQuiet: isQuiet(event.row),
  }));
}

const isAboutReturns = (type: string) =>
  /^(charge\.(refund|dispute)|refund\.|radar\.early_fraud_warning\.|credit_note\.)/.test(type);

const isAboutEntitlements = ({ facts }: WaitingEvent) =>
  facts.type === 'entitlements.active_entitlement_summary.updated';

function settingsOf(core: DecisionContext['core']): EffectSettings {
  const { dunning, grace } = core.config;
  return { maxAttempts: dunning.maxAttempts, finalAction: dunning.finalAction, grace };
}

/** Stripe answers 404 for what we have stored: it was deleted with its customer or its test data. */
function vanished({ known }: Sighting, now: number): SubscriptionFacts | null {
  const facts = known.stored?.facts;
  if (!facts) return null;
  if (facts.stripeStatus === 'canceled') return facts;
  return {
    ...facts,
    stripeStatus: 'canceled',
    cancellationReason: 'not_found',
    canceledAt: facts.canceledAt ?? now,
    endedAt: now,
    cancelAt: null,
    cancelAtPeriodEnd: false,
    pauseCollection: null,
    nextPhase: null,
    pendingUpdate: null,
    scheduleId: null,
  };
}

/** The cause of lines that no event explains: the request, else "the read that this event led to". */
function fallbackCause(context: DecisionContext, lastEventId: string | null): Cause {
  if (context.cause) return context.cause;
  const id = lastEventId === null ? `read:${context.now}` : `${lastEventId}:read`;
  return { type: 'event', id, actor: 'stripe', at: context.now };
}
