import { insertEvents } from '../../db/insert-events.ts';
import type { NewEvent } from '../../db/webhook-events.ts';
import type { EngineOptions } from '../sync/options.ts';
import { AppError } from '../http/errors.ts';
import { createBatchQueue } from '../lib/batch-queue.ts';
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

/** Says that it should be tried again a little later. */
export function overloaded(): AppError {
  return new AppError('overloaded', 'Too many events are waiting; try again.', {
    headers: { 'retry-after': '2' },
  });
}

/**
 * Group commit: one INSERT stores what gathered while the one before it was under way, so a burst costs a few commits
 * and a single event is never kept waiting. Each caller is answered after its own commit. More INSERTs at once were
 * not faster, only smaller.
 */
export function createInbox(
  { database, probe }: Pick<CoreServices, 'database' | 'probe'>,
  options: Pick<EngineOptions, 'maxBacklog' | 'maxBatch'>,
): Inbox {
  const queue = createBatchQueue(storeBatch, { maxBatchSize: options.maxBatch, concurrency: 1 });

  function storeBatch(batch: NewEvent[]): Promise<boolean>[] {
    const events = new Map(batch.map((event) => [event.id, event]));
    const storing = insert([...events.values()]);
    // Of two deliveries of one event in a batch, the first is the new one.
    return batch.map(async ({ id }) => (await storing).delete(id));
  }

  async function insert(events: NewEvent[]): Promise<Set<string>> {
    await probe?.('before_store');
    const added = await insertEvents(database.knex, events);
    await probe?.('after_store');
    return added;
  }

  return {
    store(event) {
      if (queue.waiting() >= options.maxBacklog) throw overloaded();
      return queue.add(event);
    },
    backlog: queue.waiting,
    isStoring: queue.isBusy,
    settled: queue.idle,
  };
}
