import { sleep } from './limit.ts';

/** Items that gather while earlier batches are under way. */
export interface BatchQueue<Item, Result> {
  add: (item: Item) => Promise<Result>;
  /** Items of no batch yet. */
  waiting: () => number;
  /** True while an item was added and not settled. */
  isBusy: () => boolean;
  /** Resolves when everything added is settled. */
  idle: () => Promise<void>;
}

export interface BatchOptions {
  maxBatchSize: number;
  /** Batches under way at the same time. */
  concurrency: number;
  /** After this long, in ms, a batch that is held up no longer keeps the next from starting. */
  holdMs?: number;
}

/**
 * Runs items in batches: one that comes alone starts at once, those that come while `concurrency` batches are under
 * way make the next. `run` gives a result for each item, in their order.
 */
export function createBatchQueue<Item, Result>(
  run: (items: Item[]) => Promise<Result>[],
  { maxBatchSize, concurrency, holdMs }: BatchOptions,
): BatchQueue<Item, Result> {
  interface Waiting {
    item: Item;
    resolve: (result: Result | Promise<Result>) => void;
  }
  const queue: Waiting[] = [];
  const open = new Set<Promise<unknown>>();
  let running = 0;
  let scheduled = false;

  function start(): void {
    scheduled = false;
    while (queue.length > 0 && running < concurrency) {
      running += 1;
      void runBatch(queue.splice(0, maxBatchSize)).then(() => {
        running -= 1;
        start();
      });
    }
  }

  async function runBatch(batch: Waiting[]): Promise<void> {
    const results = run(batch.map(({ item }) => item));
    batch.forEach(({ resolve }, i) => resolve(results[i]!));
    const settled = Promise.allSettled(results);
    await (holdMs === undefined ? settled : Promise.race([settled, sleep(holdMs)]));
  }

  return {
    add(item) {
      const result = new Promise<Result>((resolve) => queue.push({ item, resolve }));
      const settled = result.then(
        () => undefined,
        () => undefined,
      );
      open.add(settled);
      void settled.then(() => open.delete(settled));
      if (!scheduled) {
        scheduled = true;
        // What is added in the same turn of the event loop makes one batch.
        setImmediate(start);
      }
      return result;
    },
    waiting: () => queue.length,
    isBusy: () => open.size > 0,
    async idle() {
      while (open.size > 0) await Promise.all(open);
    },
  };
}

/** Reads by key; those who ask at the same moment share a statement. Null for a key that nothing is found for. */
export function createLookup<Value>(
  find: (keys: string[]) => Promise<ReadonlyMap<string, Value>>,
): (key: string) => Promise<Value | null> {
  const queue = createBatchQueue<string, Value | null>(
    (keys) => {
      const finding = find(keys);
      return keys.map(async (key) => (await finding).get(key) ?? null);
    },
    { maxBatchSize: 100, concurrency: 3 },
  );
  return queue.add;
}

/**
 * Does something for all items at once; where that fails, for each by itself, so that what is wrong with one of them
 * fails that one alone. `run` gives its results in the order of the items.
 */
export function togetherElseAlone<Item, Result>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<Result[]>,
): Promise<Result>[] {
  if (items.length === 0) return [];
  const together = run(items);
  return items.map(async (item, i) => {
    try {
      return (await together)[i]!;
    } catch (error) {
      if (items.length === 1) throw error;
      const [result] = await run([item]);
      return result!;
    }
  });
}
