import { attemptsOf } from '../../../../db/attempts.ts';
import {
  failedEventIds,
  retryNow,
  searchEvents,
  type EventPage,
  type EventSummary,
} from '../../../../db/dashboard-events.ts';
import { movesOfEvents } from '../../../../db/dashboard-transitions.ts';
import { listEffects } from '../../../../db/outbox.ts';
import { listSubscriptions } from '../../../../db/subscriptions.ts';
import type { TransitionRow } from '../../../../db/transitions.ts';
import { findEvent, inboxHealth, requeueEvents } from '../../../../db/webhook-events.ts';
import type { Services } from '../../../lib/services.ts';
import type { EventView } from '../views/event.ts';
import type { EventFilter, EventListItem, EventsView, ShownStatus } from '../views/events.ts';

const PAGE = 50;
/** Of dead and of failed events, so many are shown above the list. */
const ATTENTION = 5;

/** Types that the filter suggests; any other may be typed as well. */
const TYPES = [
  'checkout.session.completed',
  'customer.deleted',
  'customer.subscription.created',
  'customer.subscription.deleted',
  'customer.subscription.paused',
  'customer.subscription.resumed',
  'customer.subscription.trial_will_end',
  'customer.subscription.updated',
  'invoice.created',
  'invoice.finalized',
  'invoice.paid',
  'invoice.payment_action_required',
  'invoice.payment_failed',
  'subscription_schedule.updated',
] as const;

const STATUSES = ['waiting', 'failed', 'dead', 'done', 'ignored'] as const;

/** Why there may be no such event, in words. */
export function noSuchEvent({ config }: Pick<Services, 'config'>): string {
  const days = config.eventRetentionDays;
  const deleted =
    `Processed events are deleted after ${days} days (EVENT_RETENTION_DAYS); ` +
    'its transitions stay in the history of the subscription.';
  return days === null ? 'There is no such event here.' : `There is no such event here. ${deleted}`;
}

/** A page of the inbox as its list shows it. */
export async function eventsView(
  services: Services,
  filter: EventFilter,
  after: string | null,
): Promise<EventsView> {
  const db = services.database.knex;
  const unfiltered = after === null && Object.values(filter).every((value) => value === '');
  const [page, health, dead, failed] = await Promise.all([
    search(services, filter, after),
    inboxHealth(db, Date.now()),
    unfiltered ? worst(services, 'dead') : [],
    unfiltered ? worst(services, 'failed') : [],
  ]);
  const moved = await movesOfEvents(db, page.rows);
  return {
    filter,
    rows: page.rows.map((row) => listItem(row, moved)),
    attention: [...dead, ...failed].map((row) => listItem(row, [])),
    next: page.next && `${page.next.receivedAt}~${page.next.id}`,
    firstPage: after === null,
    searchedBackTo: page.searchedBackTo,
    counts: {
      waiting: health.waiting - health.failing,
      failed: health.failing,
      dead: health.dead,
    },
    types: TYPES,
  };
}

/** The newest few events that need attention. */
async function worst(services: Services, status: 'dead' | 'failed'): Promise<EventSummary[]> {
  const page = await searchEvents(services.database.knex, {
    status,
    type: null,
    subscriptionIds: null,
    since: null,
    until: null,
    after: null,
    limit: ATTENTION,
  });
  return page.rows;
}

function listItem(row: EventSummary, moved: readonly TransitionRow[]): EventListItem {
  return {
    id: row.id,
    type: row.type,
    status: shownStatus(row),
    subscriptionId: row.subscriptionId,
    moved: moved
      .filter((line) => line.cause.id === row.id)
      .map(({ from, to }) => `${from} → ${to}`),
    attempts: row.attempts,
    lastError: row.lastError,
    flags: row.flags,
    receivedAt: row.receivedAt,
  };
}

