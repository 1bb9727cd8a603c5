/** Walks a chain of links and tells each move: what Stripe's events say, and what must have lain between them. */
import { decideLines, type DecidedTransition } from '../decide.ts';
import type { EventFacts } from '../event-facts.ts';
import { statusOf } from '../lifecycle.ts';
import { signalOf, type FailedSignal, type Signal } from '../signals.ts';
import type {
  LifecycleState,
  StoredSubscription,
  SubscriptionFacts,
  Transition,
} from '../types.ts';
import type { Move, Telling } from './telling.ts';
import { distinctFailures, withAttempts } from './attempts.ts';
import type { HistoryLine } from './lines.ts';
import { planOfFacts } from '../catalogue.ts';
import { mrrOf } from '../plan-change.ts';
import { mrrOnTheWay } from '../metrics.ts';
import { gapBetween, type Link, type Point, type Tracker } from './links.ts';

const CLOSE = 10_000;

/** The moves in order, and where they end. */
export function tellMoves(telling: Telling): { moves: Move[]; end: Tracker } {
  const teller = new Teller(telling);
  for (const link of telling.links) teller.take(link);
  if (telling.read !== null) teller.close(telling.read);
  return { moves: withAttempts(telling, teller), end: teller.tracker };
}

class Teller {
  tracker: Tracker;
  private readonly telling: Telling;
  private readonly signals: Signal[];
  readonly failures: FailedSignal[];
  /** Those that a move into past_due tells of. */
  readonly consumed = new Set<FailedSignal>();
  readonly moves: Move[] = [];
  /** Monthly recurring revenue while past due, from each time on, oldest first; null where it is not known. */
  readonly earned: ({ at: number } & Pick<Move, 'mrr' | 'plan'>)[] = [];
  private run: { since: number; attempts: number } | null;

  constructor(telling: Telling) {
    this.telling = telling;
    this.tracker = telling.start;
    this.run = telling.run;
    this.signals = telling.events.flatMap((event) => signalOf(event) ?? []);
    this.failures = distinctFailures(this.signals);
    this.earned.push({ at: -Infinity, ...this.earningOf(telling.start.point.facts) });
  }

  take(link: Link): void {
    const { tracker } = this;
    if (tracker.point.state === 'canceled' && link.kind !== 'line') return;
    if (link.kind === 'created' && tracker.point.state !== 'none') return;
    const before = link.kind === 'created' ? null : tracker.before(link);
    if (before !== null) this.bridge(before, link);
    const after = this.tracker.after(link);
    if (link.kind === 'line') this.keep(link.line);
    else if (after.facts !== null) this.step(after.facts, link);
    this.tracker = this.tracker.follow(link);
    if (after.state !== 'past_due') return;
    const { mrr = null, plan = null } =
      link.kind === 'line' ? link.line : this.earningOf(after.facts);
    this.earned.push({ at: link.at, mrr, plan });
  }

  private earningOf(facts: SubscriptionFacts | null): Pick<Move, 'mrr' | 'plan'> {
    const { catalogue } = this.telling.input;
    if (facts === null) return { mrr: null, plan: null };
    return { mrr: mrrOf(catalogue, facts), plan: planOfFacts(catalogue, facts)?.plan.id ?? null };
  }

  /** What Stripe says now has the last word. */
  close(read: SubscriptionFacts): void {
    const point = this.tracker.pointOf(read);
    if (this.tracker.point.state === 'canceled' && point.state !== 'canceled') return;
    this.step(read, null);
    this.tracker = this.tracker.at(point);
  }

  /** Where a link begins elsewhere than the chain stands, a move is missing. */
  private bridge(before: Point, link: Link): void {
    const { point } = this.tracker;
    const isOpen = point.state === 'none' || gapBetween(point, before) > 1;
    if (!isOpen) return;
    if (before.facts === null) this.pushBridge(before, link);
    else {
      const lines = asShown(this.linesTo(before.facts, link.at), null);
      for (const line of lines)
        this.push(line, { link: null, at: link.at, causeId: `${link.id}:before` }, before.facts);
    }
    this.tracker = this.tracker.at(before);
  }

