/**
 * Decides all waiting events of one subscription at once. The end is what was read from Stripe, always; the
 * events' own payloads only tell the history which states lay between two reads.
 */
import { decide, type DecidedTransition, type DecideInput } from './decide.ts';
import { effectsOf, type EffectSettings, type FollowedFailures } from './effects.ts';
import type { Effect } from './effect-kinds.ts';
import type { EventFacts } from './event-facts.ts';
import { explain } from './explain.ts';
import { beganAs, hasAttempt, historyHas, lastTime, stateAt, type HistoryLine } from './history.ts';
import { lifecycleOf } from './lifecycle.ts';
import { failuresIn, signalOf, type Signal } from './signals.ts';
import { distinctEvents, follows, orderSnapshots, type Snapshot } from './snapshot-order.ts';
import type { LifecycleState, StoredSubscription, SubscriptionFacts } from './types.ts';
import type { Transition } from './types.ts';

export interface BatchInput extends Omit<DecideInput, 'facts' | 'signals' | 'settings'> {
  /** Waiting events of this subscription, in any order, duplicates allowed. */
  events: readonly EventFacts[];
  /** What Stripe says now; null when it was not asked (then the newest payload counts). */
  read: SubscriptionFacts | null;
  /** Recent lines of this subscription, oldest first. */
  history: readonly HistoryLine[];
  /** False when `history` was cut: what lies before its first line is then left alone. */
  historyComplete?: boolean;
  settings: EffectSettings;
  /** What effects name as the cause of lines that no event of the batch explains. */
  cause?: { type: string; id: string };
  /** Failed attempts that events told of, those of this batch included. */
  followed?: FollowedFailures;
  /** True when it had a life before it was seen here: nothing is done at Stripe, and notices are only noted. */
  isTakenOver?: boolean;
}

/** A line with what caused it; `eventId` is null when no event of the batch did. */
export interface BatchTransition extends Transition {
  eventId: string | null;
  at: number;
}

export interface BatchDecision {
  /** null only when nothing is known: no row, no read, no payload. */
  next: StoredSubscription | null;
  transitions: BatchTransition[];
  effects: Effect[];
  unknownStatus: string | null;
}

/** The end state is the same whatever the order, the repetition and the batching of the events. */
export function decideBatch(input: BatchInput): BatchDecision {
  const walk = new Walk(input);
  walk.takeFailures();
  walk.takeSnapshots();
  walk.takeRead();
  walk.takeLateFailures();
  const { current: next, lines } = walk;
  return {
    next,
    transitions: lines,
    effects: effectsOfBatch(input, { events: walk.events, next, lines }),
    unknownStatus: walk.unknownStatus,
  };
}

class Walk {
  readonly events: EventFacts[];
  readonly lines: BatchTransition[] = [];
  current: StoredSubscription | null;
  unknownStatus: string | null = null;
  private readonly input: BatchInput;
  private readonly signals: Signal[];
  private readonly snapshots: Snapshot[];

  constructor(input: BatchInput) {
    this.input = input;
    this.current = input.stored;
    this.events = distinctEvents(input.events);
    this.signals = this.events.flatMap((event) => signalOf(event) ?? []);
    const id = input.read?.id ?? input.stored?.id;
    const own = this.events.filter((event) => id === undefined || event.subscription?.id === id);
    const ordered = orderSnapshots(own, input.stored?.facts ?? null);
    this.snapshots = ordered.map((snapshot) => withSchedule(snapshot, input, this.events));
  }

  /** Further failed attempts of a row that is past due already. */
  takeFailures(): void {
    if (this.current?.state === 'past_due') {
      this.step(this.current.facts, this.input.now, (line) => this.causeOf(line));
    }
  }

