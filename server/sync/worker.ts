import { setImmediate as turnOfTheEventLoop } from 'node:timers/promises';
import { claimDueCustomers } from '../../db/customer-locks.ts';
import { nextDueAt } from '../../db/due-events.ts';
import type { EngineContext } from './context.ts';
import { createFlood } from './flood.ts';
import { createLoop, type Loop } from '../lib/poll-loop.ts';
import type { CustomerRunner } from './customer-runner.ts';

/** How soon to look again at work that is due but leased by somebody else, in ms. */
const LEASED_ELSEWHERE = 100;

/** How soon to look again while most places are taken or Stripe may not be read, in ms; makes bigger groups of work. */
const REGROUP = 20;

/** Turns at Stripe that are worth a group, and how long to wait for so many, in ms. */
const WORTH = 8;
const WAIT = 100;

/** Most subjects that are taken at once: while one group is read from Stripe, the one before it is written. */
const GROUP = 64;

/** How long events gather, at most, while deliveries pour in, in ms: those of one subscription then cost the work of one. */
const GATHER = 1_000;

export interface Worker extends Loop {
  /** Says that a delivery was stored that nobody waits for; wakes the worker unless they pour in. */
  arrived: () => void;
  /** When it last looked for work, in ms since the epoch; null when it is not running. */
  lookedAt: () => number | null;
}

/**
 * Works off what is due, a few subjects at a time, those that wait longest first. It looks when it is woken,
 * when the next retry is due, and now and then in case a wake-up was lost. Stopping waits for what is under way.
 */
export function createWorker(
  ctx: EngineContext,
  runner: CustomerRunner,
  inbox: { isStoring: () => boolean },
): Worker {
  const { options, core } = ctx;
  const db = core.database.knex;
  const slots = options.concurrency;

  /** Subjects that this worker has under way. */
  let under = 0;
  let lookedAt: number | null = null;
  let claimedAt = 0;
  /** How many events of a subject are processed at once, of late. */
  let eventsEach = 1;

  const flood = createFlood(inbox.isStoring);

  async function round(): Promise<boolean> {
    // What has reached this process is taken in first: it may be the next drop of a flood.
    await turnOfTheEventLoop();
    lookedAt = Date.now();
    const limit = room();
    if (limit <= 0) return false;
    const { owner } = ctx;
    // A lease that ended while its work goes on here must not be taken over from ourselves.
    const except = runner.running();
    const dueBy = flood.left() > 0 ? lookedAt - GATHER : lookedAt;
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
    // In a flood, the few that have come due since are soon more.
    const goesOn = flood.left() > 0 ? claims.length === limit : claims.length > 0;
    return goesOn && under < slots;
  }

  /**
   * How many subjects to take now: each costs a read of Stripe, and events whose turn has not come may yet gather. One at
   * least after a while, though deliveries that wait for their answer take every turn.
   */
  function room(): number {
    if (ctx.reader.pausedUntil() > 0) return 0;
    const turns = ctx.reader.room();
    if (turns < WORTH && Date.now() - claimedAt < WAIT) return 0;
    return Math.min(slots - under, GROUP, Math.max(turns, 1));
  }

  async function rest(): Promise<number> {
    if (slots === 0) return options.poll;
    const paused = ctx.reader.pausedUntil();
    if (paused === 0 && room() <= 0) return REGROUP;
    const pouring = flood.left();
    if (paused === 0 && pouring > 0) return Math.min(REGROUP, pouring);
    const now = Date.now();
    const due = Math.max((await nextDueAt(db)) ?? Infinity, paused);
    return Math.min(options.poll, due <= now ? LEASED_ELSEWHERE : due - now);
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
      flood.add();
      if (flood.left() === 0) loop.wake();
    },
    lookedAt: () => lookedAt,
    async stop() {
      await loop.stop();
      lookedAt = null;
      await runner.idle();
    },
  };
}
