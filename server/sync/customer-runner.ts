import { releaseSubject, type Claim } from '../../db/subjects.ts';
import { dueEventsOf } from '../../db/due-events.ts';
import type { EventSummary } from '../../db/webhook-events.ts';
import type { Cause, StoredSubscription } from '../../state/types.ts';
import { postpone } from './commit.ts';
import type { EngineContext } from './context.ts';
import { keepLease } from './keep-lease.ts';
import { createLimit, sleep } from '../lib/limit.ts';
import { processSubject, type SubjectTask, type TaskResult } from './process-batch.ts';
import { StillBusy } from '../lib/lock-timeout.ts';

/** Subjects that deliveries and requests may process at once, besides the workers. */
const FOREGROUND = 64;

export interface SubjectRunner {
  /** Processes a subject that was claimed. Never throws: what failed waits to be tried again. */
  run(claim: Claim): Promise<TaskResult | null>;
  /**
   * Processes one event now, or waits for whoever does. `seen` is where it stood before, null when it was new.
   * Throws why it could not be processed.
   */
  processEvent(event: { id: string; subject: string }, seen: EventSummary | null): Promise<void>;
  /** Reads one subscription now. Throws why it could not be read or stored. */
  sync(wanted: {
    subscriptionId: string;
    customerId: string;
    cause: Cause;
  }): Promise<StoredSubscription | null>;
  /** The subjects that are being processed, or waited for, here. */
  running(): string[];
  /** Resolves when nothing is being processed. */
  idle(): Promise<void>;
}

/**
 * What is under way for a subject; let go of when it has ended. The map is made anew all the time, and what its old tables
 * hold lives until a great collection.
 */
interface Running {
  work: Promise<TaskResult | null> | null;
}

/** One subject is never worked on twice at once: in this process by the map, among processes by the lease. */
export function createSubjectRunner(ctx: EngineContext): SubjectRunner {
  const running = new Map<string, Running>();
  const limit = createLimit(FOREGROUND);

  function track(key: string, work: Promise<TaskResult | null>): Promise<TaskResult | null> {
    const entry: Running = { work: null };
    entry.work = work.finally(() => {
      if (running.get(key) === entry) running.delete(key);
      entry.work = null;
    });
    running.set(key, entry);
    return entry.work;
  }

  /** Processes, and on a failure lets the subject's events wait; throws that failure. */
  async function attempt(task: SubjectTask): Promise<TaskResult> {
    const ended = ctx.core.metrics.subjects.startTimer();
    const stopHeartbeat = keepLease(ctx, task.claim);
    try {
      const result = await processSubject(ctx, task);
      ended({ outcome: result.committed ? 'committed' : 'taken_over' });
      return result;
    } catch (error) {
      ended({ outcome: 'failed' });
      await giveBack(ctx, task, error);
      throw error;
    } finally {
      stopHeartbeat();
    }
  }

  async function claimAndAttempt(task: Omit<SubjectTask, 'claim'> & { key: string }) {
    const claim = await ctx.reads.claim(task.key);
    return claim && attempt({ claim, also: task.also, wanted: task.wanted });
  }

  /**
   * One turn at a subject. Joins what is under way here, be it work or the wait for another process that has it
   * (then the result is null): a hundred deliveries of one customer knock as often as one does.
   */
  async function turn(task: Omit<SubjectTask, 'claim'> & { key: string }, patience: Patience) {
    const under = running.get(task.key)?.work;
    if (under) {
      const result = await under.catch(() => null);
      return { own: false, result };
    }
    const work = limit(() => claimAndAttempt(task));
    const orWait = work.then((done) => done ?? patience().then(() => null));
    return { own: true, result: await track(task.key, orWait) };
  }

  return {
    async run(claim) {
      try {
        return await track(claim.key, attempt({ claim, also: [], wanted: null }));
      } catch (error) {
        ctx.core.log.error({ err: error, subject: claim.key }, 'processing failed; it is retried');
        return null;
      }
    },

    async processEvent({ id, subject }, seen) {
      const deadline = Date.now() + ctx.options.ackTimeout;
      const patience = createPatience();
      let key = subject;
      while (Date.now() < deadline) {
        const { own, result } = await turn({ key, also: [id], wanted: null }, patience);
        const outcome = result?.committed ? result.events.get(id) : undefined;
        if (outcome === null) return;
        if (outcome !== undefined) throw outcome;
        // Work that began before the event was stored did not see it; the next turn will.
        if (!own && result?.committed) continue;
        const status = await ctx.statusOf(id);
        if (status === null || status.status === 'done' || status.status === 'ignored') return;
        // Another process tried in the meantime: one delivery is one attempt, however many wait for it.
        if (status.status === 'dead' || hasFailedSince(status, seen)) {
          throw new Error(status.lastError ?? 'The event could not be processed');
        }
        key = status.subject;
      }
      throw new StillBusy('Others are still working on this customer');
    },

    async sync({ subscriptionId, customerId, cause }) {
      const deadline = Date.now() + ctx.options.ackTimeout;
      const patience = createPatience();
      const wanted = { subscriptionId, cause };
      while (Date.now() < deadline) {
        const { own, result } = await turn({ key: customerId, also: [], wanted }, patience);
        if (!own || !result?.committed) continue;
        const failure = result.failed.get(subscriptionId);
        if (failure !== undefined) throw failure;
        return result.subscriptions.get(subscriptionId) ?? null;
      }
      throw new StillBusy('Others are still working on this customer');
    },

    running: () => [...running.keys()],

    async idle() {
      while (running.size > 0) {
        await Promise.allSettled([...running.values()].flatMap(({ work }) => work ?? []));
      }
    },
  };
}

type Patience = () => Promise<void>;

/** Waits while another process has the subject, longer each time. */
function createPatience(): Patience {
  let delay = 10;
  return async () => {
    await sleep(delay * (0.5 + Math.random()));
    delay = Math.min(delay * 2, 200);
  };
}

function hasFailedSince(now: EventSummary, seen: EventSummary | null): boolean {
  return now.lastError !== (seen?.lastError ?? null) || now.attempts > (seen?.attempts ?? 0);
}

/** After a failure of the processing itself: the lease goes back and the events wait a little longer each time. */
async function giveBack(ctx: EngineContext, task: SubjectTask, error: unknown): Promise<void> {
  try {
    await ctx.probe('before_give_back');
    await ctx.core.database.knex.transaction(async (trx) => {
      if (!(await releaseSubject(trx, task.claim, ctx.owner))) return;
      const { also } = task;
      const events = await dueEventsOf(trx, task.claim.key, {
        now: Date.now(),
        limit: 200,
        also,
      });
      await postpone(trx, ctx, [{ events, error }]);
    });
  } catch (second) {
    // The database is away, most likely. The lease ends by itself, and the events are still waiting.
    ctx.core.log.warn({ err: second, subject: task.claim.key }, 'could not give a lease back');
  }
}