  /** The states that the payloads show, as far as they are news. */
  takeSnapshots(): void {
    for (const snapshot of this.snapshots) {
      const { event, facts } = snapshot;
      if (this.isOld(snapshot)) {
        this.addLate(snapshot);
        continue;
      }
      const own = { eventId: event.id, at: event.createdAt };
      // Repeated attempts keep their own events; everything else this payload tells.
      this.step(facts, event.createdAt, (line) => (isRepeat(line) ? this.causeOf(line) : own));
    }
  }

  /** What Stripe says now has the last word. */
  takeRead(): void {
    const { read } = this.input;
    if (read !== null) this.step(read, this.lookTime(), (line) => this.causeOf(line));
  }

  /** Attempts that a later attempt, or a read that counted them, was ahead of. */
  takeLateFailures(): void {
    const { stored } = this.input;
    if (this.current?.state !== 'past_due' || stored?.state !== 'past_due') return;
    for (const failure of failuresIn(this.signals)) {
      const known = [...this.input.history, ...this.asHistory()];
      const ofRun = failure.invoiceId === (stored.facts.latestInvoiceId ?? failure.invoiceId);
      if (!ofRun || failure.attempt > stored.failedAttempts || hasAttempt(known, failure)) continue;
      this.add({
        from: 'past_due',
        to: 'past_due',
        event: 'payment_failed',
        unexpected: false,
        late: true,
        detail: {
          attempt: failure.attempt,
          invoice: failure.invoiceId,
          amount: failure.amount,
          currency: failure.currency,
        },
        eventId: failure.eventId,
        at: failure.at,
      });
    }
  }

  private step(
    facts: SubscriptionFacts,
    now: number,
    causeOf: (line: DecidedTransition) => { eventId: string | null; at: number },
  ): void {
    const { catalogue, settings, everTrialed, formerState, userId } = this.input;
    const { current: stored, signals } = this;
    const known = { catalogue, settings, everTrialed, formerState, userId };
    const decision = decide({ stored, facts, signals, now, ...known });
    this.current = decision.next;
    this.unknownStatus = decision.unknownStatus;
    for (const line of decision.transitions) {
      const { from, to, event, unexpected, late, detail } = line;
      const { eventId, at } = causeOf(line);
      this.add({ from, to, event, unexpected, late, detail, eventId, at });
    }
  }

  private add(line: BatchTransition): void {
    this.lines.push(line);
  }

  /** A payload from before what the row already reflects. It must not move the row back. */
  private isOld(snapshot: Snapshot): boolean {
    const { stored } = this.input;
    if (!stored) return false;
    const state = this.stateOf(snapshot);
    if (stored.state === 'canceled') return true;
    if (snapshot.event.type === 'customer.subscription.created') return true;
    // Replayed: it has its line.
    const { id } = snapshot.event;
    if (this.input.history.some((line) => line.causeId === id && line.to === state)) return true;
    if (state === 'canceled') return false;
    const last = lastTime(this.input.history);
    const known = Number.isFinite(last) ? last : stored.since;
    const time = snapshot.event.createdAt;
    return time < known || (time === known && !follows(snapshot, stored.facts));
  }

  private addLate(snapshot: Snapshot): void {
    const { stored, read, history, historyComplete } = this.input;
    const state = this.stateOf(snapshot);
    const { createdAt: at, id: eventId, type } = snapshot.event;
    const target = read === null ? null : this.stateOf({ ...snapshot, facts: read });
    // It only looks old, by the grain of a second: it is the news that the read brings.
    if (state === target && stored?.state !== target) return;
    const known = [...history, ...this.asHistory()];
    const isFirst = type === 'customer.subscription.created';
    if (historyHas(known, { state, time: at }) || (isFirst && beganAs(known, state))) return;
    if (historyComplete === false && at < Math.min(...history.map((line) => line.at))) return;
    const from = isFirst ? (this.input.formerState ?? 'none') : stateAt(known, at);
    const step = explain(from, state, lateEvidence(snapshot, this.input)).at(-1);
    if (!step) return;
    this.add({
      from: step.from,
      to: state,
      event: step.event.type,
      unexpected: step.unexpected,
      late: true,
      detail: { status: snapshot.facts.stripeStatus },
      eventId,
      at,
    });
  }

