/**
 * Links of the chain that a subscription's history is. Each event says what it changed, so it begins somewhere and
 * ends somewhere; a recorded line whose event is no longer stored is a link too.
 */
import type { Catalogue } from '../catalogue.ts';
import type { EventFacts } from '../event-facts.ts';
import { lifecycleOf } from '../lifecycle.ts';
import { licensedItems } from '../plan-change.ts';
import type { LifecycleState, SubscriptionFacts } from '../types.ts';
import type { HistoryLine } from './lines.ts';

/** Where a subscription stands between two links. */
export interface Point {
  state: LifecycleState;
  /** null after a line whose event is no longer stored. */
  facts: SubscriptionFacts | null;
  print: string | null;
}

interface LinkBase {
  id: string;
  /** `created` of the event, whole seconds; time of the line. */
  at: number;
  /** Number of the line that tells of it; null when none does. */
  told: number | null;
}

/** A payload of the subscription itself. */
export interface SnapshotLink extends LinkBase {
  kind: 'created' | 'updated' | 'deleted' | 'witness';
  event: EventFacts;
  before: SubscriptionFacts | null;
  after: SubscriptionFacts;
  beforePrint: string | null;
  afterPrint: string;
}

/** A change of the schedule that manages the subscription: what comes next is in it alone. */
export interface ScheduleLink extends LinkBase {
  kind: 'schedule';
  event: EventFacts;
  scheduleId: string;
  nextPhase: SubscriptionFacts['nextPhase'];
}

/** A recorded line whose event is not at hand. */
export interface LineLink extends LinkBase {
  kind: 'line';
  line: HistoryLine;
}

export type Link = SnapshotLink | ScheduleLink | LineLink;

/** The links of distinct events about one subscription, in no order. */
export function linksOf(events: readonly EventFacts[], lines: readonly HistoryLine[]): Link[] {
  const told = new Map<string, number | null>();
  for (const line of lines) if (line.causeId !== null) told.set(line.causeId, line.number ?? null);
  // What a schedule has in store may have been shown by a read before its event came.
  const shown = lines.find((line) => line.guess === true && line.to === 'downgrading');
  return events.flatMap((event): Link[] => {
    const base = { id: event.id, at: event.createdAt, told: told.get(event.id) ?? null, event };
    const { subscription: after, before, schedule } = event;
    if (schedule !== null) {
      // The end of a schedule is told by the subscription that it leaves.
      const isOn = schedule.status === 'active' || schedule.status === 'not_started';
      const { id: scheduleId, nextPhase } = schedule;
      const place = base.told ?? (nextPhase === null ? null : (shown?.number ?? null));
      return isOn ? [{ kind: 'schedule', scheduleId, nextPhase, ...base, told: place }] : [];
    }
    if (after === null) return [];
    const prints = {
      beforePrint: before === null ? null : fingerprint(before),
      afterPrint: fingerprint(after),
    };
    const kind = kindOf(event);
    return [{ kind, before: kind === 'updated' ? before : null, after, ...prints, ...base }];
  });
}

function kindOf(event: EventFacts): SnapshotLink['kind'] {
  if (event.type === 'customer.subscription.created') return 'created';
  if (event.type === 'customer.subscription.deleted') return 'deleted';
  return event.before === null ? 'witness' : 'updated';
}

/** Follows a chain link by link: it knows what schedules are waiting for. */
export class Tracker {
  readonly point: Point;
  private readonly catalogue: Catalogue;
  private readonly phases: ReadonlyMap<string, SubscriptionFacts['nextPhase']>;

  constructor(
    catalogue: Catalogue,
    point: Point,
    phases: ReadonlyMap<string, SubscriptionFacts['nextPhase']> = phasesOf(point.facts),
  ) {
    this.catalogue = catalogue;
    this.point = point;
    this.phases = phases;
  }

  /** Facts of a payload, which names a schedule by its id only, with what is known to come next. */
  complete(facts: SubscriptionFacts, at: number): SubscriptionFacts {
    if (facts.scheduleId === null || facts.scheduleExpanded === true) return facts;
    const next = this.phases.get(facts.scheduleId) ?? null;
    return { ...facts, nextPhase: next !== null && next.at > at ? next : null };
  }

  /** Whether it is known what the schedule of a payload is waiting for. */
  knowsSchedule({ scheduleId, scheduleExpanded }: SubscriptionFacts): boolean {
    return scheduleId === null || scheduleExpanded === true || this.phases.has(scheduleId);
  }

