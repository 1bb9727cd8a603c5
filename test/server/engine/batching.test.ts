import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { claimDueSubjects, claimSubjects, releaseSubjects } from '../../../db/subjects.ts';
import { createBatcher } from '../../../server/batching.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';

describe('Questions that share a statement', () => {
  it('are asked by themselves when one of them spoils it', async () => {
    const asked: number[][] = [];
    const ask = createBatcher((numbers: number[]) => {
      asked.push(numbers);
      if (numbers.includes(2)) return Promise.reject(new Error('two is wrong'));
      return Promise.resolve(numbers.map((n) => n * 10));
    });
    const answers = await Promise.allSettled([1, 2, 3].map(ask));
    expect(answers).toEqual([
      { status: 'fulfilled', value: 10 },
      { status: 'rejected', reason: new Error('two is wrong') },
      { status: 'fulfilled', value: 30 },
    ]);
    expect(asked).toEqual([[1, 2, 3], [1], [2], [3]]);
  });
});
