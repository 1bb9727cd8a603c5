import { pastsOf, type CustomerPast } from '../../db/customer-pasts.ts';
import { customersByStripeId } from '../../db/customers.ts';
import type { Database, Db } from '../../db/database.ts';
import { dueEventsOfMany, payloadsOf, type DueEvent } from '../../db/due-events.ts';
import { findSubscriptions, type SubscriptionRow } from '../../db/subscriptions.ts';
import { recentHistories, type TransitionRow } from '../../db/transitions.ts';
import { readEvent, type EventFacts } from '../../state/event-facts.ts';
import { isOurs } from '../../state/ownership.ts';
import { STATES } from '../../state/states.ts';
import type { LifecycleState } from '../../state/types.ts';
import type { ClaimedTask } from './decision.ts';

/** Most events of one customer that are taken at once, and lines of history that decisions look back on. */
const MAX_EVENTS = 200;
const MAX_HISTORY = 100;

/** A stored event with what it says. */
export interface WaitingEvent {
  row: DueEvent;
  facts: EventFacts;
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
  /** True when the customer is known to have no other subscription here. */
  isAlone: boolean;
}

/** What waits for one customer, and what the database knows. */
export interface Loaded {
  task: ClaimedTask;
  /** The events of each subscription to read from Stripe: those of events, one asked for, all of a deleted customer. */
  bySubscription: Map<string, WaitingEvent[]>;
  /** Events about no subscription: one-off invoices, customers, clocks. */
  other: WaitingEvent[];
  /** Events that cannot even be read again, with the reason. */
  broken: { row: DueEvent; error: unknown }[];
  known: Map<string, Known>;
  /** Whose customer it is; read only for events about no subscription. */
  userId: string | null;
}

type Work = Omit<Loaded, 'known' | 'userId'>;

/**
 * Loads what waits for these customers and what is known of them, in a few statements however many they are. Outside of
 * a transaction: only the holder of a customer's fence at the commit could have written it since.
 */
export async function load(
  { knex: db, clock }: Pick<Database, 'knex' | 'clock'>,
  tasks: readonly ClaimedTask[],
): Promise<Loaded[]> {
  const works = await loadEvents(db, tasks, clock.now());
  const deleted = works.filter(({ other }) => other.some(isDeletion)).map(keyOf);
  const pasts = await pastsByCustomer(db, deleted);
  for (const work of works) addLiveSubscriptions(work, pasts.get(keyOf(work)));

  const ids = works.flatMap(({ bySubscription }) => [...bySubscription.keys()]);
  const withOther = works.filter(({ other }) => other.length > 0).map(keyOf);
  const [rows, customers] = await Promise.all([
    findSubscriptions(db, ids),
    withOther.length > 0 ? customersByStripeId(db, withOther) : new Map<string, never>(),
  ]);
  const stored = new Map(rows.map((row) => [row.id, row]));

  const needPast = works.filter(
    (work) =>
      !pasts.has(keyOf(work)) &&
      [...work.bySubscription].some(([id, events]) => needsPast(stored.get(id), events)),
  );
  const [lines, more] = await Promise.all([
    stored.size > 0 ? recentHistories(db, [...stored.keys()], MAX_HISTORY) : [],
    pastsByCustomer(db, needPast.map(keyOf)),
  ]);
  for (const [key, past] of more) pasts.set(key, past);
  const histories = groupBy(lines, (line) => line.subscriptionId);

  return works.map((work) => ({
    ...work,
    userId: customers.get(keyOf(work))?.userId ?? null,
    known: new Map(
      [...work.bySubscription].map(([id, events]) => {
        const row = stored.get(id) ?? null;
        const past = needsPast(row, events) ? pasts.get(keyOf(work))! : null;
        return [id, knownOf({ id, stored: row, history: histories.get(id) ?? [], past })];
      }),
    ),
  }));
}

const keyOf = ({ task }: Pick<Work, 'task'>) => task.key;

const isDeletion = ({ facts }: WaitingEvent) => facts.type === 'customer.deleted';

async function loadEvents(db: Db, tasks: readonly ClaimedTask[], now: number): Promise<Work[]> {
  const rows = await dueEventsOfMany(
    db,
    tasks.map(({ key }) => key),
    { now, limit: MAX_EVENTS, also: tasks.flatMap(({ also }) => also) },
  );
  const payloads =
    rows.length > 0
      ? await payloadsOf(
          db,
          rows.map(({ id }) => id),
        )
      : new Map<string, string>();
  const byCustomer = groupBy(rows, (row) => row.subject);
  return tasks.map((task) => {
    const own = byCustomer.get(task.key) ?? [];
    const work: Work = {
      task,
      bySubscription: new Map(),
      other: [],
      broken: [],
    };
    if (task.wanted) work.bySubscription.set(task.wanted.subscriptionId, []);
    for (const row of own) place(work, row, payloads.get(row.id) ?? '');
    return work;
  });
}

function place(work: Work, row: DueEvent, payload: string): void {
  try {
    const event = { row, facts: readEvent(JSON.parse(payload)) };
    const id = event.facts.subscriptionId ?? row.subscriptionId;
    // PostgreSQL refuses such a text, and with it the statement that asks for everybody's subscriptions.
    if (id?.includes('\0')) throw new TypeError('The id of the subscription has a U+0000');
    if (id === null) work.other.push(event);
    else append(work.bySubscription, id, event);
  } catch (error) {
    work.broken.push({ row, error });
  }
}

function append<Key, Value>(groups: Map<Key, Value[]>, key: Key, value: Value): void {
  const group = groups.get(key);
  if (group) group.push(value);
  else groups.set(key, [value]);
}

function groupBy<Key, Value>(values: Value[], keyOfValue: (value: Value) => Key) {
  const groups = new Map<Key, Value[]>();
  for (const value of values) append(groups, keyOfValue(value), value);
  return groups;
}

async function pastsByCustomer(db: Db, ids: string[]): Promise<Map<string, CustomerPast>> {
  if (ids.length === 0) return new Map();
  const pasts = await pastsOf(db, ids);
  return new Map(ids.map((id, i) => [id, pasts[i]!]));
}

/** All live subscriptions of a customer who was deleted ended with them. */
function addLiveSubscriptions(work: Work, past: CustomerPast | undefined): void {
  for (const { id, customerId, state } of past?.subscriptions ?? []) {
    const isOpen = customerId === work.task.key && STATES[state].open;
    if (isOpen && !work.bySubscription.has(id)) work.bySubscription.set(id, []);
  }
}

/**
 * The customer's past matters where a subscription begins, where its account is not known yet, and where a request or
 * an operator asks: its link may have changed.
 */
function needsPast(
  stored: SubscriptionRow | null | undefined,
  events: readonly WaitingEvent[],
): boolean {
  if (events.length === 0 || !stored || stored.foreign || !isOurs(stored)) return true;
  return events.some(({ facts }) => facts.type === 'customer.subscription.created');
}

function knownOf(given: {
  id: string;
  stored: SubscriptionRow | null;
  history: TransitionRow[];
  past: CustomerPast | null;
}): Known {
  const { id, stored, history, past } = given;
  const shared = { stored, history, historyComplete: history.length < MAX_HISTORY };
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
