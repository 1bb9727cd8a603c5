import { leadJob, readCursor, resignJob, saveCursor } from '../../db/cursors.ts';
import { knownEventIds, type NewEvent } from '../../db/webhook-events.ts';
import type { EngineContext } from '../sync/context.ts';
import { isRelevant, toNewEvent } from './parse-event.ts';
import { StripeOutage } from '../lib/stripe-outage.ts';

const JOB = 'catch-up';
/** Stripe keeps events for 30 days. */
const OLDEST = 30 * 86_400;
/** Events become visible in the list a little out of order; each round looks at some again. In seconds. */
const OVERLAP = 300;
/** Younger events are most likely on their way. In seconds. */
const ON_ITS_WAY = 15;
/** Further ahead than clocks differ by: a test clock's time, which says nothing about when it was sent. In seconds. */
const TEST_CLOCK = 60;

export interface CatchUp {
  start(): void;
  stop(): Promise<void>;
}

type Store = (events: NewEvent[]) => Promise<number>;

/** Looks periodically for events that never arrived; of several processes, one does it at a time. */
export function createCatchUp(ctx: EngineContext, store: Store): CatchUp {
  const { catchUpEvery } = ctx.options;
  const db = ctx.core.database.knex;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;

  async function round(): Promise<void> {
    const now = Date.now();
    const terms = { owner: ctx.owner, now, duration: Math.max(catchUpEvery * 2, 60_000) };
    if (!(await leadJob(db, JOB, terms))) return;
    const found = await catchUp(ctx, store, { onItsWay: ON_ITS_WAY });
    if (found > 0) ctx.core.log.warn({ found }, 'found events that had never arrived');
  }

  async function run(): Promise<void> {
    try {
      await round();
    } catch (error) {
      const level = error instanceof StripeOutage ? 'info' : 'warn';
      ctx.core.log[level]({ err: error }, 'could not look for missed events; it is tried again');
    }
    running = null;
  }

  return {
    start() {
      if (catchUpEvery <= 0 || timer) return;
      timer = setInterval(() => {
        running ??= run();
      }, catchUpEvery);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      timer = undefined;
      await running;
      if (catchUpEvery > 0) await resignJob(db, JOB, ctx.owner).catch(() => undefined);
    },
  };
}

/**
 * Lists Stripe's events since the last one seen, newest first, and stores those that are not here. `since` (in
 * seconds) replaces the stored position. Returns how many had never arrived.
 */
export async function catchUp(
  ctx: Pick<EngineContext, 'core' | 'reader'>,
  store: Store,
  range: { since?: number; onItsWay?: number } = {},
): Promise<number> {
  const db = ctx.core.database.knex;
  const startedAt = Math.floor(Date.now() / 1000);
  const cursor = Number((await readCursor(db, JOB)) ?? startedAt - OVERLAP);
  const wanted = range.since ?? Math.max(cursor - OVERLAP, startedAt - OLDEST);
  // What is older was here and was deleted; a local Stripe may still have it.
  const days = ctx.core.config.eventRetentionDays;
  const from = days === null ? wanted : Math.max(wanted, startedAt - days * 86_400);
  let found = 0;
  let newest = cursor;
  let startingAfter: string | null = null;
  do {
    const page = await ctx.reader.read((stripe) =>
      stripe.listEvents({ createdFrom: from, startingAfter }),
    );
    newest = Math.max(newest, page.data[0]?.created ?? 0);
    const arrived = page.data.filter(
      ({ created }) =>
        created <= startedAt - (range.onItsWay ?? 0) || created > startedAt + TEST_CLOCK,
    );
    const missing = await missingOf(ctx, arrived);
    if (missing.length > 0) found += await store(missing);
    startingAfter = page.has_more ? (page.data.at(-1)?.id ?? null) : null;
  } while (startingAfter !== null);
  // Only now: a round that was cut short must be done again from where it began.
  // And never ahead of time: events of a test clock would hide all others until real time has caught up.
  await saveCursor(db, JOB, String(Math.min(newest, startedAt)));
  return found;
}

async function missingOf(
  ctx: Pick<EngineContext, 'core'>,
  events: { id: string; type: string }[],
): Promise<NewEvent[]> {
  const relevant = events.filter((event) => isRelevant(event.type));
  const known = await knownEventIds(
    ctx.core.database.knex,
    relevant.map((event) => event.id),
  );
  const context = {
    live: ctx.core.config.stripe.live,
    source: 'catch_up' as const,
    receivedAt: Date.now(),
  };
  return relevant
    .filter((event) => !known.has(event.id))
    .map((event) => toNewEvent(JSON.stringify(event), context));
}
