import type { SubscriptionChange } from '../../db/save-changes.ts';
import type { DueEvent } from '../../db/due-events.ts';
import type { TransitionRow } from '../../db/transitions.ts';
import {
  decideBatch,
  type BatchDecision,
  type BatchTransition,
  type RevisedTransition,
} from '../../state/decide-batch.ts';
import type { HistoryLine } from '../../state/history/lines.ts';
import type { HistoryInput } from '../../state/history/reconstruct.ts';
import { effectsOf, type EffectSettings } from '../../state/effects.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import type { Cause, SubscriptionFacts } from '../../state/types.ts';
import type { CoreServices } from '../lib/services.ts';
import type { Known, WaitingEvent } from './load.ts';
import { historyLines, type HistoryPast } from './load-history.ts';

/** Everything known about one subscription at one moment. */
export interface Sighting {
  id: string;
  events: WaitingEvent[];
  known: Known;
  /** What Stripe says; null when it has no such subscription. */
  read: SubscriptionFacts | null;
}

/** What is to be written for one subscription. */
export interface Verdict {
  change: SubscriptionChange | null;
  effects: (Effect & { causeId: string | null })[];
  events: DueEvent[];
  /** True when Stripe has no such subscription and neither have we. */
  unknown: boolean;
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
  const { events, known } = sighting;
  const read = sighting.read ?? vanished(sighting, context.now);
  const rows = events.map((event) => event.row);
  if (read === null) {
    return {
      change: null,
      effects: [],
      events: rows,
      unknown: true,
      unknownStatus: null,
      isAlone: false,
      isQuiet: false,
    };
  }
  const last = events.at(-1)?.row.id ?? null;
  const fallback = fallbackCause(context, last);
  const decision = decideBatch({
    ...historyInputOf({ ...sighting, read }, context),
    ...past,
    settings: settingsOf(context.core),
    cause: { type: fallback.type, id: fallback.id },
  });
  return {
    change: toChange(decision, known, fallback),
    effects: decision.effects.map((effect) => ({ causeId: last ?? fallback.id, ...effect })),
    events: rows,
    unknown: false,
    unknownStatus: decision.unknownStatus,
    isAlone: known.isAlone,
    isQuiet: rows.length > 0 ? rows.every(isQuiet) : context.cause?.quiet === true,
  };
}

/** What the history of a subscription is told from. */
export function historyInputOf(sighting: Sighting, context: DecisionContext): HistoryInput {
  const { events, known } = sighting;
  const read = sighting.read ?? vanished(sighting, context.now);
  return {
    stored: known.stored,
    events: events.map((event) => event.facts),
    read,
    ...historyLines(known.history),
    historyComplete: known.historyComplete,
    catalogue: context.core.catalogue,
    settings: settingsOf(context.core),
    everTrialed: known.everTrialed,
    formerState: known.formerState,
    userId: known.userId ?? (read && ownerNamedBy(read)),
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

/** The owner that checkout wrote into the subscription, for a customer we did not make ourselves. */
function ownerNamedBy(facts: SubscriptionFacts): string | null {
  return facts.metadata['user_id']?.replaceAll('\0', '').slice(0, 255) || null;
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

function toChange(
  decision: BatchDecision,
  known: Known,
  fallback: Cause,
): SubscriptionChange | null {
  if (decision.next === null) return null;
  const account = known.stored?.userId ?? decision.next.userId;
  const free = new FreeCauses(known.history);
  const whoOf = ({ eventId, actor }: BatchTransition | RevisedTransition) => {
    if (eventId !== null) {
      return { account: actor?.account ?? account, requestId: actor?.requestId ?? null };
    }
    return { account, requestId: fallback.type === 'request' ? fallback.id : null };
  };
  const lines = decision.transitions.map((line) => {
    const { eventId, causeId, at, actor, ...transition } = line;
    const cause: Cause =
      eventId === null
        ? { ...fallback, id: free.take(causeId ?? fallback.id, line), at }
        : { type: 'event', id: eventId, actor: actor?.name ?? 'stripe', at };
    return { ...transition, cause, ...whoOf(line) };
  });
  const rows = new Map(known.history.map((row) => [row.id, row]));
  const rowOf = ({ id }: HistoryLine) => rows.get(id ?? -1);
  const revised = decision.revised.flatMap((revision) => {
    const { line: told, eventId, causeId: _, actor, ...transition } = revision;
    const row = rowOf(told);
    if (!row) return [];
    const cause: Cause | null =
      eventId === null
        ? null
        : { type: 'event', id: eventId, actor: actor?.name ?? 'stripe', at: transition.at };
    return [{ ...transition, line: row, cause, ...whoOf(revision) }];
  });
  const removed = decision.removed.flatMap((line) => rowOf(line) ?? []);
  return { before: known.stored, next: decision.next, lines, revised, removed };
}

/** Names causes that are no event: one request, or one read, may move a subscription the same way more than once. */
class FreeCauses {
  private readonly taken: Set<string>;

  constructor(history: readonly TransitionRow[]) {
    this.taken = new Set(history.map((line) => `${line.cause.id} ${line.event} ${line.to}`));
  }

  take(id: string, line: { event: string; to: string }): string {
    for (let n = 1; ; n += 1) {
      const name = n === 1 ? id : `${id}#${n}`;
      const key = `${name} ${line.event} ${line.to}`;
      if (this.taken.has(key)) continue;
      this.taken.add(key);
      return name;
    }
  }
}
