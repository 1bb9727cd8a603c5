import type { SubscriptionChange } from '../../db/save-changes.ts';
import type { DueEvent } from '../../db/due-events.ts';
import { decideBatch, type BatchDecision } from '../../state/decide-batch.ts';
import { effectsOf, type EffectSettings } from '../../state/effects.ts';
import type { Effect } from '../../state/effect-kinds.ts';
import type { Cause, SubscriptionFacts } from '../../state/types.ts';
import type { CoreServices } from '../app/compose.ts';
import type { Known, WaitingEvent } from './load.ts';

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
}

export interface DecisionContext {
  core: Pick<CoreServices, 'config' | 'catalogue'>;
  /** Business time. */
  now: number;
  /** The request that asked for the read, if one did. */
  cause: Cause | null;
}

/** Decides one subscription: pure, but for what it is given. */
export function decideSighting(sighting: Sighting, context: DecisionContext): Verdict {
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
    };
  }
  const last = events.at(-1)?.row.id ?? null;
  const fallback = fallbackCause(context, last);
  const decision = decideBatch({
    stored: known.stored,
    events: events.map((event) => event.facts),
    read,
    history: known.history
      .map((line) => ({ at: line.occurredAt, causeId: line.cause.id, ...line }))
      .reverse(),
    historyComplete: known.historyComplete,
    catalogue: context.core.catalogue,
    settings: settingsOf(context.core),
    everTrialed: known.everTrialed,
    formerState: known.formerState,
    userId: known.userId ?? ownerNamedBy(read),
    now: context.now,
    cause: { type: fallback.type, id: fallback.id },
  });
  return {
    change: toChange(decision, known, fallback),
    effects: decision.effects.map((effect) => ({ causeId: last ?? fallback.id, ...effect })),
    events: rows,
    unknown: false,
    unknownStatus: decision.unknownStatus,
    isAlone: known.isAlone,
  };
}

/** Effects of an event that is about no subscription, such as a one-off invoice. */
export function effectsOfLoose(
  event: WaitingEvent,
  context: DecisionContext & { userId: string | null },
): (Effect & { causeId: string | null })[] {
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
  return effects.map((effect) => ({ ...effect, causeId: event.row.id }));
}

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
  const lines = decision.transitions.map(({ eventId, at, ...transition }) => ({
    cause:
      eventId === null
        ? { ...fallback, at }
        : ({ type: 'event', id: eventId, actor: 'stripe', at } as const),
    ...transition,
  }));
  return { before: known.stored, next: decision.next, lines };
}
