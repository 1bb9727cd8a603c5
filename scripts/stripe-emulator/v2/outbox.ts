import type { Account } from '../kernel/account.ts';
import type { Context } from '../kernel/context.ts';
import { typeMatches, type EventRecord } from '../kernel/events.ts';
import { randomText } from '../kernel/ids.ts';
import { asEndpoint, destinationsOf, type Destination } from './destinations.ts';
import { findThinEvent, notificationOf, thinEventsOf, type ThinEvent } from './thin-events.ts';

type ThinListener = (event: ThinEvent) => void;

/** What an account knows about thin events that are no view of a snapshot event, and who else listens. */
interface Outbox {
  readonly reports: ThinEvent[];
  readonly listeners: Set<ThinListener>;
}

const outboxes = new WeakMap<Account, Outbox>();
const KEPT_REPORTS = 1_000;

function outboxOf(account: Account): Outbox {
  const known = outboxes.get(account) ?? { reports: [], listeners: new Set() };
  outboxes.set(account, known);
  return known;
}

/** Calls `listener` with each thin event of the account (`stripe listen --all-thin`); returns how to stop. */
export function onThinEvent(account: Account, listener: ThinListener): () => void {
  const { listeners } = outboxOf(account);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Delivers what a snapshot event means to event destinations and to those who listen. */
export function forwardSnapshot(account: Account, record: EventRecord): void {
  const destinations = destinationsOf(account);
  if (destinations.length > 0) sendSnapshot(account, record);
  if (
    outboxOf(account).listeners.size === 0 &&
    !destinations.some(({ payload }) => payload === 'thin')
  )
    return;
  for (const event of thinEventsOf(record)) send(account, event, record);
}

function sendSnapshot(account: Account, record: EventRecord): void {
  for (const destination of destinationsOf(account)) {
    if (destination.payload === 'thin' || destination.status === 'disabled') continue;
    const wanted = destination.enabledEvents.some((pattern) => typeMatches(pattern, record.type));
    if (wanted) account.webhooks.send(record, asEndpoint(destination));
  }
}

/** Keeps and delivers a thin event that has no snapshot event. */
export function publishReport(ctx: Context, event: ThinEvent): void {
  const { reports } = outboxOf(ctx.account);
  reports.push(event);
  if (reports.length > KEPT_REPORTS) reports.shift();
  send(ctx.account, event, null);
}

/** Sends a ping to one destination, whatever it listens to. */
export function ping(ctx: Context, destination: Destination): ThinEvent {
  const event: ThinEvent = {
    id: `evt_test_${randomText(24)}`,
    object: 'v2.core.event',
    type: 'v2.core.event_destination.ping',
    created: new Date().toISOString(),
    livemode: false,
    context: null,
    reason: null,
    related_object: {
      id: destination.id,
      type: 'v2.core.event_destination',
      url: `/v2/core/event_destinations/${destination.id}`,
    },
  };
  outboxOf(ctx.account).reports.push(event);
  ctx.account.webhooks.send(asRecord(event, null), asEndpoint(destination));
  return event;
}

/** A thin event by id: a view of a snapshot event, or a report. */
export function thinEvent(account: Account, id: string): ThinEvent | undefined {
  return findThinEvent(account, id) ?? outboxOf(account).reports.find((event) => event.id === id);
}

function send(account: Account, event: ThinEvent, source: EventRecord | null): void {
  for (const destination of destinationsOf(account)) {
    if (destination.payload === 'snapshot' || destination.status === 'disabled') continue;
    if (!destination.enabledEvents.some((pattern) => typeMatches(pattern, event.type))) continue;
    account.webhooks.send(asRecord(event, source), asEndpoint(destination));
  }
  for (const listener of outboxOf(account).listeners) listener(event);
}

/** The form in which the delivery machinery carries a thin event: its data is the whole body. */
function asRecord(event: ThinEvent, source: EventRecord | null): EventRecord {
  return {
    id: event.id,
    type: source?.type ?? 'billing.meter.updated',
    created: Math.floor(Date.parse(event.created) / 1000),
    apiVersion: 'thin',
    request: source?.request ?? { id: null, idempotency_key: null },
    objectId: event.related_object?.id ?? null,
    data: Buffer.from(JSON.stringify(notificationOf(event)), 'utf8'),
    pendingWebhooks: 0,
    delivered: true,
  };
}
