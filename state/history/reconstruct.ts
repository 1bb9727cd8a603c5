/**
 * The history of one subscription from what its events and reads say: which lines are new, which now say more, and
 * which were wrong. Pure, and the same whatever the order in which events became known.
 */
import type { Catalogue } from '../catalogue.ts';
import type { DecideInput } from '../decide.ts';
import type { EventFacts } from '../event-facts.ts';
import { mrrOf } from '../plan-change.ts';
import { signalOf } from '../signals.ts';
import type { LifecycleState, StoredSubscription, SubscriptionFacts } from '../types.ts';
import { orderLinks } from './chain.ts';
import { hasAttempt, hasBeginning, lastEventTime, type HistoryLine } from './lines.ts';
import {
  fingerprint,
  gapBefore,
  gapBetween,
  linksOf,
  Tracker,
  type Link,
  type Point,
} from './links.ts';
import { tellMoves } from './moves.ts';
import type { Move } from './telling.ts';
import { stands } from './pair-lines.ts';
import { reconcile, type Reconciled } from './reconcile.ts';

export interface HistoryInput extends Omit<DecideInput, 'facts' | 'signals'> {
  /** Waiting events that may be about this subscription. */
  events: readonly EventFacts[];
  /** Those that were processed before, where `needsPast` asked for them. */
  past?: readonly EventFacts[];
  /** Earlier events than these were not looked at. */
  pastSince?: number;
  /** What Stripe says now; null when it was not asked. */
  read: SubscriptionFacts | null;
  /** Lines of this subscription in their order. */
  history: readonly HistoryLine[];
  /** False when `history` was cut: what lies before its first line is then left alone. */
  historyComplete?: boolean;
  /** Numbers of lines that were told and then disproved: no other line may have them. */
  takenNumbers?: readonly number[];
}

export interface Reconstructed extends Reconciled {
  /** What the last link, or Stripe, says. */
  facts: SubscriptionFacts | null;
}

