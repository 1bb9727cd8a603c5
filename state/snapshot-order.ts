/**
 * Puts the subscription payloads of a batch into the order in which they came to be, for the history alone.
 * `created` counts whole seconds, so within one second the changes are chained by `previous_attributes`.
 */
import type { EventFacts } from './event-facts.ts';
import type { SubscriptionFacts } from './types.ts';

export interface Snapshot {
  event: EventFacts;
  facts: SubscriptionFacts;
}

/** Distinct events, oldest first (ties by id, so that the result does not depend on the order given). */
export function distinctEvents(events: readonly EventFacts[]): EventFacts[] {
  const byId = new Map(events.map((event) => [event.id, event]));
  return [...byId.values()].sort(
    (a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
}

/** The payloads of one subscription in order: its creation first, its end last. */
export function orderSnapshots(
  events: readonly EventFacts[],
  start: SubscriptionFacts | null,
): Snapshot[] {
  const ordered: Snapshot[] = [];
  let last = start === null ? null : fingerprint(start);
  for (const group of groupsOf(events)) {
    for (const snapshot of chain(group, last)) {
      ordered.push({ event: snapshot.event, facts: snapshot.facts });
      last = snapshot.after;
    }
  }
  return ordered;
}

/** Whether a payload's `previous_attributes` say that it follows directly on these facts. */
export function follows(snapshot: Snapshot, facts: SubscriptionFacts): boolean {
  const { before } = snapshot.event;
  return before !== null && fingerprint(before) === fingerprint(facts);
}

interface Link extends Snapshot {
  before: string | null;
  after: string;
}

function groupsOf(events: readonly EventFacts[]): Link[][] {
  const groups = new Map<string, Link[]>();
  const links = distinctEvents(events).flatMap((event) => linkOf(event) ?? []);
  links.sort((a, b) => rankOf(a.event) - rankOf(b.event));
  for (const link of links) {
    const key = `${rankOf(link.event)} ${link.event.createdAt}`;
    groups.set(key, [...(groups.get(key) ?? []), link]);
  }
  return [...groups.values()];
}

function linkOf(event: EventFacts): Link | null {
  const { subscription: facts, before } = event;
  if (facts === null) return null;
  return {
    event,
    facts,
    before: before === null ? null : fingerprint(before),
    after: fingerprint(facts),
  };
}

function rankOf(event: EventFacts): number {
  if (event.type === 'customer.subscription.created') return 0;
  return event.type === 'customer.subscription.deleted' ? 2 : 1;
}

function chain(group: readonly Link[], start: string | null): Link[] {
  const rest = [...group];
  const result: Link[] = [];
  let last = start;
  while (rest.length > 0) {
    const isHead = (link: Link): boolean =>
      !rest.some((other) => other !== link && other.after === link.before);
    const next =
      rest.find((link) => link.before !== null && link.before === last) ??
      rest.find(isHead) ??
      rest[0];
    if (!next) break;
    rest.splice(rest.indexOf(next), 1);
    result.push(next);
    last = next.after;
  }
  return result;
}

/** What a payload and an API answer have in common, whatever was expanded. */
function fingerprint(facts: SubscriptionFacts): string {
  return JSON.stringify([
    facts.stripeStatus,
    facts.items.map((item) => [item.priceId, item.quantity, item.periodStart, item.periodEnd]),
    facts.trialEnd,
    facts.cancelAt,
    facts.cancelAtPeriodEnd,
    facts.canceledAt,
    facts.pauseCollection,
    facts.scheduleId,
    facts.pendingUpdate,
    facts.latestInvoiceId,
    facts.defaultPaymentMethodId,
    facts.metadata,
  ]);
}
