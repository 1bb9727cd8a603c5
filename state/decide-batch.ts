/**
 * Decides all waiting events of one subscription at once. The end is what was read from Stripe, always; the
 * events tell the history by which moves it came there.
 */
import { decideRow, type DecideInput } from './decide.ts';
import { effectsOf, type EffectSettings, type FollowedFailures } from './effects.ts';
import type { Effect } from './effect-kinds.ts';
import type { EventFacts } from './event-facts.ts';
import { actorOf, type Actor, type Commands } from './history/actor.ts';
import type { HistoryLine } from './history/lines.ts';
import type { Move } from './history/telling.ts';
import { distinctEvents, reconstruct } from './history/reconstruct.ts';
import { lifecycleOf } from './lifecycle.ts';
import { failuresIn, signalOf } from './signals.ts';
import type { LifecycleState, StoredSubscription, SubscriptionFacts, Transition } from './types.ts';

export interface BatchInput extends Omit<DecideInput, 'facts' | 'signals' | 'settings'> {
  /** Waiting events of this subscription, in any order, duplicates allowed. */
  events: readonly EventFacts[];
  /** Events processed before, where `needsPast` asked for them. */
  past?: readonly EventFacts[];
  pastSince?: number;
  /** What Stripe says now; null when it was not asked (then the newest payload counts). */
  read: SubscriptionFacts | null;
  /** Recent lines of this subscription in their order. */
  history: readonly HistoryLine[];
  /** False when `history` was cut: what lies before its first line is then left alone. */
  historyComplete?: boolean;
  takenNumbers?: readonly number[];
  settings: EffectSettings;
  /** What effects name as the cause of lines that no event of the batch explains. */
  cause?: { type: string; id: string };
  /** Failed attempts that events told of, those of this batch included. */
  followed?: FollowedFailures;
  /** True when it had a life before it was seen here: nothing is done at Stripe, and notices are only noted. */
  isTakenOver?: boolean;
  /** The commands whose keys the events name. */
  commands?: Commands;
}

/** A line with what caused it; `eventId` is null when no event did. */
export interface BatchTransition extends Transition {
  eventId: string | null;
  /** Names the cause where no event is it; null for what the read gave away. */
  causeId: string | null;
  at: number;
  number: number;
  guess: boolean;
  /** Monthly recurring revenue after it; null where it is not known. */
  mrr: number | null;
  /** What that is for; null in no plan. */
  plan: string | null;
  /** null: as the read's own cause says. */
  actor: Actor | null;
}

/** A recorded line that is now known better. */
export interface RevisedTransition extends Omit<BatchTransition, 'number'> {
  line: HistoryLine;
}

export interface BatchDecision {
  /** null only when nothing is known: no row, no read, no payload. */
  next: StoredSubscription | null;
  transitions: BatchTransition[];
  revised: RevisedTransition[];
  /** Lines that were guessed wrong. */
  removed: HistoryLine[];
  effects: Effect[];
  unknownStatus: string | null;
}

/** The end state is the same whatever the order, the repetition and the batching of the events. */
export function decideBatch(input: BatchInput): BatchDecision {
  const events = distinctEvents(input.events);
  const told = reconstruct({ ...input, events });
  const transitions = told.added.map(({ move, number, late }) => ({
    ...lineOf(move, input, late),
    number,
  }));
  const facts = input.read ?? told.facts ?? input.stored?.facts ?? null;
  const { next, unknownStatus } =
    facts === null
      ? { next: null, unknownStatus: null }
      : nextRow(input, { events, facts, moves: told.moves });
  return {
    next,
    transitions,
    revised: told.revised.map(({ line, move }) => ({ ...lineOf(move, input, move.late), line })),
    removed: told.removed,
    effects: effectsOfBatch(input, { events, next, lines: transitions }),
    unknownStatus,
  };
}

function lineOf(move: Move, input: BatchInput, late: boolean): Omit<BatchTransition, 'number'> {
  const { from, to, event, unexpected, detail, at, source, causeId, guess, mrr, plan } = move;
  const eventId = source?.id ?? null;
  const actor = source === null ? null : actorOf(source, move, input.commands);
  const earned = { mrr, plan };
  return {
    from,
    to,
    event,
    unexpected,
    late,
    detail,
    at,
    guess,
    ...earned,
    eventId,
    causeId,
    actor,
  };
}

