import { describe, expect, it } from 'vitest';
import { createBatchQueue, togetherElseAlone } from '../../../server/lib/batch-queue.ts';
import { sleep } from '../../../server/lib/limit.ts';

describe('A batch queue', () => {
  it('gathers what comes while batches are under way, and keeps the order of results', async () => {
    const batches: number[][] = [];
    const queue = createBatchQueue(
      (numbers: number[]) => {
        batches.push(numbers);
        const working = sleep(10);
        return numbers.map(async (n) => (await working, n * 10));
      },
      { maxBatchSize: 3, concurrency: 1 },
    );
    const first = queue.add(1);
    await sleep(2);
    const others = [2, 3, 4, 5].map((n) => queue.add(n));
    expect(await Promise.all([first, ...others])).toEqual([10, 20, 30, 40, 50]);
    expect(batches).toEqual([[1], [2, 3, 4], [5]]);
    await queue.idle();
    expect(queue.isBusy()).toBe(false);
  });

  it('does not keep the next batch waiting for one that is held up', async () => {
    const queue = createBatchQueue(
      (names: string[]) => names.map((name) => sleep(name === 'slow' ? 500 : 1)),
      { maxBatchSize: 10, concurrency: 1, holdMs: 20 },
    );
    const began = performance.now();
    const slow = queue.add('slow');
    await sleep(2);
    await queue.add('quick');
    expect(performance.now() - began).toBeLessThan(400);
    await slow;
  });
});

describe('Items that are done together', () => {
  it('are done one by one when one of them spoils it, and that one alone fails', async () => {
    const tried: number[][] = [];
    const results = togetherElseAlone([1, 2, 3], async (numbers) => {
      tried.push([...numbers]);
      await sleep(1);
      if (numbers.includes(2)) throw new Error('two is wrong');
      return numbers.map((n) => n * 10);
    });
    expect(await Promise.allSettled(results)).toEqual([
      { status: 'fulfilled', value: 10 },
      { status: 'rejected', reason: new Error('two is wrong') },
      { status: 'fulfilled', value: 30 },
    ]);
    expect(tried).toEqual([[1, 2, 3], [1], [2], [3]]);
  });
});
