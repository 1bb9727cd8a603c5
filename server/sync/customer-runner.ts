import { dueEventsOf } from '../../db/due-events.ts';
import { claimCustomers, releaseClaim, renewClaim, type Claim } from '../../db/customer-locks.ts';
import { eventStatuses, type EventSummary } from '../../db/webhook-events.ts';
import type { SyncRequest } from '../lib/engine-types.ts';
import type { StoredSubscription } from '../../state/types.ts';
import { createBatchQueue, createLookup, togetherElseAlone } from '../lib/batch-queue.ts';
import { startHeartbeat } from '../lib/lease.ts';
import { sleep } from '../lib/limit.ts';
import { StillBusy } from '../lib/lock-timeout.ts';
import { postpone } from './commit.ts';
import type { EngineContext } from './context.ts';
import type { ClaimedTask, CustomerTask } from './decision.ts';
import { processBatch, type TaskResult } from './process-batch.ts';

/** Batches of customers whose deliveries and requests wait, besides those of the worker. */
const WAITING = { maxBatchSize: 64, concurrency: 1, holdMs: 50 };

export interface CustomerRunner {
  /** Processes customers that were claimed, a result for each. Never rejects: what failed is tried again later. */
  run(claims: readonly Claim[]): Promise<TaskResult | null>[];
  /**
   * Processes one event now, or waits for its processing that is under way. `seen` is where it stood before, null when it was new.
   * Throws why it could not be processed.
   */
  processEvent(event: { id: string; customer: string }, seen: EventSummary | null): Promise<void>;
  /** Reads one subscription now. Throws why it could not be read or stored. */
  sync(request: SyncRequest): Promise<StoredSubscription | null>;
  /** Where an event stands; null when it is not stored. All who ask at the same moment share a statement. */
  statusOf(eventId: string): Promise<EventSummary | null>;
  /** The customers that are being processed, or waited for, here. */
  running(): string[];
  /** Resolves when nothing is being processed. */
  idle(): Promise<void>;
}