const FAILING: ReadonlySet<LifecycleState> = new Set(['past_due', 'unpaid']);

/** The row as Stripe has it now, with what the history knows: since when, and how often a payment failed. */
function nextRow(
  input: BatchInput,
  known: { events: readonly EventFacts[]; facts: SubscriptionFacts; moves: readonly Move[] },
): { next: StoredSubscription; unknownStatus: string | null } {
  const { facts, moves } = known;
  const previous = input.stored?.state ?? 'none';
  const { state } = lifecycleOf(facts, { catalogue: input.catalogue, previous });
  const stored = sameRun(input.stored, moves);
  const all = [...(input.past ?? []), ...known.events];
  const since = runStart(moves) ?? stored?.pastDueSince ?? -Infinity;
  const signals = all
    .flatMap((event) => signalOf(event) ?? [])
    .filter((signal) => signal.type !== 'payment_failed' || isOfRun(signal, { facts, since }));
  const { catalogue, settings, everTrialed, formerState, userId, now } = input;
  const { next, unknownStatus } = decideRow({
    stored,
    facts,
    signals,
    catalogue,
    settings,
    everTrialed,
    formerState,
    userId,
    now,
  });
  const entered = moves.findLast((move) => move.from !== move.to);
  const isSame = input.stored?.state === state && (!entered || entered.at <= input.stored.since);
  const changed = entered?.to === state && !isSame;
  const pastDueSince = FAILING.has(state)
    ? (runStart(moves) ?? stored?.pastDueSince ?? next.pastDueSince)
    : null;
  const first = failuresIn(signals)[0]?.at ?? Infinity;
  return {
    next: {
      ...next,
      userId: input.stored?.userId ?? input.userId ?? null,
      since: changed ? entered.at : (input.stored?.since ?? next.since),
      pastDueSince: pastDueSince === null ? null : Math.min(pastDueSince, first),
    },
    unknownStatus,
  };
}

function isOfRun(
  failure: { invoiceId: string; at: number },
  run: { facts: SubscriptionFacts; since: number },
): boolean {
  return run.facts.latestInvoiceId === null || failure.invoiceId === run.facts.latestInvoiceId
    ? true
    : failure.at >= run.since;
}

/** The row, without its count of failures where another run of them began since. */
function sameRun(
  stored: StoredSubscription | null,
  moves: readonly Move[],
): StoredSubscription | null {
  if (stored === null || !FAILING.has(stored.state)) return stored;
  const since = stored.pastDueSince ?? stored.since;
  const wasLeft = moves.some((move) => move.at > since && !FAILING.has(move.to));
  return wasLeft ? { ...stored, state: 'active', failedAttempts: 0, pastDueSince: null } : stored;
}

/** When the last run of failed payments among the moves began; null when it is not among them. */
function runStart(moves: readonly Move[]): number | null {
  const start = moves.findLast((move) => FAILING.has(move.to) && !FAILING.has(move.from));
  return start?.at ?? null;
}

function effectsOfBatch(
  input: BatchInput,
  result: {
    events: readonly EventFacts[];
    next: StoredSubscription | null;
    lines: readonly BatchTransition[];
  },
): Effect[] {
  const { next, lines, events } = result;
  const { settings, now, cause, followed, isTakenOver } = input;
  const context = { after: next, settings, now, cause, followed };
  const ids = new Set(events.map(({ id }) => id));
  const effects = [...events, null].flatMap((event) => {
    const transitions = lines.filter(({ eventId }) =>
      event === null ? eventId === null || !ids.has(eventId) : eventId === event.id,
    );
    return effectsOf({ event, transitions, ...context }).filter(
      ({ kind }) => !isTakenOver || /^(mail|webhook)\./.test(kind),
    );
  });
  const distinct = new Map(effects.map((effect) => [`${effect.kind} ${effect.objectId}`, effect]));
  return [...distinct.values()];
}
