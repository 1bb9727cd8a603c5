import { findCustomerByStripeId } from '../db/customers.ts';
import type { Db } from '../db/database.ts';
import {
  findSubscriptions,
  liveSubscriptionsOf,
  type SubscriptionRow,
} from '../db/subscriptions.ts';
import { recentHistory, type TransitionRow } from '../db/transitions.ts';
import { hadTrial } from '../db/trials.ts';
import { waitingEventsOf, type EventRow } from '../db/webhook-events.ts';
import { readEvent, type EventFacts } from '../state/event-facts.ts';
import type { LifecycleState } from '../state/types.ts';

const HISTORY_LIMIT = 100;

/** A stored event with what it says. */
export interface WaitingEvent {
  row: EventRow;
  facts: EventFacts;
}

/** The waiting work of one subject: its events, sorted by the subscription that they are about. */
export interface SubjectWork {
  bySubscription: Map<string, WaitingEvent[]>;
  /** About no subscription: one-off invoices, customers, clocks. */
  loose: WaitingEvent[];
  /** Events that cannot even be read again, with the reason. */
  broken: { row: EventRow; error: unknown }[];
  /** True when there may be more than was loaded. */
  more: boolean;
}

/**
 * Loads the events of a subject that are due, and names the subscriptions to read: those of the events, those
 * asked for, and all live ones of a customer who was deleted.
 */
export async function loadWork(
  db: Db,
  subject: string,
  options: { now: number; limit: number; also: string[]; subscriptionId?: string },
): Promise<SubjectWork> {
  const rows = await waitingEventsOf(db, subject, options);
  const work: SubjectWork = {
    bySubscription: new Map(),
    loose: [],
    broken: [],
    more: rows.length === options.limit,
  };
  if (options.subscriptionId) work.bySubscription.set(options.subscriptionId, []);
  for (const row of rows) {
    try {
      place(work, { row, facts: readEvent(JSON.parse(row.payload)) });
    } catch (error) {
      work.broken.push({ row, error });
    }
  }
  const deleted = work.loose.filter(({ facts }) => facts.type === 'customer.deleted');
  if (deleted.length > 0) {
    for (const { id } of await liveSubscriptionsOf(db, subject)) {
      if (!work.bySubscription.has(id)) work.bySubscription.set(id, []);
    }
  }
  return work;
}

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
  everTrialed: boolean;
  formerState: LifecycleState | null;
}

/**
 * Reads what is known of each subscription. Outside of a transaction: whoever holds the subject's fence at
 * the commit was the only one who could write it since.
 */
export async function loadKnown(
  db: Db,
  customerId: string,
  groups: Map<string, WaitingEvent[]>,
): Promise<Map<string, Known>> {
  const ids = [...groups.keys()];
  const rows = new Map((await findSubscriptions(db, ids)).map((row) => [row.id, row]));
  const known = new Map<string, Known>();
  for (const [id, events] of groups) {
    const stored = rows.get(id) ?? null;
    const history = stored ? await recentHistory(db, id, HISTORY_LIMIT) : [];
    const tellsOfBirth = events.some(({ facts }) => facts.type === 'customer.subscription.created');
    const past =
      stored === null || tellsOfBirth || stored.userId === null
        ? await loadPast(db, customerId, { id, createdAt: stored?.createdAt ?? Infinity })
        : { userId: stored.userId, everTrialed: false, formerState: null };
    known.set(id, { stored, history, historyComplete: history.length < HISTORY_LIMIT, ...past });
  }
  return known;
}

/** What only the beginning of a subscription depends on. */
async function loadPast(
  db: Db,
  customerId: string,
  sub: { id: string; createdAt: number },
): Promise<Pick<Known, 'userId' | 'everTrialed' | 'formerState'>> {
  const userId = (await findCustomerByStripeId(db, customerId))?.userId ?? null;
  const others: { state: LifecycleState; created_at: number }[] = await db('subscriptions')
    .where({ customer_id: customerId })
    .whereNot({ id: sub.id })
    .orderBy('created_at', 'desc')
    .select('state', 'created_at');
  return {
    userId,
    everTrialed: await hadTrial(db, { userId, customerId, exceptSubscriptionId: sub.id }),
    formerState: others.find((other) => other.created_at <= sub.createdAt)?.state ?? null,
  };
}