/** One customer is never worked on twice at once: in this process by the map, among processes by the lease. */
export function createCustomerRunner(ctx: EngineContext): CustomerRunner {
  const db = ctx.core.database.knex;
  const running = new Map<string, Promise<TaskResult | null>>();
  const waiting = createBatchQueue(claimAndProcess, WAITING);
  const statusOf = createLookup((ids) => eventStatuses(db, ids));
  const terms = { owner: ctx.owner, duration: ctx.options.lease };

  function track<Result extends TaskResult | null>(key: string, work: Promise<Result>) {
    const tracked = work.finally(() => {
      if (running.get(key) === tracked) running.delete(key);
    });
    running.set(key, tracked);
    // Each caller hears of a failure; the map itself has nothing to do about it.
    tracked.catch(() => undefined);
    return tracked;
  }

  /** Processes, and on a failure lets the customer's events wait; rejects with that failure. */
  function attempt(tasks: readonly ClaimedTask[]): Promise<TaskResult>[] {
    const { customers } = ctx.core.metrics;
    return processBatch(ctx, tasks).map(async (processing, i) => {
      const task = tasks[i]!;
      const ended = customers.startTimer();
      const stopHeartbeat = startHeartbeat(() => renew(task.claim), {
        leaseMs: ctx.options.lease,
        failed: (error) =>
          ctx.core.log.warn({ err: error, customer: task.key }, 'could not renew a lease'),
      });
      try {
        const result = await processing;
        ended({ outcome: result.committed ? 'committed' : 'taken_over' });
        return result;
      } catch (error) {
        ended({ outcome: 'failed' });
        await giveBack(ctx, task, error);
        throw error;
      } finally {
        stopHeartbeat();
      }
    });
  }

  async function renew(claim: Claim): Promise<void> {
    await ctx.probe('before_renew');
    await renewClaim(db, claim, terms);
  }

  /** null for a customer that another process has. */
  function claimAndProcess(tasks: CustomerTask[]): Promise<TaskResult | null>[] {
    const claiming = togetherElseAlone(tasks, async (some) => {
      const keys = some.map(({ key }) => key);
      const claims = await claimCustomers(db, keys, terms);
      const byKey = new Map(claims.map((claim) => [claim.key, claim]));
      return keys.map((key) => byKey.get(key) ?? null);
    });
    const attempts = Promise.allSettled(claiming).then((claims) => {
      const claimed = tasks.flatMap((task, i) => {
        const claim = claims[i]!;
        return claim.status === 'fulfilled' && claim.value ? { ...task, claim: claim.value } : [];
      });
      const results = attempt(claimed);
      return new Map(claimed.map(({ key }, i) => [key, results[i]!]));
    });
    return tasks.map(async ({ key }, i) => {
      const result = (await attempts).get(key);
      return (await claiming[i]!) && result ? result : null;
    });
  }

  /**
   * One try at a customer. Joins what is under way here, be it work or the wait for another process that has it
   * (then the result is null): a hundred deliveries of one customer ask as often as one does.
   */
  async function tryOnce(task: CustomerTask, backOff: () => Promise<void>) {
    const underWay = running.get(task.key);
    if (underWay) return { own: false, result: await underWay.catch(() => null) };
    const work = waiting.add(task).then((done) => done ?? backOff().then(() => null));
    return { own: true, result: await track(task.key, work) };
  }

  return {
    run(claims) {
      const tasks = claims.map((claim) => ({ key: claim.key, claim, also: [], wanted: null }));
      return attempt(tasks).map((work, i) => {
        const { key } = tasks[i]!;
        return track(key, work).catch((error: unknown) => {
          ctx.core.log.error({ err: error, customer: key }, 'processing failed; it is retried');
          return null;
        });
      });
    },

    async processEvent({ id, customer }, seen) {
      const deadline = createDeadline(ctx.options.ackTimeout);
      const backOff = createBackOff();
      let key = customer;
      while (!deadline.isOver()) {
        const task = { key, also: [id], wanted: null };
        const { own, result } = await deadline.race(tryOnce(task, backOff));
        const outcome = result?.committed ? result.events.get(id) : undefined;
        if (outcome === null) return;
        if (outcome !== undefined) throw outcome;
        // Work that began before the event was stored did not see it; the next try will.
        if (!own && result?.committed) continue;
        const status = await statusOf(id);
        if (status === null || status.status === 'done' || status.status === 'ignored') return;
        // Another process tried in the meantime: one delivery is one attempt, however many wait for it.
        if (status.status === 'dead' || hasFailedSince(status, seen)) {
          throw new Error(status.lastError ?? 'The event could not be processed');
        }
        key = status.subject;
      }
      throw stillBusy();
    },

    async sync({ subscriptionId, customerId, cause, answer }) {
      const deadline = createDeadline(ctx.options.ackTimeout);
      const backOff = createBackOff();
      const task = { key: customerId, also: [], wanted: { subscriptionId, cause, answer } };
      while (!deadline.isOver()) {
        const { own, result } = await deadline.race(tryOnce(task, backOff));
        if (!own || !result?.committed) continue;
        const failure = result.failed.get(subscriptionId);
        if (failure !== undefined) throw failure;
        return result.subscriptions.get(subscriptionId) ?? null;
      }
      throw stillBusy();
    },

    statusOf,
    running: () => [...running.keys()],

    async idle() {
      while (running.size > 0) await Promise.allSettled(running.values());
    },
  };
}

const stillBusy = () => new StillBusy('Other work of this customer is still under way');

/** `race` throws once the time is over; what it waited for goes on. */
function createDeadline(ms: number) {
  const at = performance.now() + ms;
  const isOver = () => performance.now() >= at;
  async function race<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(stillBusy()), at - performance.now());
    });
    try {
      return await Promise.race([work, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
  return { isOver, race };
}

/** Waits while another process has the customer, longer each time. */
function createBackOff(): () => Promise<void> {
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
async function giveBack(ctx: EngineContext, task: ClaimedTask, error: unknown): Promise<void> {
  try {
    await ctx.probe('before_give_back');
    await ctx.core.database.knex.transaction(async (trx) => {
      if (!(await releaseClaim(trx, task.claim, ctx.owner))) return;
      const { also, key } = task;
      const now = ctx.core.database.clock.now();
      const events = await dueEventsOf(trx, key, { now, limit: 200, also });
      await postpone(trx, ctx, [{ events, error }]);
    });
  } catch (second) {
    // The database is down, most likely. The lease expires by itself, and the events are still waiting.
    ctx.core.log.warn({ err: second, customer: task.key }, 'could not give a lease back');
  }
}