  /** Where `facts` stand. */
  pointOf(facts: SubscriptionFacts, print: string | null = null): Point {
    return { state: this.stateOf(facts), facts, print: print ?? fingerprint(facts) };
  }

  /** The state that `facts` stand for. */
  stateOf(facts: SubscriptionFacts): LifecycleState {
    return lifecycleOf(facts, { catalogue: this.catalogue, previous: this.point.state }).state;
  }

  /** What a link begins with; null when it does not say, or follows on anything. */
  before(link: Link): Point | null {
    if (link.kind === 'line') return { state: link.line.from ?? 'none', facts: null, print: null };
    if (link.kind !== 'updated' || link.before === null) return null;
    // What comes with the period is still to come before it.
    return this.pointOf(this.complete(link.before, -Infinity), link.beforePrint);
  }

  /** What a link ends with. */
  after(link: Link): Point {
    if (link.kind === 'line') return { state: link.line.to, facts: null, print: null };
    if (link.kind !== 'schedule') {
      return this.pointOf(this.complete(link.after, link.at), link.afterPrint);
    }
    const { facts } = this.point;
    if (facts?.scheduleId !== link.scheduleId || this.hasBegun(link)) return this.point;
    const next = link.nextPhase !== null && link.nextPhase.at > link.at ? link.nextPhase : null;
    return this.pointOf({ ...facts, nextPhase: next });
  }

  /** The tracker at a point that no link led to. */
  at(point: Point): Tracker {
    const { facts } = point;
    const phases = new Map(this.phases);
    if (facts?.scheduleId && facts.nextPhase) phases.set(facts.scheduleId, facts.nextPhase);
    return new Tracker(this.catalogue, point, phases);
  }

  /** Whether a schedule only says that its next phase is the present one: the subscription tells of that. */
  private hasBegun({ scheduleId, nextPhase, at }: ScheduleLink): boolean {
    const known = this.phases.get(scheduleId) ?? null;
    return nextPhase === null && known !== null && known.at <= at;
  }

  /** The tracker after a link. */
  follow(link: Link): Tracker {
    const point = this.after(link);
    if (link.kind !== 'schedule' || this.hasBegun(link))
      return new Tracker(this.catalogue, point, this.phases);
    const phases = new Map(this.phases).set(link.scheduleId, link.nextPhase);
    return new Tracker(this.catalogue, point, phases);
  }
}

function phasesOf(facts: SubscriptionFacts | null) {
  const phases = new Map<string, SubscriptionFacts['nextPhase']>();
  if (facts !== null && facts.scheduleId !== null) phases.set(facts.scheduleId, facts.nextPhase);
  return phases;
}

const HOLE = 4;
const SEAM = 1;

/** How badly `to` continues `from`: a move is missing between them, something without a line is, or nothing. */
export function gapBetween(from: Point, to: Point): number {
  if (from.state !== to.state) return HOLE;
  if (from.facts === null || to.facts === null) return 0;
  if (licensedItems(from.facts) !== licensedItems(to.facts)) return HOLE;
  const [left, right] = [from.facts.currentPeriodStart, to.facts.currentPeriodStart];
  if (from.state === 'active' && left !== right) return HOLE;
  return from.print === to.print ? 0 : SEAM;
}

/** How badly a link continues where the chain stands. */
export function gapBefore(tracker: Tracker, link: Link): number {
  const { point } = tracker;
  if (link.kind === 'schedule') {
    const isOn = point.facts === null || point.facts.scheduleId === link.scheduleId;
    return isOn || isNewSchedule(link) ? 0 : SEAM;
  }
  const begins = point.state === 'none' || point.state === 'canceled';
  if (link.kind === 'created') return begins ? 0 : 4 * HOLE;
  if (point.state === 'canceled') return 4 * HOLE;
  if (link.kind === 'deleted') return begins ? HOLE : 0;
  const before = tracker.before(link);
  return gapBetween(point, before ?? tracker.after(link));
}

/** A schedule is made first and then given to its subscription. */
export const isNewSchedule = (link: Link) =>
  link.kind === 'schedule' && link.event.type === 'subscription_schedule.created';

/** Equal for a payload and an API answer that show the same subscription. */
export function fingerprint(facts: SubscriptionFacts): string {
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
