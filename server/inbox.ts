import type { Database } from '../db/database.ts';
import { insertEvents } from '../db/insert-events.ts';
import type { NewEvent } from '../db/webhook-events.ts';
import type { EngineOptions } from './engine-options.ts';
import { AppError } from './errors.ts';
import type { CoreServices } from './services.ts';

export interface Inbox {
  /**
   * Stores an event durably; true when it was new. Throws when the database failed, and `overloaded`
   * before anything is stored.
   */
  store(event: NewEvent): Promise<boolean>;
  /** Events that wait in memory. */
  backlog: () => number;
  /** Resolves when everything taken in was stored or refused. */
  settled(): Promise<void>;
}

interface Waiting {
  event: NewEvent;
  resolve: (isNew: boolean) => void;
  reject: (error: unknown) => void;
}

/** Batches under way at once on Postgres: while one waits for the disk, another is put together. */
const LANES = 3;

/** Says that it should be tried again a little later. */
export function overloaded(): AppError {
  return new AppError('overloaded', 'Too many events are waiting; try again.', {
    headers: { 'retry-after': '2' },
  });
}

/**
 * Group commit: one INSERT stores whatever gathered while those before it were under way, so a burst costs a
 * few commits and a single event is never kept waiting. Each caller is answered after its own commit.
 */
export function createInbox(
  database: Database,
  options: Pick<EngineOptions, 'maxBacklog' | 'maxBatch'>,
  probe: CoreServices['probe'],
): Inbox {
  let queue: Waiting[] = [];
  const lanes = database.dialect === 'postgres' ? LANES : 1;
  let busy = 0;
  const running = new Set<Promise<void>>();

  function run(): void {
    busy += 1;
    const lane: Promise<void> = Promise.resolve()
      .then(storeAll)
      .finally(() => running.delete(lane));
    running.add(lane);
  }

  async function storeAll(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.slice(0, options.maxBatch);
      queue = queue.slice(batch.length);
      await storeBatch(batch);
    }
    // At once, not when the promise is settled: what comes in between would wait for nobody.
    busy -= 1;
  }

  async function storeBatch(batch: Waiting[]): Promise<void> {
    try {
      await probe?.('before_store');
      const events = new Map(batch.map(({ event }) => [event.id, event]));
      const added = await insertEvents(database.knex, [...events.values()]);
      await probe?.('after_store');
      // Of two deliveries of one event in a batch, the first is the new one.
      for (const { event, resolve } of batch) resolve(added.delete(event.id));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return {
    store(event) {
      if (queue.length >= options.maxBacklog) throw overloaded();
      return new Promise((resolve, reject) => {
        queue.push({ event, resolve, reject });
        if (busy < lanes) run();
      });
    },
    backlog: () => queue.length,
    settled: async () => {
      await Promise.all(running);
    },
  };
}