/** Distinct events, oldest first (ties by id, so that the result does not depend on the order given). */
export function distinctEvents(events: readonly EventFacts[]): EventFacts[] {
  const byId = new Map(events.map((event) => [event.id, event]));
  return [...byId.values()].sort(
    (a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
}

/** Whether the waiting events go on where the history ends; if not, those before them are needed to place them. */
export function needsPast(input: HistoryInput): boolean {
  return input.stored !== null && continuation(input) === null;
}

/** The lines that the history is to have. */
export function reconstruct(input: HistoryInput): Reconstructed {
  const ordered = continuation(input);
  return ordered === null ? retell(input) : goOn(input, ordered);
}

/** The new links in order when they go on where the row stands and end in what Stripe says; null otherwise. */
function continuation(input: HistoryInput): Link[] | null {
  const { stored, history, read } = input;
  if (stored === null) return null;
  const events = ownEvents(input, input.events);
  const last = lastEventTime(history);
  if (events.some((event) => isLateFailure(event, { stored, history, last }))) return null;
  if (events.some(isFurtherAttempt) && hasSilentRevenue(input, stored)) return null;
  const news = newLinks(input, events, stored);
  if (news === null) return null;
  const start = trackerAt(input, stored);
  const end = read === null ? null : start.pointOf(read);
  const ordered = orderLinks(news, { start, end });
  let tracker = start;
  for (const link of ordered) {
    if (link.kind === 'schedule' && !isInUse(link.scheduleId, stored, ordered)) return null;
    if (link.at < last || gapBefore(tracker, link) !== 0) return null;
    // What comes next is in the schedule, which may have told of it before.
    if ('after' in link && !tracker.knowsSchedule(link.after)) return null;
    const { state } = tracker.point;
    tracker = tracker.follow(link);
    // Which payments failed may have come before.
    if (tracker.point.state === 'past_due' && state !== 'past_due') return null;
  }
  if (end === null || ordered.length === 0) return ordered;
  return gapBetween(tracker.point, end) > 1 ? null : ordered;
}

/** Links that say something new; null when one of them was told, or says how it began. */
function newLinks(
  input: HistoryInput,
  events: readonly EventFacts[],
  stored: StoredSubscription,
): Link[] | null {
  const print = fingerprint(stored.facts);
  const start = trackerAt(input, stored);
  const last = lastEventTime(input.history);
  const causes = new Set(input.history.map(({ causeId }) => causeId));
  const news: Link[] = [];
  for (const link of linksOf(events, [])) {
    if (causes.has(link.id)) return null;
    // A schedule may explain what a read or an event has shown before it came.
    if (link.kind === 'schedule' && (input.history.at(-1)?.guess === true || link.at <= last)) {
      return null;
    }
    if (link.kind === 'created') {
      if (hasBeginning(input.history) || input.historyComplete === false) continue;
      return null;
    }
    const isKnown = 'afterPrint' in link && link.afterPrint === print;
    if (!isKnown || !isSilent(link, start, input.catalogue)) news.push(link);
  }
  return news.length > 0 && isRoundTrip(input.history, stored.state) ? null : news;
}

/** Whether reads alone have shown that it left its state, or its plan, and came back: events may tell of the same. */
function isRoundTrip(history: readonly HistoryLine[], state: LifecycleState): boolean {
  const firstOpen = history.findLastIndex((line) => line.guess !== true) + 1;
  const open = history.slice(firstOpen);
  const isLeft = open.some((line) => line.from === state && line.to !== state);
  return isLeft || open.filter((line) => line.from === line.to).length > 1;
}

/** Whether a schedule manages the subscription now or from a waiting event on; if not, it may have done so before. */
function isInUse(scheduleId: string, stored: StoredSubscription, links: readonly Link[]): boolean {
  if (stored.facts.scheduleId === scheduleId) return true;
  return links.some((link) => 'after' in link && link.after.scheduleId === scheduleId);
}

/** Whether a payload can have no line, whatever came before it. */
function isSilent(link: Link, start: Tracker, catalogue: Catalogue): boolean {
  if (link.kind === 'witness') return true;
  if (link.kind !== 'updated' || link.before?.scheduleId !== link.after.scheduleId) return false;
  const before = start.before(link);
  if (before === null || gapBetween(before, start.after(link)) > 1) return false;
  // Failed attempts are told with what it earned then.
  if (start.point.state !== 'past_due' || before.facts === null) return true;
  return mrrOf(catalogue, link.after) === mrrOf(catalogue, before.facts);
}

function isLateFailure(
  event: EventFacts,
  known: { stored: StoredSubscription; history: readonly HistoryLine[]; last: number },
): boolean {
  const signal = signalOf(event);
  if (signal?.type !== 'payment_failed') return false;
  const isBare = ({ from, to, detail }: HistoryLine) =>
    to === 'past_due' &&
    from !== 'past_due' &&
    (detail?.['invoice'] === undefined ||
      (detail['invoice'] === signal.invoiceId && Number(detail['attempt'] ?? 1) > 1));
  if (signal.attempt === 1 && known.history.some(isBare)) return true;
  if (hasAttempt(known.history, signal)) return false;
  // Of one second it may have come before.
  if (signal.at < known.last + Number(signal.attempt > 1)) return true;
  // The entry into past_due is told already, without it.
  return signal.attempt === 1 && known.stored.state === 'past_due';
}

const isFurtherAttempt = (event: EventFacts) => {
  const signal = signalOf(event);
  return signal?.type === 'payment_failed' && signal.attempt > 1;
};

/** Whether what it earns has changed without a line: an attempt may have failed before that or after. */
function hasSilentRevenue(
  { history, catalogue }: HistoryInput,
  stored: StoredSubscription,
): boolean {
  const told = history.findLast(({ mrr }) => typeof mrr === 'number')?.mrr;
  return typeof told === 'number' && told !== mrrOf(catalogue, stored.facts);
}

/** The chain goes on: all lines stay, new ones follow. */
function goOn(input: HistoryInput, links: readonly Link[]): Reconstructed {
  const stored = input.stored!;
  const events = ownEvents(input, input.events);
  const isFailing = stored.state === 'past_due' || stored.state === 'unpaid';
  const { pastDueSince, failedAttempts } = stored;
  const run = isFailing ? { since: pastDueSince ?? stored.since, attempts: failedAttempts } : null;
  const start = trackerAt(input, stored);
  const { moves, end } = tellMoves({
    start,
    links,
    run,
    notBefore: lastEventTime(input.history),
    latest: Math.max(-Infinity, ...input.history.map((line) => line.at)),
    ...tellingOf(input, events),
  });
  const news = moves.filter(
    (move) => move.guess || !input.history.some((line) => isToldBy(line, move)),
  );
  const taken = takenIn(input);
  const begin = { start: stored.state, floor: Math.max(0, ...taken), taken };
  const result = reconcile(news, [], begin);
  const revised = datedBefore(input.history, news.find((move) => !move.guess)?.at ?? Infinity);
  return { ...result, revised, facts: end.point.facts };
}

const takenIn = ({ history, takenNumbers = [] }: HistoryInput) => [
  ...takenNumbers,
  ...history.map((line) => line.number ?? 0),
];

/** Guesses at the end of the history that our own clock has dated after what follows them. */
function datedBefore(history: readonly HistoryLine[], at: number): Reconciled['revised'] {
  const firstOpen = history.findLastIndex((line) => line.guess !== true) + 1;
  return history
    .slice(firstOpen)
    .filter((line) => line.at > at)
    .map((line) => ({ line, move: { ...stands(line).move, at } }));
}

const isToldBy = (line: HistoryLine, move: Move) =>
  line.causeId === move.causeId && line.to === move.to && line.event === move.event;

/** Everything at hand is put in order anew. */
function retell(input: HistoryInput): Reconstructed {
  const { stored } = input;
  const events = ownEvents(input, [...(input.past ?? []), ...input.events]);
  const { lines, since, begin, floor } = windowOf(input);
  const isReturn = lines[0]?.from === 'canceled';
  const seen = events.filter(({ createdAt }) => createdAt > since);
  const ids = new Set(seen.map(({ id }) => id));
  const lineLinks = lines
    .filter((line) => line.guess !== true && !ids.has(line.causeId ?? ''))
    .map((line): Link => {
      const { at, number = null } = line;
      return { kind: 'line', id: `line ${number} ${line.causeId}`, at, told: number, line };
    });
  const start = trackerAt(input, null, { state: begin, facts: null, print: null });
  const read = input.read ?? null;
  const end = read === null ? null : start.pointOf(read);
  const links = orderLinks([...linksOf(seen, lines), ...lineLinks], { start, end });
  const told = tellMoves({
    start,
    links,
    run: null,
    notBefore: since,
    latest: since,
    ...tellingOf(isReturn ? { ...input, formerState: 'canceled' } : input, seen),
  });
  const from = begin === 'none' ? (told.moves[0]?.from ?? begin) : begin;
  const result = reconcile(told.moves, lines, { start: from, floor, taken: takenIn(input) });
  return { facts: told.end.point.facts ?? stored?.facts ?? null, ...result };
}

/** The lines that may still change: not those of an older release, and none before the first of a cut history. */
function windowOf(input: HistoryInput): {
  lines: HistoryLine[];
  /** Events at or before it are told. */
  since: number;
  begin: LifecycleState;
  floor: number;
} {
  const { history } = input;
  const { pastSince = -Infinity } = input;
  const isSettled = (line: HistoryLine) =>
    (line.number ?? null) === null || (line.guess !== true && line.at < pastSince);
  const firstOpen = history.findLastIndex(isSettled) + 1;
  const lines = history.slice(firstOpen);
  const lastOld = history[firstOpen - 1];
  if (lastOld) {
    const { at: since, to: begin, number } = lastOld;
    return { lines, since, begin, floor: number ?? 0 };
  }
  const [first] = lines;
  if (input.historyComplete === false && first) {
    const floor = (first.number ?? 1) - 1;
    return { lines, since: first.at - 1, begin: first.from ?? 'none', floor };
  }
  return { lines, since: -Infinity, begin: 'none', floor: 0 };
}

function tellingOf(input: HistoryInput, events: readonly EventFacts[]) {
  const { stored, read } = input;
  const id = read?.id ?? stored?.id ?? events.find((each) => each.subscription)?.subscriptionId;
  const customerId = read?.customerId ?? stored?.customerId ?? '';
  return { input, id: id ?? '', customerId, read, events };
}

function trackerAt(input: HistoryInput, stored: StoredSubscription | null, point?: Point): Tracker {
  if (point) return new Tracker(input.catalogue, point);
  const facts = stored?.facts ?? null;
  const print = facts === null ? null : fingerprint(facts);
  return new Tracker(input.catalogue, { state: stored?.state ?? 'none', facts, print });
}

/** Events of this subscription, distinct; an invoice or a schedule that names none may be its own. */
function ownEvents(input: HistoryInput, events: readonly EventFacts[]): EventFacts[] {
  const id = input.read?.id ?? input.stored?.id;
  return distinctEvents(events).filter(
    (event) =>
      id === undefined || event.subscriptionId === id || (event.subscriptionId ?? null) === null,
  );
}