  /** Towards a recorded line whose facts are not known. */
  private pushBridge(before: Point, link: Link): void {
    const { point } = this.tracker;
    const known = point.facts;
    if (known === null || point.state === before.state) return;
    this.moves.push({
      from: point.state,
      to: before.state,
      event: link.kind === 'line' ? (link.line.event ?? 'paid') : 'paid',
      unexpected: true,
      late: false,
      detail: {},
      at: this.dated(link.at),
      source: null,
      causeId: `${link.id}:before`,
      guess: true,
      mrr: null,
      plan: null,
      line: null,
    });
  }

  private step(facts: SubscriptionFacts, link: Link | null): void {
    const lines = asShown(this.linesTo(facts, link?.at ?? null), link);
    const cause = { link, at: link?.at ?? null, causeId: link?.id ?? null };
    for (const line of lines) this.push(line, cause, facts);
  }

  private linesTo(facts: SubscriptionFacts, at: number | null): DecidedTransition[] {
    const { input, id, customerId } = this.telling;
    const { point } = this.tracker;
    const signals = this.signalsFor(facts, at);
    const stored = rowAt(point, { facts, id, customerId, run: this.run });
    const { catalogue, settings, everTrialed, formerState, userId, now } = input;
    return decideLines({
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
  }

  private signalsFor(facts: SubscriptionFacts, at: number | null): Signal[] {
    const rest = this.signals.filter((signal) => {
      if (signal.type === 'payment_failed') return false;
      return signal.type !== 'paid' || signal.amount > 0 || at === null || signal.at >= at - CLOSE;
    });
    const status = facts.stripeStatus;
    if (status === 'past_due') {
      if (this.tracker.point.state === 'past_due') return rest;
      const first = this.entering(facts, at);
      if (first) this.consumed.add(first);
      return first ? [first, ...rest] : rest;
    }
    const { run } = this;
    if (run === null || (status !== 'canceled' && status !== 'unpaid')) return rest;
    const until = at ?? Infinity;
    return [
      ...this.failures.filter((each) => each.at >= run.since - CLOSE && each.at <= until + CLOSE),
      ...rest,
    ];
  }

  /** The failed attempt that made it past due: of the same second, else the first of its invoice. */
  private entering(facts: SubscriptionFacts, at: number | null): FailedSignal | null {
    const own = this.failures.filter(
      (each) =>
        !this.consumed.has(each) &&
        (facts.latestInvoiceId === null || each.invoiceId === facts.latestInvoiceId),
    );
    const together = own.find((each) => at !== null && Math.abs(each.at - at) <= 1_000);
    const first = own.find((each) => each.attempt === 1 && (at === null || each.at <= at + CLOSE));
    return together ?? first ?? null;
  }

  private push(
    line: DecidedTransition,
    cause: { link: Link | null; at: number | null; causeId: string | null },
    facts: SubscriptionFacts,
  ): void {
    const { from, to, event, unexpected, late, signal } = line;
    const { link } = cause;
    const source = link !== null && link.kind !== 'line' ? link.event : null;
    const isLast = line.to === this.stateOf(facts);
    const isBegun = line.from !== 'none' || link?.kind === 'created';
    // Another plan or period is told by the event that also tells what follows it.
    const isOnTheWay = !isLast && line.from !== line.to && link?.kind !== 'created';
    const guess = source === null || !isBegun || isOnTheWay;
    const told = source === null ? null : source.createdAt;
    const known = told ?? guessedTime(line, facts) ?? cause.at ?? this.now();
    const isGuessed = told === null && this.moves.every((move) => move.source === null);
    const at = this.dated(isGuessed ? Math.max(known, this.telling.latest) : known, cause.at);
    const detail = source === null ? line.detail : { ...line.detail, ...wordsOf(source, line) };
    this.moves.push({
      from,
      to,
      event,
      unexpected,
      late,
      detail,
      at,
      source,
      causeId: cause.causeId,
      guess,
      ...this.earningOf(facts),
      ...(!isLast && { mrr: mrrOnTheWay(this.telling.input.catalogue, line.to, facts) }),
      line: null,
    });
    this.note(line.to, at, signal);
  }

  private keep(line: HistoryLine): void {
    this.moves.push({
      from: line.from ?? 'none',
      to: line.to,
      event: line.event ?? 'paid',
      unexpected: line.unexpected === true,
      late: false,
      detail: line.detail ?? {},
      at: line.at,
      source: null,
      causeId: line.causeId,
      guess: false,
      mrr: line.mrr ?? null,
      plan: line.plan ?? null,
      line,
    });
    this.note(line.to, line.at, null);
  }

  /** Keeps count of the run of failed payments. */
  private note(to: LifecycleState, at: number, signal: Signal | null): void {
    if (to !== 'past_due' && to !== 'unpaid') this.run = null;
    else {
      const attempt = signal?.type === 'payment_failed' ? signal.attempt : 1;
      const { since, attempts } = this.run ?? { since: at, attempts: 0 };
      this.run = { since, attempts: Math.max(attempts, attempt) };
    }
  }

  private stateOf(facts: SubscriptionFacts): LifecycleState {
    return this.tracker.stateOf(facts);
  }

  /** Dates never go back. */
  private dated(at: number, notAfter: number | null = null): number {
    const last = this.moves.at(-1)?.at ?? this.telling.notBefore;
    return Math.max(last, notAfter === null ? at : Math.min(at, notAfter));
  }

  /** When we looked, in whole seconds like Stripe's own times: for what Stripe gives no time for. */
  private now(): number {
    return Math.floor(this.telling.input.now / 1000) * 1000;
  }
}

/**
 * An event shows one move, from the object before to the object after: what must have lain between is not made a line
 * of. Of a move that a read gives away it is, but for an end or a smaller plan that was set before.
 */
function asShown(lines: readonly DecidedTransition[], link: Link | null): DecidedTransition[] {
  const steps = lines.filter((line) => line.from !== line.to);
  const [first, last] = [steps[0], steps.at(-1)];
  if (!first || !last || first === last) return [...lines];
  const isBackground = last.to === 'cancel_pending' || last.to === 'downgrading';
  if (link === null && !isBackground) return [...lines];
  const named = isBackground ? first : last;
  const unexpected = steps.some((step) => step.unexpected);
  const move = { ...named, from: first.from, to: last.to, unexpected };
  return lines.flatMap((line) => (line === first ? move : steps.includes(line) ? [] : line));
}

/** The row that a step starts from; null before the beginning. */
function rowAt(
  point: Point,
  known: {
    facts: SubscriptionFacts;
    id: string;
    customerId: string;
    run: { since: number; attempts: number } | null;
  },
): StoredSubscription | null {
  if (point.state === 'none') return null;
  const { id, customerId, run } = known;
  return {
    id,
    customerId,
    userId: null,
    state: point.state,
    status: statusOf(point.state),
    facts: point.facts ?? known.facts,
    plan: null,
    failedAttempts: run?.attempts ?? 0,
    pastDueSince: run?.since ?? null,
    since: 0,
    mrr: 0,
  };
}

/** Stripe's own time of a move that no event tells of, where the subscription says it. */
function guessedTime(line: DecidedTransition, facts: SubscriptionFacts): number | null {
  const { to, from, signal } = line;
  if (to === 'canceled') return facts.endedAt ?? facts.canceledAt;
  // An end that was agreed long before counts from the period with which it comes.
  if (to === 'cancel_pending') {
    return facts.canceledAt === null
      ? null
      : Math.max(facts.canceledAt, facts.currentPeriodStart ?? 0);
  }
  if (line.event === 'renewed' || line.event === 'period_ended') return facts.currentPeriodStart;
  if (from === 'none' || from === 'canceled') return facts.trialStart ?? facts.createdAt;
  if (to === 'past_due') return signal?.at ?? null;
  return from === 'trialing' && to === 'active' ? facts.trialEnd : null;
}

/** What a customer said on leaving. */
function wordsOf(event: EventFacts, line: DecidedTransition): Transition['detail'] {
  if (line.event !== 'cancel_scheduled' && line.to !== 'canceled') return {};
  const { feedback = null, comment = null } = event.cancellation ?? {};
  return { ...(feedback === null ? {} : { feedback }), ...(comment === null ? {} : { comment }) };
}
