import { pastsOf, type CustomerPast } from '../../db/customer-pasts.ts';
import { customersByStripeId, type CustomerRow } from '../../db/customers.ts';
import type { Db } from '../../db/database.ts';
import { claimSubjects, type Claim, type LeaseTerms } from '../../db/subjects.ts';
import { findSubscriptions, type SubscriptionRow } from '../../db/subscriptions.ts';
import { recentHistories, type TransitionRow } from '../../db/transitions.ts';
import { dueEventsOfMany, payloadsOf, type DueEvent } from '../../db/due-events.ts';
import type { EventFacts } from '../../state/event-facts.ts';
import { createBatcher } from '../lib/batching.ts';
import type { FreshFacts } from './fresh-facts.ts';

/** What a subject's processing asks the database before it decides; subjects that ask together share the statements. */
export interface SubjectReads {
  /** Takes the lease of a subject; null while somebody else holds it. */
  claim(key: string): Promise<Claim | null>;
  /** Events that are due, oldest first, and those in `also` whether due or not. */
  events(subject: string, also: string[]): Promise<DueEvent[]>;
  /** What an event says where that is remembered, else its payload. */
  told(eventId: string): Promise<EventFacts | string>;
  subscription(id: string): Promise<SubscriptionRow | null>;
  /** Newest first. */
  history(subscriptionId: string): Promise<TransitionRow[]>;
  customer(stripeCustomerId: string): Promise<CustomerRow | null>;
  past(stripeCustomerId: string): Promise<CustomerPast>;
}

export interface ReadLimits {
  /** Most events of one subject. */
  events: number;
  /** Most lines of one history. */
  history: number;
}

export function createSubjectReads(
  db: Db,
  given: { terms: () => LeaseTerms; limits: ReadLimits; fresh: FreshFacts },
): SubjectReads {
  const { terms, limits, fresh } = given;
  const claim = createBatcher(async (keys: string[]) => {
    const claims = new Map(
      (await claimSubjects(db, [...new Set(keys)].sort(), terms())).map((each) => [each.key, each]),
    );
    return keys.map((key) => {
      const own = claims.get(key) ?? null;
      // A key that is asked for twice is had by one.
      claims.delete(key);
      return own;
    });
  });
  const events = createBatcher(async (asked: { subject: string; also: string[] }[]) => {
    const rows = await dueEventsOfMany(
      db,
      asked.map(({ subject }) => subject),
      { now: Date.now(), limit: limits.events, also: asked.flatMap(({ also }) => also) },
    );
    return asked.map(({ subject }) => rows.filter((row) => row.subject === subject));
  });
  const payload = createBatcher(async (ids: string[]) => {
    const payloads = await payloadsOf(db, ids);
    return ids.map((id) => payloads.get(id) ?? '');
  });
  const subscription = createBatcher(async (ids: string[]) => {
    const rows = new Map((await findSubscriptions(db, ids)).map((row) => [row.id, row]));
    return ids.map((id) => rows.get(id) ?? null);
  });
  const history = createBatcher(async (ids: string[]) => {
    const lines = await recentHistories(db, ids, limits.history);
    return ids.map((id) => lines.filter((line) => line.subscriptionId === id));
  });
  const customer = createBatcher(async (ids: string[]) => {
    const rows = await customersByStripeId(db, ids);
    return ids.map((id) => rows.get(id) ?? null);
  });
  const past = createBatcher((ids: string[]) => pastsOf(db, ids));
  return {
    claim,
    events: (subject, also) => events({ subject, also }),
    told: async (id) => fresh.take(id) ?? payload(id),
    subscription,
    history,
    customer,
    past,
  };
}
