import { insertEvents } from '../../db/insert-events.ts';
import type { NewEvent } from '../../db/webhook-events.ts';
import type { EngineOptions } from '../sync/options.ts';
import { AppError } from '../http/errors.ts';
import type { FreshFacts } from '../sync/fresh-facts.ts';
import type { CoreServices } from '../lib/services.ts';

export interface Inbox {
  /**
   * Stores an event durably; true when it was new. Throws when the database failed, and `overloaded`
   * before anything is stored.
   */
  store(event: NewEvent): Promise<boolean>;
  /** Events that wait in memory. */
  backlog: () => number;
  /** True while an event is taken in and not yet stored or refused. */
  isStoring: () => boolean;
  /** Resolves when everything taken in was stored or refused. */
  settled(): Promise<void>;
}

interface Waiting {
  event: NewEvent;
  resolve: (isNew: boolean) => void;
  reject: (error: unknown) => void;
}

/** Says that it should be tried again a little later. */
export function overloaded(): AppError {
  return new AppError('overloaded', 'Too many events are waiting; try again.', {
    headers: { 'retry-after': '2' },
  });
}

/**
 * Group commit: one INSERT stores whatever gathered while the one before it was under way, so a burst costs a
 * few commits and a single event is never kept waiting. Each caller is answered after its own commit. More INSERTs
 * at once were not faster, only smaller.
 */
export function createInbox(
  { database, probe }: Pick<CoreServices, 'database' | 'probe'>,
  options: Pick<EngineOptions, 'maxBacklog' | 'maxBatch'>,
  fresh: FreshFacts,
): Inbox {
  let queue: Waiting[] = [];
  let running: Promise<void> | null = null;

  async function storeAll(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.slice(0, options.maxBatch);
      queue = queue.slice(batch.length);
      await storeBatch(batch);
    }
    // At once, not when the promise is settled: what comes in between would wait for nobody.
    running = null;
  }

  async function storeBatch(batch: Waiting[]): Promise<void> {
    try {
      await probe?.('before_store');
      const events = new Map(batch.map(({ event }) => [event.id, event]));
      const added = await insertEvents(database.knex, [...events.values()]);
      await probe?.('after_store');
      // Of two deliveries of one event in a batch, the first is the new one.
      for (const { event, resolve } of batch) {
        const isNew = added.delete(event.id);
        if (isNew) fresh.keep(event);
        resolve(isNew);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return {
    store(event) {
      if (queue.length >= options.maxBacklog) throw overloaded();
      return new Promise((resolve, reject) => {
        queue.push({ event, resolve, reject });
        running ??= Promise.resolve().then(storeAll);
      });
    },
    backlog: () => queue.length,
    isStoring: () => running !== null,
    settled: async () => {
      await running;
    },
  };
}
