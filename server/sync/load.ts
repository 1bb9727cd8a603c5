import type { SubscriptionRow } from '../../db/subscriptions.ts';
import type { TransitionRow } from '../../db/transitions.ts';
import type { DueEvent } from '../../db/due-events.ts';
import { readEvent, type EventFacts } from '../../state/event-facts.ts';
import { isOurs } from '../../state/ownership.ts';
import { STATES } from '../../state/states.ts';
import type { LifecycleState } from '../../state/types.ts';
import type { ReadLimits, SubjectReads } from './load-reads.ts';

/** Most events of one subject that are taken at once, and lines of history that decisions look back on. */
export const READ_LIMITS: ReadLimits = { events: 200, history: 100 };

/** A stored event with what it says. */
export interface WaitingEvent {
  row: DueEvent;
  facts: EventFacts;
}

/** The waiting work of one subject: its events, sorted by the subscription that they are about. */
export interface SubjectWork {
  bySubscription: Map<string, WaitingEvent[]>;
  /** About no subscription: one-off invoices, customers, clocks. */
  loose: WaitingEvent[];
  /** Events that cannot even be read again, with the reason. */
  broken: { row: DueEvent; error: unknown }[];
  /** True when there may be more than was loaded. */
  more: boolean;
}

/**
 * Loads the events of a subject that are due, and names the subscriptions to read: those of the events, those
 * asked for, and all live ones of a customer who was deleted.
 */
export async function loadWork(
  reads: SubjectReads,
  subject: string,
  options: { also: string[]; subscriptionId?: string },
): Promise<SubjectWork> {
  const rows = await reads.events(subject, options.also);
  const work: SubjectWork = {
    bySubscription: new Map(),
    loose: [],
    broken: [],
    more: rows.length === READ_LIMITS.events,
  };
  if (options.subscriptionId) work.bySubscription.set(options.subscriptionId, []);
  const told = await Promise.all(rows.map(({ id }) => reads.told(id)));
  for (const [i, row] of rows.entries()) {
    try {
      place(work, { row, facts: factsOf(told[i]!) });
    } catch (error) {
      work.broken.push({ row, error });
    }
  }
  const deleted = work.loose.filter(({ facts }) => facts.type === 'customer.deleted');
  if (deleted.length > 0) {
    for (const { id, customerId, state } of (await reads.past(subject)).subscriptions) {
      const isOpen = customerId === subject && STATES[state].open;
      if (isOpen && !work.bySubscription.has(id)) work.bySubscription.set(id, []);
    }
  }
  return work;
}

const factsOf = (told: EventFacts | string) =>
  typeof told === 'string' ? readEvent(JSON.parse(told)) : told;

function place(work: SubjectWork, event: WaitingEvent): void {
  const id = event.facts.subscriptionId ?? event.row.subscriptionId;
  if (id === null) {
    work.loose.push(event);
    return;
  }
  const group = work.bySubscription.get(id);
  if (group) group.push(event);
  else work.bySubscription.set(id, [event]);
}

/** What the database knows of a subscription before this batch. */
export interface Known {
  stored: SubscriptionRow | null;
  /** Newest first. */
  history: TransitionRow[];
  historyComplete: boolean;
  userId: string | null;
  /** Whether its customer has that account in the table of accounts, or has had. */
  hasLink: boolean;
  everTrialed: boolean;
  formerState: LifecycleState | null;
  /** True when the customer surely has no other subscription here. */
  isAlone: boolean;
}

/**
 * Reads what is known of each subscription. Outside of a transaction: whoever holds the subject's fence at
 * the commit was the only one who could write it since.
 */
export async function loadKnown(
  reads: SubjectReads,
  customerId: string,
  groups: Map<string, WaitingEvent[]>,
): Promise<Map<string, Known>> {
  const known = await Promise.all(
    [...groups].map(
      async ([id, events]) => [id, await loadOne(reads, customerId, { id, events })] as const,
    ),
  );
  return new Map(known);
}

/**
 * About when the present period of a subscription began, in ms, as far as its events and its row tell: a period
 * that is over by `now` was followed by another. null when nothing tells it.
 */
export function guessPeriodStart(
  events: readonly WaitingEvent[],
  { stored }: Known,
  now: number,
): number | null {
  let latest = -Infinity;
  for (const told of [stored?.facts, ...events.map(({ facts }) => facts.subscription)]) {
    for (const { periodStart, periodEnd } of told?.items ?? []) {
      for (const at of [periodStart, periodEnd]) {
        if (at !== null && at <= now && at > latest) latest = at;
      }
    }
  }
  return latest === -Infinity ? null : latest;
}

async function loadOne(
  reads: SubjectReads,
  customerId: string,
  { id, events }: { id: string; events: WaitingEvent[] },
): Promise<Known> {
  // A request or an operator asks: its link may have changed.
  const isAskedFor = events.length === 0;
  const tellsOfBirth = events.some(({ facts }) => facts.type === 'customer.subscription.created');
  const [stored, askedAtOnce] = await Promise.all([
    reads.subscription(id),
    tellsOfBirth || isAskedFor ? reads.past(customerId) : null,
  ]);
  const ownerIsKnown = stored !== null && !stored.foreign && isOurs(stored);
  const [history, past] = await Promise.all([
    stored ? reads.history(id) : [],
    askedAtOnce ?? (ownerIsKnown ? null : reads.past(customerId)),
  ]);
  const shared = { stored, history, historyComplete: history.length < READ_LIMITS.history };
  if (past === null) {
    const userId = stored?.userId ?? null;
    const rest = { hasLink: true, everTrialed: false, formerState: null, isAlone: false };
    return { ...shared, userId, ...rest };
  }
  const others = past.subscriptions.filter((each) => each.id !== id);
  const before = stored?.createdAt ?? Infinity;
  return {
    ...shared,
    userId: past.userId ?? stored?.userId ?? null,
    hasLink: past.userId !== null,
    everTrialed: past.trials.some((subscriptionId) => subscriptionId !== id),
    formerState: others.find(({ createdAt }) => createdAt <= before)?.state ?? null,
    isAlone: others.length === 0,
  };
}
