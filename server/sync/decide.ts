import type { SubscriptionChange } from '../../db/save-changes.ts';
import type { DueEvent } from '../../db/due-events.ts';
import { decideBatch, type BatchDecision } from '../../state/decide-batch.ts';
import { effectsOf, type EffectSettings } from '../../state/effects.ts';
import type { Cause, SubscriptionFacts } from '../../state/types.ts';
import type { CoreServices } from '../lib/services.ts';
import type { EngineContext } from './context.ts';
import type { CausedEffect, Decision, Failure, SubscriptionDecision } from './decision.ts';
import type { Known, Loaded, WaitingEvent } from './load.ts';
import type { ReadCustomer, Snapshot } from './read-stripe.ts';

interface DecisionContext {
  core: Pick<CoreServices, 'config' | 'catalogue'>;
  /** Business time. */
  now: number;
  /** The request that asked for the read, if one did. */
  cause: Cause | null;
}

/** Decides what is to be written for one customer: pure, but for the time. */
export function decide(
  { core, clock }: Pick<EngineContext, 'core' | 'clock'>,
  read: ReadCustomer,
): Decision {
  const { loaded, snapshots, moves } = read;
  const { claim, wanted } = loaded.task;
  const context = { core, now: clock.now(), cause: wanted?.cause ?? null };
  const failures: Failure[] = [
    ...read.failures,
    ...loaded.broken.map(({ row, error }) => ({ events: [row], error })),
  ];
  const subscriptions = snapshots.flatMap((snapshot) => {
    try {
      return [decideSubscription(snapshot, context)];
    } catch (error) {
      const events = snapshot.events.map(({ row }) => row);
      failures.push({ events, subscriptionId: snapshot.id, error });
      return [];
    }
  });
  return { claim, subscriptions, other: decideOther(loaded, context), moves, failures };
}

function decideOther({ task, other, userId }: Loaded, context: DecisionContext): Decision['other'] {
  const deletion = other.find(({ facts }) => facts.type === 'customer.deleted');
  return {
    events: other.map(({ row }) => row),
    effects: other.flatMap((event) => effectsOfOther(event, { ...context, userId })),
    deletedCustomer: deletion ? { id: task.key, at: deletion.facts.createdAt } : null,
  };
}

function decideSubscription(snapshot: Snapshot, context: DecisionContext): SubscriptionDecision {
  const { events, known } = snapshot;
  const read = snapshot.read ?? vanished(snapshot, context.now);
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
    isQuiet: rows.length > 0 ? rows.every(isQuiet) : context.cause?.quiet === true,
  };
}

/** Whether what follows from an event was told before. */
const isQuiet = ({ flags }: DueEvent) => flags.includes('quiet');

/** Effects of an event that is about no subscription, such as a one-off invoice. */
function effectsOfOther(
  event: WaitingEvent,
  context: DecisionContext & { userId: string | null },
): (CausedEffect & { isQuiet: boolean })[] {
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
function vanished({ known }: Snapshot, now: number): SubscriptionFacts | null {
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
