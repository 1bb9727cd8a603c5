import { setImmediate as turnOfTheEventLoop } from 'node:timers/promises';
import { claimDueCustomers } from '../../db/customer-locks.ts';
import { nextDueAt } from '../../db/due-events.ts';
import type { EngineContext } from './context.ts';
import { createLoop, type Loop } from '../lib/poll-loop.ts';
import type { CustomerRunner } from './customer-runner.ts';

/** How soon to look again at work that is due but leased by another process, in ms. */
const LEASED_ELSEWHERE_MS = 100;

/** How soon to look again while most places are taken or Stripe may not be read, in ms; makes bigger batches. */
const REGROUP_MS = 20;

/** Reads of Stripe that make a batch, and how long to wait until so many may be made, in ms. */
const MIN_READS = 8;
const MAX_READ_WAIT_MS = 100;

/** Most customers that are taken at once: while one batch is read from Stripe, the one before it is written. */
const MAX_BATCH_SIZE = 64;

/** While deliveries follow each other closer than this, events wait for more of their customer, in ms: one read does for all. */
const DEBOUNCE_MS = 50;
/** But no event waits longer than this. */
const MAX_DEBOUNCE_MS = 1_000;

export interface Worker extends Loop {
  /** Says that a delivery was stored whose answer does not wait for its processing. */
  arrived: () => void;
  /** When it last looked for work, in ms since the epoch; null when it is not running. */
  lookedAt: () => number | null;
}

/**
 * Processes what is due, a few customers at a time, those that wait longest first. It looks when it is woken,
 * when the next retry is due, and now and then in case a wake-up was lost. Stopping waits for what is under way.
 */
export function createWorker(
  ctx: EngineContext,
  runner: CustomerRunner,
  inbox: { isStoring: () => boolean },
): Worker {
  const { options, core } = ctx;
  const { knex: db, clock } = core.database;
  const slots = options.concurrency;

  /** Customers that this worker has under way. */
  let under = 0;
  let lookedAt: number | null = null;
  let claimedAt = 0;
  /** How many events of a customer are processed at once, of late. */
  let eventsEach = 1;

  /** When the last delivery came, by a monotonic clock. */
  let arrivedAt = -Infinity;
  let debounce: NodeJS.Timeout | null = null;

  /** How long to wait for more deliveries at least, in ms; 0 when none came lately. What is being stored counts as coming. */
  function debounceLeft(): number {
    if (inbox.isStoring()) return DEBOUNCE_MS;
    return Math.max(0, arrivedAt + DEBOUNCE_MS - performance.now());
  }

  async function round(): Promise<boolean> {
    // What has reached this process is stored first: it may be of the same customers.
    await turnOfTheEventLoop();
    lookedAt = Date.now();
    const limit = room();
    if (limit <= 0) return false;
    const { owner } = ctx;
    // A lease that ended while its work goes on here must not be taken over from ourselves.
    const except = runner.running();
    const now = clock.now();
    const dueBy = debounceLeft() > 0 ? now - MAX_DEBOUNCE_MS : now;
    const duration = options.lease;
    const terms = { owner, duration, dueBy, except, eventsEach };
    const claims = await claimDueCustomers(db, limit, terms);
    if (claims.length > 0) claimedAt = lookedAt;
    for (const work of claims.length > 0 ? runner.run(claims) : []) {
      under += 1;
      void work.then((result) => {
        under -= 1;
        if (result) eventsEach += (Math.max(1, result.events.size) - eventsEach) / 10;
        if (under <= slots / 2) loop.wake();
      });
    }
    // While more come in, the few that have become due since are soon more.
    const goesOn = debounceLeft() > 0 ? claims.length === limit : claims.length > 0;
    return goesOn && under < slots;
  }

  /**
   * How many customers to take now: each costs a read of Stripe, and more events may come for those that wait. One at
   * least after a while, though deliveries that wait for their answer use every read.
   */
  function room(): number {
    if (ctx.reader.pausedUntil() > 0) return 0;
    const reads = ctx.reader.room();
    if (reads < MIN_READS && Date.now() - claimedAt < MAX_READ_WAIT_MS) return 0;
    return Math.min(slots - under, MAX_BATCH_SIZE, Math.max(reads, 1));
  }

  async function rest(): Promise<number> {
    if (slots === 0) return options.poll;
    const paused = ctx.reader.pausedUntil();
    if (paused === 0 && room() <= 0) return REGROUP_MS;
    const left = debounceLeft();
    if (paused === 0 && left > 0) return Math.min(REGROUP_MS, left);
    const dueIn = ((await nextDueAt(db)) ?? Infinity) - clock.now();
    const wait = Math.max(dueIn, paused - Date.now());
    return Math.min(options.poll, wait <= 0 ? LEASED_ELSEWHERE_MS : wait);
  }

  const loop = createLoop({
    round,
    rest,
    failed: (error) => core.log.warn({ err: error }, 'the worker could not look for work'),
    afterError: Math.min(options.poll, 500),
  });
  return {
    start: loop.start,
    wake: loop.wake,
    arrived() {
      arrivedAt = performance.now();
      debounce ??= setTimeout(() => {
        debounce = null;
        loop.wake();
      }, DEBOUNCE_MS);
    },
    lookedAt: () => lookedAt,
    async stop() {
      if (debounce) clearTimeout(debounce);
      await loop.stop();
      lookedAt = null;
      await runner.idle();
    },
  };
}
