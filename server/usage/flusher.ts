import type { FlushReport } from '../lib/usage-types.ts';
import { leadJob, resignJob } from '../../db/cursors.ts';
import { forgetUsage } from '../../db/usage-records.ts';
import {
  dueWindows,
  forgetWindows,
  haveOpenUsage,
  haveUnsentUsage,
  nextWindowDueAt,
  sealWindows,
} from '../../db/usage-windows.ts';
import { createLoop, type Loop } from '../lib/poll-loop.ts';
import { sendWindows, type SendContext } from './send-windows.ts';

const JOB = 'usage-flush';
/** Windows sent between two looks at the lease. */
const CHUNK = 200;
const FORGET_EVERY = 3_600_000;

const NOTHING: FlushReport = { led: true, delivered: 0, calls: 0, rounds: 0 };
/** What was left of an earlier round goes first, and what grew beside it after that. */
const MAX_ROUNDS = 3;

/** Whose usage is sent; all customers if none is named. */
interface Whose {
  userIds?: readonly string[] | undefined;
  /** Whether or not this process leads: both may send, and Stripe takes each identifier once. */
  forced?: boolean;
}

export interface UsageFlusher extends Loop {
  /**
   * Sends what was recorded until now; waits for a round under way. Of everybody only as the leader; of some users at
   * once, because a caller waits for it.
   */
  flush(userIds?: readonly string[]): Promise<FlushReport>;
  /** Sends what these users have left, soon: something happened to their subscription. */
  flushSoon(userIds: readonly string[]): void;
}

/**
 * Sends usage to Stripe, one process at a time. Two that believe they lead do no harm: both send the same
 * identifiers, and Stripe takes each once.
 */
export function createUsageFlusher(ctx: SendContext, owner: string): UsageFlusher {
  const { options } = ctx;
  const { knex: db, clock } = ctx.database;
  const soon = new Set<string>();
  let pauseUntil = 0;
  let nextFullAt = 0;
  let forgetAt = 0;
  let following = false;
  let turn: Promise<unknown> = Promise.resolve();

  const lead = () => leadJob(db, JOB, { owner, duration: options.lease });

  async function round({ userIds, forced }: Whose): Promise<FlushReport & { more: boolean }> {
    const report = { ...NOTHING, more: false };
    if (!(await haveUnsentUsage(db, userIds))) return report;
    if (!forced && !(await lead())) return { ...report, led: false };
    report.rounds = 1;
    await sealWindows(db, { now: clock.now(), userIds });
    // What could not be sealed waits behind an earlier part of its window.
    report.more = await haveOpenUsage(db, userIds);
    await sendDue(report, { userIds, forced });
    return report;
  }

  async function flush(whose: Whose): Promise<FlushReport> {
    const all = { ...NOTHING };
    for (let left = MAX_ROUNDS; left > 0; left -= 1) {
      const report = await round(whose);
      all.led = report.led;
      all.delivered += report.delivered;
      all.calls += report.calls;
      all.rounds += report.rounds;
      if (report.delivered === 0 || !report.more) break;
    }
    return all;
  }

  async function sendDue(report: FlushReport, { userIds, forced }: Whose): Promise<void> {
    // What fails in this round is for a later one.
    const now = clock.now();
    while (pauseUntil <= Date.now()) {
      const due = await dueWindows(db, { now, limit: CHUNK, userIds });
      if (due.length === 0) return;
      report.led = forced === true || (await lead());
      if (!report.led) return;
      const sent = await sendWindows(ctx, due);
      report.delivered += sent.delivered;
      report.calls += sent.calls;
      pauseUntil = Math.max(pauseUntil, sent.pauseUntil);
    }
  }

  async function forgetOld(): Promise<void> {
    const now = Date.now();
    if (now < forgetAt) return;
    forgetAt = now + FORGET_EVERY;
    while ((await forgetUsage(db, now - options.keepKeys)) > 0);
    while ((await forgetWindows(db, now - options.keepWindows)) > 0);
  }

  /** One round at a time in this process; across processes the lease sees to it. */
  function inTurn<T>(task: () => Promise<T>): Promise<T> {
    const mine = turn.then(task, task);
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function step(): Promise<boolean> {
    const everybody = Date.now() >= nextFullAt;
    if (everybody) nextFullAt = Date.now() + options.flushEvery;
    const userIds = everybody ? undefined : [...soon];
    soon.clear();
    const report: FlushReport = { ...NOTHING };
    if (everybody || (userIds && userIds.length > 0)) {
      Object.assign(report, await inTurn(() => flush({ userIds })));
    } else if (((await nextWindowDueAt(db)) ?? Infinity) <= clock.now()) {
      // Windows that failed are tried again when they are due, not with the next round.
      await inTurn(() => sendDue(report, {}));
    }
    following = !report.led;
    if (everybody && report.led) await forgetOld();
    return soon.size > 0;
  }

  async function rest(): Promise<number> {
    const now = Date.now();
    // The leader may be gone before the next round: its lease is what tells.
    if (following) return Math.max(0, Math.min(nextFullAt, now + options.lease / 6) - now);
    const dueIn = ((await nextWindowDueAt(db)) ?? Infinity) - clock.now();
    return Math.max(0, Math.min(nextFullAt - now, Math.max(dueIn, pauseUntil - now, 100)));
  }

  const loop = createLoop({
    round: step,
    rest,
    failed: (error) => ctx.log.warn({ err: error }, 'usage could not be sent; it is tried again'),
    afterError: Math.min(Math.max(options.flushEvery, 100), 5_000),
  });

  return {
    start() {
      if (options.flushEvery <= 0) return;
      nextFullAt = Date.now() + options.flushEvery;
      loop.start();
    },
    wake: loop.wake,
    async stop() {
      await loop.stop();
      await turn;
      await resignJob(db, JOB, owner).catch(() => undefined);
    },
    flush: (userIds) => inTurn(() => flush({ userIds, forced: userIds !== undefined })),
    flushSoon(userIds) {
      for (const userId of userIds) soon.add(userId);
      loop.wake();
    },
  };
}
