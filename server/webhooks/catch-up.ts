import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import {
  beginCursor,
  leadJob,
  readCursor,
  readCursorAge,
  resignJob,
  saveCursor,
} from '../../db/cursors.ts';
import type { Db } from '../../db/database.ts';
import type { NewEvent } from '../../db/webhook-events.ts';
import type { EngineContext } from '../sync/context.ts';
import { StripeOutage } from '../lib/stripe-outage.ts';
import { scanEvents, type EventScan, type Parts, type ScanOptions } from './scan-events.ts';
import { scanTestClocks } from './scan-test-clocks.ts';

/** Up to when all events were looked at: seconds since the epoch, by Stripe's clock. */
const CATCH_UP = 'catch-up';
/** Where a scan that is under way goes on. */
const SCAN = 'catch-up-scan';
/** Events become visible in the list a little out of order; each scan looks at some again. In seconds. */
const OVERLAP = 300;
/** How far back the first scan looks. In seconds. */
const FIRST_LOOK_BACK = 600;
/** Younger events are most likely on their way. In seconds. */
const ON_ITS_WAY = 15;
/** A position further ahead of Stripe's clock is wrong. In seconds. */
const CLOCK_TOLERANCE = 60;
/** A catch-up that has not been through for so long is late. In ms. */
const LATE_AFTER_MS = 10 * 60_000;

export interface CatchUp {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Whether the last scan ended too long ago; false where none is made. */
  isLate(): Promise<boolean>;
}

type Store = (events: NewEvent[]) => Promise<number>;

/** Another process goes on with the scan. */
class NotLeading extends Error {
  override name = 'NotLeading';
}

/** Looks periodically for events that never arrived; of several processes, one does it at a time. */
export function createCatchUp(ctx: EngineContext, store: Store): CatchUp {
  const { catchUpEvery } = ctx.options;
  const { log, database } = ctx.core;
  const db = database.knex;
  const terms = { owner: ctx.owner, duration: Math.max(catchUpEvery * 2, 60_000) };
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;
  let stopping = new AbortController();

  const lead = () => leadJob(db, CATCH_UP, terms);
  const isLate = async () => catchUpEvery > 0 && (await isCatchUpLate(db));

  async function round(): Promise<void> {
    if (!(await lead())) return;
    let found = 0;
    const storeCounted = async (events: NewEvent[]) => {
      const added = await store(events);
      found += added;
      return added;
    };
    const onPage = async () => {
      if (!(await lead())) throw new NotLeading('another process leads the catch-up');
    };
    const { signal } = stopping;
    try {
      await catchUp(ctx, storeCounted, { onItsWay: ON_ITS_WAY, signal, onPage });
    } finally {
      if (found > 0) log.warn({ found }, 'found events that had never arrived');
    }
  }

  async function run(): Promise<void> {
    try {
      await round();
    } catch (error) {
      if (!stopping.signal.aborted) await report(error);
    }
    running = null;
  }

  async function report(error: unknown): Promise<void> {
    const isStuck = await isLate().catch(() => false);
    const level = error instanceof StripeOutage && !isStuck ? 'info' : 'warn';
    const words = isStuck
      ? 'missed events have not been looked for in full for more than ten minutes; it is tried again'
      : 'could not look for missed events; it is tried again';
    log[level]({ err: error }, words);
  }

  return {
    isLate,
    async start() {
      if (catchUpEvery <= 0 || timer) return;
      stopping = new AbortController();
      await begin(db).catch((error: unknown) => report(error));
      timer = setInterval(() => {
        running ??= run();
      }, catchUpEvery);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      timer = undefined;
      stopping.abort();
      await running;
      if (catchUpEvery > 0) await resignJob(db, CATCH_UP, ctx.owner).catch(() => undefined);
    },
  };
}

