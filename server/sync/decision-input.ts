import { inOrder, type TransitionRow } from '../../db/transitions.ts';
import type { EffectSettings } from '../../state/effects.ts';
import type { HistoryLine } from '../../state/history/lines.ts';
import type { HistoryInput } from '../../state/history/reconstruct.ts';
import type { Cause, SubscriptionFacts } from '../../state/types.ts';
import type { CoreServices } from '../lib/services.ts';
import type { Snapshot } from './read-stripe.ts';

export interface DecisionContext {
  core: Pick<CoreServices, 'config' | 'catalogue'>;
  /** Business time. */
  now: number;
  /** The request that asked for the read, if one did. */
  cause: Cause | null;
}

/** What Stripe says of a subscription and whose it is; null when neither Stripe nor the database has it. */
export function ownedOf(snapshot: Snapshot, context: DecisionContext): Owned | null {
  const read = snapshot.read ?? vanished(snapshot, context.now);
  if (read === null) return null;
  const accountId =
    snapshot.read === null
      ? (snapshot.known.stored?.userId ?? null)
      : (snapshot.owners[0]?.accountId ?? null);
  return { read, accountId };
}

export interface Owned {
  read: SubscriptionFacts;
  accountId: string | null;
}

/** What the history of a subscription is told from. */
export function historyInputOf(snapshot: Snapshot, context: DecisionContext): HistoryInput {
  const { events, known } = snapshot;
  const owned = ownedOf(snapshot, context);
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

/** Recorded lines as `state/` knows them. */
function historyLines(rows: readonly TransitionRow[]): {
  history: HistoryLine[];
  takenNumbers: number[];
} {
  const ordered = inOrder(rows);
  const isWrong = (row: TransitionRow) => row.evidence === 'disproved';
  return {
    history: ordered
      .filter((row) => !isWrong(row))
      .map(({ occurredAt: at, cause, evidence, ...line }) => ({
        ...line,
        at,
        causeId: cause.id,
        guess: evidence === 'read',
      })),
    takenNumbers: ordered.filter(isWrong).map(({ number }) => number ?? 0),
  };
}

export function settingsOf(core: DecisionContext['core']): EffectSettings {
  const { dunning, grace } = core.config;
  return { maxAttempts: dunning.maxAttempts, finalAction: dunning.finalAction, grace };
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
