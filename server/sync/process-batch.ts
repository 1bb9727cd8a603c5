import type { StoredSubscription } from '../../state/types.ts';
import { togetherElseAlone } from '../lib/batch-queue.ts';
import type { Trace } from '../lib/tracing.ts';
import type { EngineContext } from './context.ts';
import { decide } from './decide.ts';
import type { ClaimedTask, Decision } from './decision.ts';
import { load } from './load.ts';
import { loadPast } from './history-input.ts';
import { readStripe } from './read-stripe.ts';

/** How long decisions wait for the others of their batch, in ms, before they are committed without them. */
const GATHER_MS = 20;

/** What became of a task. */
export interface TaskResult {
  /** False when another process took the customer over: nothing was written. */
  committed: boolean;
  /** Event id → null when it is dealt with, else why not. */
  events: Map<string, unknown>;
  /** Subscription id → why it could not be read or decided. */
  failed: Map<string, unknown>;
  /** Rows as they are now, by subscription id. */
  subscriptions: Map<string, StoredSubscription>;
}

/**
 * Makes the database equal to Stripe for some customers whose locks this process holds: loads what waits for them and
 * what is known in a few statements, reads each subscription from Stripe once, decides, and writes in one transaction.
 * A result for each task, in their order: one whose reads take longer than those of the others is committed after
 * them, and one that fails rejects alone.
 */
export function processBatch(
  ctx: EngineContext,
  tasks: readonly ClaimedTask[],
): Promise<TaskResult>[] {
  const startedAt = Date.now();
  const loading = togetherElseAlone(tasks, async (some) => {
    await ctx.probe('claimed');
    const loaded = await load(ctx.core.database, some);
    await ctx.probe('loaded');
    return loaded;
  });
  const decided = tasks.map(async (_, i) => {
    const read = await readStripe(ctx, await loading[i]!);
    await ctx.probe('read');
    const cause = read.loaded.task.wanted?.cause ?? null;
    const context = { core: ctx.core, now: ctx.clock.now(), cause };
    const pasts = await loadPast(ctx.core.database.knex, read.snapshots, context);
    return decide(read, pasts, context);
  });
  return asReady(decided, (some) =>
    some.map(async (decision) => {
      const isCommitted = await ctx.commit(decision);
      await ctx.probe('after_commit');
      const result = resultOf(decision, isCommitted);
      const { trace } = ctx.core;
      if (trace) traceEvents(trace, decision, { result, startedAt });
      return result;
    }),
  );
}

/** A span for each event of one customer: they were processed together. */
function traceEvents(
  trace: Trace,
  { claim, subscriptions }: Decision,
  { result, startedAt }: { result: TaskResult; startedAt: number },
): void {
  const at = new Map(
    subscriptions.flatMap(({ change, events }) => events.map(({ id }) => [id, change] as const)),
  );
  for (const [id, error] of result.events) {
    const change = at.get(id);
    const attributes = {
      'stripe.event.id': id,
      'stripe.customer.id': claim.key,
      'stripe.subscription.id': change?.next.id,
      'tenure.state': change?.next.state,
      'tenure.committed': result.committed,
    };
    const span = { name: 'tenure.process', causeId: id, attributes, startedAt } as const;
    const act = () => (error === null ? Promise.resolve() : Promise.reject(error));
    trace(span, act).catch(() => {});
  }
}

/**
 * Hands values on together once all have come, else those that have come a moment after the first of them; the late ones
 * follow in the same way.
 */
function asReady<Value, Result>(
  values: readonly Promise<Value>[],
  handOn: (values: Value[]) => Promise<Result>[],
): Promise<Result>[] {
  let awaited = values.length;
  let ready: { value: Value; settle: (result: Promise<Result>) => void }[] = [];
  let timer: NodeJS.Timeout | null = null;

  function flush(): void {
    if (timer) clearTimeout(timer);
    timer = null;
    const some = ready;
    ready = [];
    if (some.length === 0) return;
    const results = handOn(some.map(({ value }) => value));
    some.forEach(({ settle }, i) => settle(results[i]!));
  }
  function look(): void {
    awaited -= 1;
    if (awaited === 0) flush();
    else if (ready.length > 0) timer ??= setTimeout(flush, GATHER_MS);
  }

  return values.map(
    (coming) =>
      new Promise<Result>((settle, reject) => {
        coming.then(
          (value) => {
            ready.push({ value, settle });
            look();
          },
          (error: unknown) => {
            reject(error instanceof Error ? error : new Error(String(error)));
            look();
          },
        );
      }),
  );
}

function resultOf(decision: Decision, committed: boolean): TaskResult {
  const events = new Map<string, unknown>();
  const subscriptions = new Map<string, StoredSubscription>();
  if (committed) {
    const { other } = decision;
    for (const row of [...other.events, ...other.foreign]) events.set(row.id, null);
    for (const { change, events: rows } of decision.subscriptions) {
      for (const row of rows) events.set(row.id, null);
      if (change) subscriptions.set(change.next.id, change.next);
    }
    for (const { events: rows, error } of decision.failures) {
      for (const row of rows) events.set(row.id, error);
    }
  }
  const failed = new Map<string, unknown>();
  for (const { subscriptionId, error } of decision.failures) {
    if (subscriptionId !== undefined) failed.set(subscriptionId, error);
  }
  return { committed, events, failed, subscriptions };
}