async function search(
  services: Services,
  filter: EventFilter,
  after: string | null,
): Promise<EventPage> {
  const db = services.database.knex;
  const q = filter.q.trim();
  if (q.startsWith('evt_')) {
    const event = await findEvent(db, q);
    return { rows: event ? [event] : [], next: null, searchedBackTo: null };
  }
  const cursor = /^(\d+)~(.+)$/.exec(after ?? '');
  return searchEvents(db, {
    status: STATUSES.find((status) => status === filter.status) ?? null,
    type: filter.type.trim() === '' ? null : filter.type.trim(),
    subscriptionIds: await subscriptionsFor(services, q),
    since: timeOf(filter.since),
    until: timeOf(filter.until),
    after: cursor ? { receivedAt: Number(cursor[1]), id: cursor[2] ?? '' } : null,
    limit: PAGE,
  });
}

async function subscriptionsFor(services: Services, q: string): Promise<string[] | null> {
  if (q === '') return null;
  if (!q.startsWith('cus_')) return [q];
  const rows = await listSubscriptions(services.database.knex, { customerId: q, limit: 100 });
  return rows.map((row) => row.id);
}

/** A date and time of a form, in UTC, as ms; null when there is none. */
function timeOf(text: string): number | null {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(`${text.slice(0, 16)}:00Z`) : NaN;
  return Number.isNaN(at) ? null : at;
}

function shownStatus(row: Pick<EventSummary, 'status' | 'lastError'>): ShownStatus {
  return row.status === 'waiting' && row.lastError !== null ? 'failed' : row.status;
}

/** One event as its page shows it; null when it is not stored. */
export async function eventView(services: Services, id: string): Promise<EventView | null> {
  const db = services.database.knex;
  const event = await findEvent(db, id);
  if (!event) return null;
  const [failures, moved, effects] = await Promise.all([
    attemptsOf(db, id),
    movesOfEvents(db, [event]),
    listEffects(db, { causeIds: [id], limit: 50 }),
  ]);
  return {
    id,
    type: event.type,
    status: shownStatus(event),
    customer: event.subject,
    subscriptionId: event.subscriptionId,
    objectId: event.objectId,
    apiVersion: event.apiVersion,
    livemode: event.livemode,
    account: event.account,
    flags: event.flags,
    source: event.source,
    createdAt: event.createdAt,
    receivedAt: event.receivedAt,
    processedAt: event.processedAt,
    nextAttemptAt: event.status === 'waiting' ? event.nextAttemptAt : null,
    attempts: event.attempts,
    lastError: event.lastError,
    failures,
    moved: moved.map(({ from, to, event, subscriptionId, unexpected }) => ({
      from,
      to,
      event,
      subscriptionId,
      unexpected,
    })),
    effects: effects.map(({ kind, objectId, status, attempts, lastError, deliveredAt }) => ({
      kind,
      objectId,
      status,
      attempts,
      lastError,
      deliveredAt,
    })),
    headers: headersOf(event.headers),
    payload: indented(event.payload),
  };
}

function headersOf(text: string | undefined): Record<string, string> {
  return text ? (JSON.parse(text) as Record<string, string>) : {};
}

function indented(payload: string): string {
  try {
    return JSON.stringify(JSON.parse(payload), null, 2);
  } catch {
    // What is not JSON is shown as it came.
    return payload;
  }
}

/** At most this many are replayed at one go. */
const REPLAY_AT_ONCE = 5_000;

/** Makes events wait again, and the workers look; returns how many there were. */
export async function replayEvents(services: Services, ids: string[]): Promise<number> {
  const [db, now] = [services.database.knex, Date.now()];
  const replayed = (await requeueEvents(db, ids, now)) + (await retryNow(db, ids, now));
  services.engine.wake();
  return replayed;
}

/** Replays all dead events, or tries all failed ones again now; returns how many there were. */
export async function replayAll(services: Services, status: 'dead' | 'failed'): Promise<number> {
  const ids = await failedEventIds(services.database.knex, status, REPLAY_AT_ONCE);
  return replayEvents(services, ids);
}
