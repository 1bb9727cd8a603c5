import { findCommands } from '../../db/commands.ts';
import type { Db } from '../../db/database.ts';
import { pastEventsOf, type PastEvents } from '../../db/past-events.ts';
import { asHistoryLine, inOrder, type TransitionRow } from '../../db/transitions.ts';
import { processedFailures } from '../../db/webhook-events.ts';
import type { EffectSettings } from '../../state/effects.ts';
import { readEvent, type EventFacts } from '../../state/event-facts.ts';
import { commandIn, type Commands } from '../../state/history/actor.ts';
import type { BatchInput } from '../../state/decide-batch.ts';
import type { HistoryLine } from '../../state/history/lines.ts';
import { needsPast, type HistoryInput } from '../../state/history/reconstruct.ts';
import { signalOf } from '../../state/signals.ts';
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
  const { isForeign } = snapshot;
  const read = snapshot.read ?? (isForeign ? null : vanished(snapshot, context.now));
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
export function historyInputOf(snapshot: Snapshot, context: DecisionContext): BatchInput {
  const { events, known } = snapshot;
  const owned = ownedOf(snapshot, context);
  const accountId = owned?.accountId ?? null;
  // The history of one that was foreign begins now.
  const stored = known.stored?.foreign ? null : known.stored;
  const { history, takenNumbers } = historyLines(known.history);
  return {
    stored: stored && { ...stored, userId: accountId },
    events: events.map((event) => event.facts),
    read: owned?.read ?? null,
    history,
    takenNumbers,
    historyComplete: known.historyComplete,
    catalogue: context.core.catalogue,
    settings: settingsOf(context.core),
    everTrialed: known.everTrialed,
    formerState: known.formerState,
    userId: accountId,
    now: context.now,
    // What is learned later is named here, because keys that are added to an object of so many make it slow.
    past: undefined,
    pastSince: undefined,
    commands: undefined,
    cause: undefined,
    followed: undefined,
    isTakenOver: undefined,
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
    history: ordered.filter((row) => !isWrong(row)).map(asHistoryLine),
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

/** Most events of one subscription that its history is told from again. */
const MAX_EVENTS = 400;

/** What telling a history needs beside what is loaded for every decision. */
interface HistoryPast {
  /** Events processed before; absent where those that wait go on where the history ends. */
  past?: EventFacts[];
  /** Earlier events than these were not looked at. */
  pastSince?: number;
  commands: Commands;
}

/** What was processed before that a decision depends on. */
export interface Past {
  history: HistoryPast;
  /** Failed payments whose events were processed before; asked for only where they matter. */
  failures: readonly EventFacts[];
}

/** Loads, by subscription id, what can be asked for only once Stripe has answered. */
export async function loadPast(
  db: Db,
  snapshots: readonly Snapshot[],
  context: DecisionContext,
): Promise<Map<string, Past>> {
  const inputs = new Map(snapshots.map((each) => [each.id, historyInputOf(each, context)]));
  const [histories, failures] = await Promise.all([
    loadHistoryPast(db, inputs),
    Promise.all(snapshots.map((each) => failuresBefore(db, each, context))),
  ]);
  return new Map(
    snapshots.map(({ id }, i) => [id, { history: histories.get(id)!, failures: failures[i]! }]),
  );
}

/** The failed payments that were processed before, where one that waits may be the last. */
async function failuresBefore(
  db: Db,
  { id, events, isForeign }: Snapshot,
  { core }: DecisionContext,
): Promise<EventFacts[]> {
  const isLast = events.some(({ facts }) => {
    const signal = signalOf(facts);
    return signal?.type === 'payment_failed' && signal.attempt >= core.config.dunning.maxAttempts;
  });
  return isLast && !isForeign ? readAll(await processedFailures(db, id)) : [];
}

/** Loads the past of those subscriptions whose waiting events do not just go on, and the commands that events name. */
async function loadHistoryPast(
  db: Db,
  inputs: ReadonlyMap<string, HistoryInput>,
): Promise<Map<string, HistoryPast>> {
  const wanting = [...inputs].filter(([, input]) => needsPast(input)).map(([id]) => id);
  const found = await pastEventsOf(db, wanting, MAX_EVENTS);
  const pasts = new Map([...found].map(([id, events]) => [id, readPast(events)]));
  const keys = [...inputs].flatMap(([id, { events }]) =>
    [...events, ...(pasts.get(id)?.past ?? [])].map((event) => commandIn(event.idempotencyKey)),
  );
  const ids = [...new Set(keys.flatMap((key) => key ?? []))];
  const rows = ids.length > 0 ? await findCommands(db, ids) : [];
  const commands: Commands = new Map(
    rows.map(({ id, actor: name, account, requestId }) => [id, { name, account, requestId }]),
  );
  return new Map([...inputs.keys()].map((id) => [id, { ...pasts.get(id), commands }]));
}

function readPast({ payloads, complete }: PastEvents): { past: EventFacts[]; pastSince?: number } {
  const past = readAll(payloads);
  const oldest = past.at(-1);
  return complete || !oldest ? { past } : { past, pastSince: oldest.createdAt };
}

/** One that cannot be read any more is left out: it is told by its line. */
function readAll(payloads: readonly string[]): EventFacts[] {
  return payloads.flatMap((payload) => {
    try {
      return readEvent(JSON.parse(payload));
    } catch {
      return [];
    }
  });
}
