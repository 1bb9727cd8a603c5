import type { CustomerDetails, OwnerLink } from '../../db/customers.ts';
import type { Claim } from '../../db/subjects.ts';
import { processedFailures } from '../../db/webhook-events.ts';
import { readEvent, type EventFacts } from '../../state/event-facts.ts';
import { isForeignAsTold, markedAccount } from '../../state/ownership.ts';
import { signalOf } from '../../state/signals.ts';
import type { Cause, StoredSubscription } from '../../state/types.ts';
import type { DecidedWork, Failure } from './decision.ts';
import {
  decideSighting,
  effectsOfLoose,
  historyInputOf,
  type DecisionContext,
  type Sighting,
} from './decide.ts';
import type { EngineContext } from './context.ts';
import { loadHistoryPast } from './load-history.ts';
import {
  guessPeriodStart,
  loadKnown,
  loadWork,
  type SubjectWork,
  type WaitingEvent,
} from './load.ts';

/** A claimed subject and what besides its due events is wanted of it. */
export interface SubjectTask {
  claim: Claim;
  /** Events to take even if they are not due: Stripe has just sent them again. */
  also: string[];
  /** A subscription that somebody waits for. */
  wanted: { subscriptionId: string; cause: Cause } | null;
}

/** What became of a task. */
export interface TaskResult {
  /** False when another process took the subject over: nothing was written. */
  committed: boolean;
  /** Event id → null when it is dealt with, else why not. */
  events: Map<string, unknown>;
  /** Subscription id → why it could not be read or decided. */
  failed: Map<string, unknown>;
  /** Rows as they are now, by subscription id. */
  subscriptions: Map<string, StoredSubscription>;
  /** True when there is more to do at once. */
  more: boolean;
}

/**
 * Processes what waits for one subject: reads each of its subscriptions from Stripe once, outside of any
 * transaction, decides, and writes everything in one transaction, if the claim is still good.
 */
export async function processSubject(ctx: EngineContext, task: SubjectTask): Promise<TaskResult> {
  const arrived = ctx.commits.expect();
  try {
    const { work, decided } = await decideSubject(ctx, task);
    arrived();
    const committed = await ctx.commits.commit({ claim: task.claim, work: decided });
    return resultOf({ committed, decided, work });
  } finally {
    arrived();
  }
}

async function decideSubject(
  ctx: EngineContext,
  task: SubjectTask,
): Promise<{ work: SubjectWork; decided: DecidedWork }> {
  const { core, probe } = ctx;
  const subject = task.claim.key;
  await probe('claimed');
  const work = await loadWork(ctx.reads, subject, {
    also: task.also,
    subscriptionId: task.wanted?.subscriptionId,
  });
  const known = await loadKnown(ctx.reads, subject, work.bySubscription);
  await probe('loaded');
  const plan = await readAll(ctx, { subject, work, known });
  // A test clock may have moved since it was last looked at: what was read must not seem older than it is, or
  // an event from before it would count as news. In real time this does nothing.
  await ctx.clock.refresh();
  await probe('read');
  const context: DecisionContext = {
    core,
    now: ctx.clock.now(),
    cause: task.wanted?.cause ?? null,
  };
  const failures: Failure[] = [...plan.failures, ...work.broken.map(brokenOf)];
  const pasts = await loadHistoryPast(
    core.database.knex,
    new Map(plan.sightings.map((each) => [each.id, historyInputOf(each, context)])),
  );
  const verdicts = plan.sightings.flatMap((sighting) => {
    try {
      return [decideSighting(sighting, context, pasts.get(sighting.id))];
    } catch (error) {
      const rows = sighting.events.map(({ row }) => row);
      failures.push({ events: rows, subscriptionId: sighting.id, error });
      return [];
    }
  });
  const loose = await decideLoose(ctx, work, { subject, context });
  return { work, decided: { verdicts, loose, moves: plan.moves, failures } };
}

interface ReadPlan {
  sightings: Sighting[];
  failures: Failure[];
  /** Events whose subscription belongs to another customer: only Stripe could say so. */
  moves: { eventId: string; subject: string; subscriptionId: string }[];
}

async function readAll(
  ctx: EngineContext,
  input: { subject: string; work: SubjectWork; known: Awaited<ReturnType<typeof loadKnown>> },
): Promise<ReadPlan> {
  const plan: ReadPlan = { sightings: [], failures: [], moves: [] };
  const now = ctx.clock.now();
  const one = async ([id, events]: [string, WaitingEvent[]]): Promise<void> => {
    try {
      const known = input.known.get(id)!;
      const sighting = await sight(ctx, { id, events, known }, now);
      const customer = sighting.read?.customerId ?? known.stored?.customerId ?? input.subject;
      if (customer === input.subject) plan.sightings.push(sighting);
      else {
        for (const { row } of events) {
          plan.moves.push({ eventId: row.id, subject: customer, subscriptionId: id });
        }
      }
    } catch (error) {
      plan.failures.push({ events: events.map(({ row }) => row), subscriptionId: id, error });
    }
  };
  await Promise.all([...input.work.bySubscription].map(one));
  return plan;
}

