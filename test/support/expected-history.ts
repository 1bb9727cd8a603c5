import type Stripe from 'stripe';
import { expect } from 'vitest';
import type { Db } from '../../db/database.ts';
import { timelineOf, type TransitionRow } from '../../db/transitions.ts';
import type { Catalogue } from '../../state/catalogue.ts';
import type { Raw } from '../state/factories.ts';
import { expectedLines } from '../state/history-judge.ts';

export interface ToldLife {
  subscriptionId: string;
  /** All of Stripe's events, in the order in which it made them. */
  events: readonly Stripe.Event[];
  catalogue: Catalogue;
  /** True when its account had another subscription, which may be heard of first. */
  isReturn: boolean;
  /** Default 3; Infinity where we never end dunning ourselves. */
  maxAttempts?: number;
  /** What happened, told where it fails. */
  story: string;
}

/** The lines of a subscription are those that Stripe's objects went through: which event, when, from where, whereto. */
export async function expectHistory(db: Db, life: ToldLife): Promise<TransitionRow[]> {
  const { subscriptionId: id, events, isReturn } = life;
  const own = events.filter((event) => isOf(event.data.object as unknown as Raw, id));
  const lines = await timelineOf(db, id);
  const shown = lines.map(({ cause, occurredAt: at, from, to }, nth) => ({
    causeId: sameAs(own, cause.id),
    at,
    // Whether a former subscription had ended is known when its event was processed.
    from: nth === 0 && isReturn && from === 'canceled' ? 'none' : from,
    to,
  }));
  const ranks = ranksOf(life.catalogue);
  const expected = expectedLines(own as unknown as Raw[], ranks, life.maxAttempts);
  const wanted = expected.map(({ causeId, at, from, to }) => ({
    causeId: sameAs(own, causeId),
    at,
    from,
    to,
  }));
  expect(inOneOrder(shown), `the history of ${id}\n${life.story}`).toEqual(inOneOrder(wanted));
  return lines;
}

interface Line {
  causeId: string;
  at: number;
  from: string;
  to: string;
}

/**
 * Moves of one second from the same state to the same state may fit in more than one order: a plan that was switched to
 * and fro around a pause is one path either way round, and Stripe says no more than the second. Which of them come is
 * compared, and not their order.
 */
function inOneOrder(lines: readonly Line[]): Line[] {
  const moveOf = ({ at, from, to }: Line) => `${at} ${from} ${to}`;
  const causes = new Map<string, string[]>();
  for (const line of lines.toSorted((a, b) => (a.causeId < b.causeId ? -1 : 1))) {
    causes.set(moveOf(line), [...(causes.get(moveOf(line)) ?? []), line.causeId]);
  }
  return lines.map((line) => ({ ...line, causeId: causes.get(moveOf(line))!.shift()! }));
}

/** Stripe tells some changes twice, such as a pause: either event explains it. */
function sameAs(events: readonly Stripe.Event[], eventId: string): string {
  const event = events.find(({ id }) => id === eventId);
  if (!event) return eventId;
  const shows = JSON.stringify(event.data.object);
  const first = events.find(
    (each) => each.created === event.created && JSON.stringify(each.data.object) === shows,
  );
  return first?.id ?? eventId;
}

function isOf(object: Raw, id: string): boolean {
  if (object['object'] === 'subscription') return object['id'] === id;
  if (object['object'] === 'subscription_schedule') return object['subscription'] === id;
  if (object['object'] !== 'invoice') return false;
  const parent = object['parent'] as { subscription_details?: { subscription?: string } } | null;
  return parent?.subscription_details?.subscription === id;
}

function ranksOf({ plans }: Catalogue): Record<string, number> {
  const prices = plans.flatMap(({ rank, prices }) =>
    [prices.monthly, prices.yearly].map((price) => [price?.priceId ?? '', rank] as const),
  );
  return Object.fromEntries(prices);
}