/** True when the last scan ended too long ago, or none ever did. */
export async function isCatchUpLate(db: Db): Promise<boolean> {
  const cursor = await readCursorAge(db, CATCH_UP);
  return cursor !== null && cursor.age > LATE_AFTER_MS;
}

/**
 * The first position, before anything is asked of Stripe: while its list is refused, nothing of what happens meanwhile may
 * be lost. This host's clock may be wrong; the first scan compares it with Stripe's.
 */
async function begin(db: Db): Promise<number> {
  const first = Math.floor(Date.now() / 1000) - FIRST_LOOK_BACK;
  await beginCursor(db, CATCH_UP, String(first));
  return Number((await readCursor(db, CATCH_UP)) ?? first);
}

export interface CatchUpOptions extends Pick<
  ScanOptions,
  'onItsWay' | 'signal' | 'timeoutMs' | 'isQuiet'
> {
  /** Looks at everything since then (in seconds) and leaves the position alone. */
  since?: number;
  onPage?: () => Promise<void>;
}

/**
 * Lists Stripe's events since the last position, newest first, and stores those that are not here. A scan that is cut short
 * goes on where it was. Returns how many had never arrived.
 */
export async function catchUp(
  parts: Parts,
  store: Store,
  options: CatchUpOptions = {},
): Promise<number> {
  const { since, onPage, ...rest } = options;
  const given = { store, ...rest };
  if (since !== undefined) {
    const scan = { from: notBefore(parts, since), after: null };
    const { found, answeredAt } = await scanEvents(parts, scan, given);
    const now = answeredAt ?? Date.now() / 1000;
    return found + (await scanTestClocks(parts, { now, since }, given));
  }
  const db = parts.core.database.knex;
  const position = await begin(db);
  const scan = await resume(parts, position);
  const keep = async (after: string, answeredAt: number | null) => {
    // What comes after the first page is for the next scan; only Stripe can say when that was.
    scan.ends ??= answeredAt;
    scan.after = after;
    await saveCursor(db, SCAN, JSON.stringify(scan));
    await onPage?.();
  };
  try {
    const { found, answeredAt } = await scanEvents(parts, scan, { ...given, onPage: keep });
    if (await correct(db, position, answeredAt))
      return found + (await catchUp(parts, store, options));
    const ends = scan.ends ?? answeredAt ?? position;
    await saveCursor(db, SCAN, '');
    await saveCursor(db, CATCH_UP, String(Math.floor(ends)));
    return found + (await scanTestClocks(parts, { now: ends }, given));
  } catch (error) {
    await correct(db, position, answeredAtOf(error));
    throw error;
  }
}

/** A scan, and the time at which the next one begins. */
interface KeptScan extends EventScan {
  ends: number | null;
}

async function resume(parts: Parts, position: number): Promise<KeptScan> {
  const kept = await readCursor(parts.core.database.knex, SCAN);
  if (kept) return JSON.parse(kept) as KeptScan;
  return { from: notBefore(parts, position - OVERLAP), after: null, ends: null };
}

/** Takes a position back that a wrong clock has put ahead of Stripe's time, where it would hide what happens. */
async function correct(db: Db, position: number, stripeNow: number | null): Promise<boolean> {
  if (stripeNow === null || position <= stripeNow + CLOCK_TOLERANCE) return false;
  await saveCursor(db, SCAN, '');
  await saveCursor(db, CATCH_UP, String(Math.floor(stripeNow) - FIRST_LOOK_BACK));
  return true;
}

/** A refusal has a time as well. */
function answeredAtOf(error: unknown): number | null {
  const cause = error instanceof StripeOutage ? error.cause : error;
  return isGatewayError(cause) ? cause.answeredAt : null;
}

/** What is older was here and was deleted; a local Stripe may still have it. */
function notBefore({ core }: Parts, wanted: number): number {
  const days = core.config.eventRetentionDays;
  return days === null ? wanted : Math.max(wanted, Math.floor(Date.now() / 1000) - days * 86_400);
}