  private stateOf({ event, facts }: Snapshot): LifecycleState {
    const previous = stateAt([...this.input.history, ...this.asHistory()], event.createdAt);
    return lifecycleOf(facts, { catalogue: this.input.catalogue, previous }).state;
  }

  /** The event that explains a line: its signal, a payload that shows the state, else the newest event. */
  private causeOf(line: DecidedTransition): { eventId: string | null; at: number } {
    const causes: { eventId: string; at: number }[] = [];
    if (line.signal) causes.push({ eventId: line.signal.eventId, at: line.signal.at });
    for (const snapshot of this.snapshots.toReversed()) {
      const { id: eventId, createdAt: at } = snapshot.event;
      if (line.from !== line.to && this.stateOf(snapshot) === line.to) causes.push({ eventId, at });
    }
    const newest = this.events.at(-1);
    const at = this.timeOf(line);
    if (newest) causes.push({ eventId: newest.id, at });
    return causes.find((cause) => !this.isTaken(cause.eventId, line)) ?? { eventId: null, at };
  }

  private isTaken(eventId: string, line: DecidedTransition): boolean {
    return [...this.input.history, ...this.asHistory()].some(
      (known) =>
        known.causeId === eventId &&
        known.to === line.to &&
        (known.event ?? line.event) === line.event,
    );
  }

  private timeOf(line: DecidedTransition): number {
    const ended = this.input.read?.endedAt ?? null;
    return line.to === 'canceled' && ended !== null ? ended : this.lookTime();
  }

  /** When we looked, in whole seconds like Stripe's own times, and never before the newest event. */
  private lookTime(): number {
    const now = Math.floor(this.input.now / 1000) * 1000;
    return Math.max(now, this.events.at(-1)?.createdAt ?? now);
  }

  private asHistory(): HistoryLine[] {
    return this.lines.map((line) => ({ causeId: line.eventId, ...line }));
  }
}

function isRepeat(line: DecidedTransition): boolean {
  return line.from === 'past_due' && line.event === 'payment_failed' && line.signal !== null;
}

function lateEvidence(snapshot: Snapshot, input: BatchInput) {
  return {
    before: snapshot.event.before,
    after: snapshot.facts,
    attempt: 1,
    failedAttempts: 0,
    maxAttempts: input.settings.finalAction === 'none' ? null : input.settings.maxAttempts,
    everTrialed: input.everTrialed === true,
    change: null,
  };
}

/**
 * Payloads name a schedule by id only, so whether a smaller plan waits must come from elsewhere: a schedule
 * event of the batch, the read, or the row.
 */
function withSchedule(
  snapshot: Snapshot,
  input: BatchInput,
  events: readonly EventFacts[],
): Snapshot {
  const { facts, event } = snapshot;
  if (facts.scheduleId === null || facts.scheduleExpanded === true) return snapshot;
  const told = events.flatMap(({ schedule }) =>
    schedule?.id === facts.scheduleId ? schedule : [],
  );
  const rows = [input.read, input.stored?.facts].filter(
    (row) => row?.scheduleId === facts.scheduleId,
  );
  const phases = [...told.toReversed(), ...rows].map((source) => source?.nextPhase ?? null);
  const nextPhase = phases.find((phase) => phase !== null && phase.at > event.createdAt) ?? null;
  return { event, facts: { ...facts, nextPhase } };
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
  const effects = [...events, null].flatMap((event) => {
    const transitions = lines.filter((line) => line.eventId === (event?.id ?? null));
    return effectsOf({ event, transitions, ...context }).filter(
      ({ kind }) => !isTakenOver || /^(mail|webhook)\./.test(kind),
    );
  });
  const distinct = new Map(effects.map((effect) => [`${effect.kind} ${effect.objectId}`, effect]));
  return [...distinct.values()];
}