type Seen = Pick<Sighting, 'id' | 'events' | 'known'>;

/** Reads a subscription and, where it is not known, whose it is. What events show to be foreign is left alone. */
async function sight(ctx: EngineContext, seen: Seen, now: number): Promise<Sighting> {
  const { id, events, known } = seen;
  const { catalogue } = ctx.core;
  const told = events.map(({ facts }) => facts);
  const wasOurs = known.stored !== null && !known.stored.foreign;
  if (!wasOurs && isForeignAsTold(catalogue, told)) {
    const read = told.findLast(({ subscription }) => subscription?.id === id)?.subscription ?? null;
    return { ...seen, read: read ?? null, isForeign: true, owners: [], failures: [] };
  }
  const read = await ctx.reader.subscription(id, guessPeriodStart(events, known, now));
  const checkouts = told.flatMap(({ checkout }) => checkout ?? []);
  const [owners, failures] = await Promise.all([
    read ? ctx.readOwner({ facts: read, link: known.userId, checkouts }) : [],
    followedBefore(ctx, id, told),
  ]);
  return { ...seen, read, isForeign: false, owners, failures };
}

/** The failed payments that were processed before, where one that waits may be the last. */
async function followedBefore(
  ctx: EngineContext,
  id: string,
  told: readonly EventFacts[],
): Promise<EventFacts[]> {
  const { maxAttempts } = ctx.core.config.dunning;
  const isLast = told.some((facts) => {
    const signal = signalOf(facts);
    return signal?.type === 'payment_failed' && signal.attempt >= maxAttempts;
  });
  if (!isLast) return [];
  const payloads = await processedFailures(ctx.core.database.knex, id);
  return payloads.map((payload) => readEvent(JSON.parse(payload)));
}

async function decideLoose(
  ctx: EngineContext,
  work: SubjectWork,
  input: { subject: string; context: DecisionContext },
): Promise<DecidedWork['loose']> {
  const loose: DecidedWork['loose'] = {
    events: [],
    foreign: [],
    effects: [],
    links: [],
    details: [],
    deletedCustomer: null,
  };
  if (work.loose.length === 0) return loose;
  const { subject, context } = input;
  const known = (await ctx.reads.customer(subject))?.userId ?? null;
  const marked = known === null ? markedOwner(ctx, subject, work.loose) : null;
  if (marked) loose.links.push(marked);
  const userId = known ?? marked?.accountId ?? null;
  const isOfCustomer = ({ facts }: WaitingEvent) => facts.customerId !== null;
  for (const event of work.loose) {
    // What names no customer, such as a refund, tells only when it is read whose it is.
    const isForeign = userId === null && isOfCustomer(event);
    (isForeign ? loose.foreign : loose.events).push(event.row);
    if (!isForeign) loose.details.push(...detailsIn(event.facts));
    if (!isForeign) loose.effects.push(...effectsOfLoose(event, { ...context, userId }));
  }
  const deletion = work.loose.find(({ facts }) => facts.type === 'customer.deleted');
  if (deletion) loose.deletedCustomer = { id: subject, at: deletion.facts.createdAt };
  return loose;
}

function detailsIn({ type, customer, createdAt: at }: EventFacts): CustomerDetails[] {
  if (type !== 'customer.updated' || !customer) return [];
  const { id: customerId, email, name } = customer;
  return [{ customerId, email, name, at }];
}

/** The account that our own mark names, on a Checkout session or on the customer. */
function markedOwner(
  ctx: EngineContext,
  customerId: string,
  events: readonly WaitingEvent[],
): OwnerLink | null {
  const rules = ctx.core.config.ownership;
  for (const { facts } of events) {
    if (facts.customerId !== customerId || facts.customer?.deleted) continue;
    const accountId = markedAccount((facts.checkout ?? facts.customer)?.metadata ?? {}, rules);
    if (accountId !== null) return { accountId, customerId, source: 'mark', at: Date.now() };
  }
  return null;
}

const brokenOf = ({ row, error }: SubjectWork['broken'][number]): Failure => ({
  events: [row],
  error,
});

function resultOf(outcome: {
  committed: boolean;
  decided: DecidedWork;
  work: SubjectWork;
}): TaskResult {
  const events = new Map<string, unknown>();
  const subscriptions = new Map<string, StoredSubscription>();
  if (outcome.committed) {
    for (const { row } of outcome.work.loose) events.set(row.id, null);
    for (const { change, events: rows } of outcome.decided.verdicts) {
      for (const row of rows) events.set(row.id, null);
      if (change) subscriptions.set(change.next.id, change.next);
    }
    for (const { events: rows, error } of outcome.decided.failures) {
      for (const row of rows) events.set(row.id, error);
    }
  }
  const failed = new Map<string, unknown>();
  for (const { subscriptionId, error } of outcome.decided.failures) {
    if (subscriptionId !== undefined) failed.set(subscriptionId, error);
  }
  return { committed: outcome.committed, events, failed, subscriptions, more: outcome.work.more };
}
