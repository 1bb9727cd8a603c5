import { keptEventsOf } from '../../../../db/past-events.ts';
import { returnsOfSubscription } from '../../../../db/payment-returns.ts';
import type { SubscriptionRow } from '../../../../db/subscriptions.ts';
import {
  asHistoryLine,
  disprovedAt,
  inOrder,
  recentHistories,
} from '../../../../db/transitions.ts';
import type { TransitionRow } from '../../../../db/transitions.ts';
import { readEvent } from '../../../../state/event-facts.ts';
import {
  happenedBy,
  knownBy,
  knownLate,
  subscriptionAsOf,
  type KeptPast,
  type KnownEvent,
  type KnownLine,
  type SubscriptionThen,
} from '../../../../state/history/as-of.ts';
import { asObject, at as within } from '../../../../state/raw.ts';
import type { Services } from '../../../lib/services.ts';

/** More than these are not looked at: before them only the state is known. */
const LINES = 1_000;
const EVENTS = 400;

/** One moment of a subscription. Times in ms. */
export interface MomentView {
  /** Null for now. */
  at: number | null;
  first: number;
  now: number;
  /** When something happened, each second once. */
  moments: number[];
  /** Null for now, which the rest of the page shows. */
  was: SubscriptionThen | null;
  /** Null where it was the same. */
  believed: SubscriptionThen | null;
  /** What had happened and became known later. */
  late: KnownLine[];
}

/** A moment of a query: `2026-03-12T09:41:07Z`, with or without zone and seconds, all UTC; null for none. */
export function momentOf(text: string | null): number | null {
  if (text === null || !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z?$/.test(text)) return null;
  const time = Date.parse(text.endsWith('Z') ? text : `${text}Z`);
  return Number.isNaN(time) ? null : time;
}

/** A subscription as it was, and as it was believed to be; of the future there is nothing yet. */
export async function momentView(
  services: Services,
  row: SubscriptionRow,
  wish: { at: number | null; lines: readonly TransitionRow[] },
): Promise<MomentView> {
  const now = services.clock.now();
  const second = (time: number) => Math.floor(time / 1000) * 1000;
  const times = wish.lines.map(({ occurredAt }) => second(occurredAt));
  const moments = [...new Set(times)].sort((a, b) => a - b);
  const first = Math.min(second(row.facts.createdAt), ...moments);
  const at = wish.at === null || wish.at >= now ? null : Math.max(second(wish.at), first - 1_000);
  const shown = { at, first, now, moments };
  if (at === null) return { ...shown, was: null, believed: null, late: [] };
  const past = await keptPast(services, row);
  const { catalogue, config } = services;
  const rules = { catalogue, grace: config.grace, returns: config.returns };
  const clock = config.stripe.testClock === null ? 'real' : 'test';
  const was = subscriptionAsOf(past, happenedBy(past, at), { at, rules });
  const believed = subscriptionAsOf(past, knownBy(past, at, clock), { at, rules });
  const isSame = JSON.stringify(was) === JSON.stringify(believed);
  return { ...shown, was, believed: isSame ? null : believed, late: knownLate(past, at, clock) };
}

/** All that is kept of one subscription. */
async function keptPast({ database }: Services, row: SubscriptionRow): Promise<KeptPast> {
  const db = database.knex;
  const [lines, events, returns] = await Promise.all([
    recentHistories(db, [row.id], LINES),
    keptEventsOf(db, row.id, EVENTS),
    returnsOfSubscription(db, row.id),
  ]);
  const ordered = inOrder(lines);
  // A replay processes an event again: what its line says was known before.
  const told = new Map(lines.map((line) => [line.cause.id, line.recordedAt]));
  const known = events.flatMap(({ payload, processedAt }): KnownEvent[] => {
    try {
      const raw: unknown = JSON.parse(payload);
      const facts = readEvent(raw);
      const line = told.get(facts.id);
      const knownAt = processedAt === null ? null : Math.min(processedAt, line ?? processedAt);
      return [{ facts, object: asObject(within(raw, 'data', 'object')) ?? {}, knownAt }];
    } catch {
      return [];
    }
  });
  const oldest = events.length < EVENTS ? null : known.at(-1);
  return {
    lines: ordered.map((line) => knownLine(line, ordered)),
    events: known,
    eventsSince: oldest?.facts.createdAt ?? null,
    returns,
    present: row,
  };
}

function knownLine(line: TransitionRow, all: readonly TransitionRow[]): KnownLine {
  const isStruck = line.evidence === 'disproved';
  // Where it is not kept: at the latest, when the next line was written.
  const next = all.filter((other) => other.id > line.id).map(({ recordedAt }) => recordedAt);
  const struckAt = isStruck ? (disprovedAt(line) ?? Math.min(Date.now(), ...next)) : null;
  return { ...asHistoryLine(line), knownAt: line.recordedAt, struckAt };
}
