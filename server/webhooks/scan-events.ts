import { setTimeout as sleep } from 'node:timers/promises';
import type { EventPage } from '../../adapters/stripe-gateway/events.ts';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { readCursor } from '../../db/cursors.ts';
import { knownEventIds, type NewEvent } from '../../db/webhook-events.ts';
import type { EngineContext } from '../sync/context.ts';
import { StripeOutage } from '../lib/stripe-outage.ts';
import { isRelevant, toNewEvent } from './parse-event.ts';

/** How long a page is tried for while Stripe cannot be asked, in ms. The scan goes on from there another time. */
const PAGE_TIMEOUT_MS = 30_000;
/** Further ahead than clocks differ by: a test clock's time, which says nothing about when it was sent. In seconds. */
const TEST_CLOCK = 60;

/** When this database was restored from a backup, in seconds: what happened before was told before. */
export const RESTORED = 'restored';

export type Parts = Pick<EngineContext, 'core' | 'reader'>;

/** A way through Stripe's list of events, newest first. Times in seconds, Stripe's own. */
export interface EventScan {
  from: number;
  until?: number | undefined;
  /** The last event that was looked at; null at the beginning. */
  after: string | null;
}

export interface ScanOptions {
  store: (events: NewEvent[]) => Promise<number>;
  /** Takes what follows from what is found as told before. */
  isQuiet?: boolean | undefined;
  /** Younger events are most likely on their way, and left alone. In seconds. */
  onItsWay?: number | undefined;
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called before each page but the first with the place where the scan goes on; it may throw to end it. */
  onPage?: ((after: string, answeredAt: number | null) => Promise<void>) | undefined;
}

export interface ScanResult {
  /** Events that had never arrived. */
  found: number;
  /** When Stripe answered with the first page. */
  answeredAt: number | null;
}

/** Stores what is in the list and not here. A page that Stripe refuses for the moment is asked for again. */
export async function scanEvents(
  parts: Parts,
  scan: EventScan,
  options: ScanOptions,
): Promise<ScanResult> {
  const result: ScanResult = { found: 0, answeredAt: null };
  let after = scan.after;
  for (;;) {
    const page = await readPage(parts, { ...scan, after }, options);
    result.answeredAt ??= page.answeredAt;
    const missing = await missingOf(parts, hasArrived(page, options.onItsWay ?? 0), options);
    if (missing.length > 0) result.found += await options.store(missing);
    const last = page.data.at(-1);
    if (!page.has_more || !last) return result;
    after = last.id;
    await options.onPage?.(after, result.answeredAt);
  }
}

async function readPage(
  { reader }: Parts,
  scan: EventScan,
  { timeoutMs = PAGE_TIMEOUT_MS, signal }: ScanOptions,
): Promise<EventPage> {
  const deadline = performance.now() + timeoutMs;
  const range = { createdFrom: scan.from, createdUntil: scan.until };
  let { after } = scan;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const startingAfter = after;
      return await reader.read((stripe) => stripe.listEvents({ ...range, startingAfter }));
    } catch (error) {
      if (after !== null && isForgotten(error)) after = null;
      else if (!(error instanceof StripeOutage)) throw error;
      else {
        const wait = Math.max(error.retryAt - Date.now(), 10);
        if (performance.now() + wait > deadline) throw error;
        await sleep(wait, undefined, { signal });
      }
    }
  }
}

/** The event where the scan went on is older than Stripe keeps them: it begins anew. */
function isForgotten(error: unknown): boolean {
  return isGatewayError(error, 'not_found', 'invalid') && error.param === 'starting_after';
}

function hasArrived(page: EventPage, onItsWay: number): EventPage['data'] {
  const now = page.answeredAt ?? Date.now() / 1000;
  return page.data.filter(({ created }) => created <= now - onItsWay || created > now + TEST_CLOCK);
}

async function missingOf(
  { core }: Parts,
  events: { id: string; type: string; created: number }[],
  { isQuiet = false }: ScanOptions,
): Promise<NewEvent[]> {
  const relevant = events.filter((event) => isRelevant(event.type));
  const known = await knownEventIds(
    core.database.knex,
    relevant.map((event) => event.id),
  );
  const restoredAt = Number((await readCursor(core.database.knex, RESTORED)) ?? -Infinity);
  const context = {
    live: core.config.stripe.live,
    source: 'catch_up' as const,
    receivedAt: core.database.clock.now(),
  };
  return relevant
    .filter((event) => !known.has(event.id))
    .map((event) =>
      toNewEvent(JSON.stringify(event), {
        ...context,
        isQuiet: isQuiet || event.created <= restoredAt,
      }),
    );
}
