import { randomUUID } from 'node:crypto';
import { dropReceivers } from '../../db/effect-outcomes.ts';
import { HOOKS } from '../config/receivers.ts';
import { bringForward } from '../../db/bring-forward.ts';
import { knownEventIds, type NewEvent } from '../../db/webhook-events.ts';
import { readTerms, recordTerms } from '../catalogue/record-terms.ts';
import { createReadOwner } from '../accounts/read-owner.ts';
import { createTestClock, realClock, type RefreshingClock } from '../lib/clock.ts';
import { createCatchUp } from '../webhooks/catch-up.ts';
import { createChangeFeed } from '../lib/change-feed.ts';
import { createRenewalLoop } from '../outbox/renewals.ts';
import { createOverdueLoop } from '../outbox/overdue.ts';
import { createEffectDelivery } from '../outbox/dispatcher.ts';
import type { EngineContext } from '../sync/context.ts';
import { engineOptions, type EngineOptions } from '../sync/options.ts';
import { createInbox, overloaded } from '../webhooks/inbox.ts';
import { createStripeReader } from '../sync/stripe-reader.ts';
import { receiveEvent } from '../webhooks/receive-event.ts';
import { createCommitQueue } from '../sync/commit.ts';
import type { CoreServices } from '../lib/services.ts';
import type { Engine } from '../lib/engine-types.ts';
import { createCustomerRunner } from '../sync/customer-runner.ts';
import { createRetention } from '../operations/retention.ts';
import { createWorker } from '../sync/worker.ts';

/** Puts the engine together; `start()` sets it going. */
export function createEngine(core: CoreServices, given: Partial<EngineOptions> = {}): Engine {
  const options = engineOptions(core.config, given);
  const reader = createStripeReader(core.stripe, options);
  const changes = createChangeFeed(core.database, core.log);
  const owner = randomUUID();
  const probe = async (step: string) => core.probe?.(step);
  const ctx: EngineContext = {
    core,
    options,
    reader,
    changes,
    clock: clockOf(core),
    readOwner: createReadOwner(reader, {
      catalogue: core.catalogue,
      rules: core.config.ownership,
    }),
    commit: (decision) => commits.add(decision),
    owner,
    probe,
    effectsWaiting: () => effects.wake(),
  };
  const commits = createCommitQueue(ctx);
  const inbox = createInbox(core, options);
  const runner = createCustomerRunner(ctx);
  const worker = createWorker(ctx, runner, inbox);
  const effects = createEffectDelivery(ctx, runner);
  const parts = { ctx, inbox, runner, worker };

  async function store(events: NewEvent[]): Promise<number> {
    const known = await knownEventIds(
      core.database.knex,
      events.map((event) => event.id),
    );
    const unknown = events.filter((event) => !known.has(event.id));
    const added = await Promise.all(unknown.map((event) => inbox.store(event)));
    worker.wake();
    return added.filter(Boolean).length;
  }
  const catchUp = createCatchUp(ctx, store);
  const retention = createRetention(ctx);
  const overdue = createOverdueLoop(ctx);
  const renewals = createRenewalLoop(ctx);

  changes.subscribe((changed) => {
    if (changed.length === 0) core.access.invalidateAll();
    for (const { userId } of changed) if (userId) core.access.invalidate(userId);
  });
  /** A start that cannot write now (a locked file) is a start all the same: the next one sees to what is left. */
  async function lookBack(): Promise<void> {
    const db = core.database.knex;
    try {
      await bringForward(db, options.retryMax * 1.25);
      // What is for hooks waits for a process that has them.
      await dropReceivers(
        db,
        [...core.config.receivers.map(({ name }) => name), HOOKS],
        Date.now(),
      );
      await recordTerms(db, core.catalogue);
    } catch (error) {
      core.log.warn({ err: error }, 'could not write to the database at the start');
      await readTerms(db, core.catalogue);
    }
  }
  function wake(): void {
    worker.wake();
    effects.wake();
  }
  changes.onWork(wake);

  return {
    clock: ctx.clock,
    async start() {
      await core.database.clock.refresh();
      await lookBack();
      await catchUp.start();
      await ctx.clock.refresh();
      changes.start();
      worker.start();
      effects.start();
      retention.start();
      overdue.start();
      renewals.start();
    },
    async stop() {
      await catchUp.stop();
      await retention.stop();
      await overdue.stop();
      await renewals.stop();
      await inbox.settled();
      await worker.stop();
      await runner.idle();
      await effects.stop();
      await changes.close();
      ctx.clock.stop();
    },
    syncSubscription: (request) => runner.sync(request),
    ...withinLimit(options.maxBacklog, (event) => receiveEvent(parts, event)),
    store,
    onChange: changes.subscribe,
    wake,
    lookedAt: worker.lookedAt,
    backlog: inbox.backlog,
    isCatchUpLate: () => catchUp.isLate(),
    reader,
  };
}

/**
 * Refuses deliveries, before anything is stored, while too many are being stored or processed: a Stripe that answers
 * slowly must not fill the memory with deliveries that wait for it.
 */
function withinLimit(most: number, receive: Engine['receive']) {
  /** When each began, by a monotonic clock; the oldest comes first. */
  const under = new Map<object, number>();
  return {
    async receive(event: NewEvent) {
      if (under.size >= most) throw overloaded();
      const key = {};
      under.set(key, performance.now());
      try {
        return await receive(event);
      } finally {
        under.delete(key);
      }
    },
    oldestDelivery() {
      const [oldest] = under.values();
      return oldest === undefined ? 0 : performance.now() - oldest;
    },
  };
}

function clockOf(core: CoreServices): RefreshingClock {
  const { testClock } = core.config.stripe;
  return testClock === null ? realClock : createTestClock(core.stripe, testClock, core.log);
}
