import { describe, expect, it } from 'vitest';
import { createCommitGroup } from '../../../server/sync/commit-group.ts';
import type { Decision } from '../../../server/sync/decision.ts';
import { sleep } from '../../../server/lib/limit.ts';

const decision = (key: string): Decision => ({
  claim: { key, fence: 1 },
  work: {
    verdicts: [],
    loose: { events: [], foreign: [], effects: [], links: [], details: [], deletedCustomer: null },
    moves: [],
    failures: [],
  },
});

/** A group that notes which subjects each transaction wrote; `breaks` says which of them fail. */
function groupThat(breaks: (keys: string[]) => boolean = () => false) {
  const written: string[][] = [];
  const group = createCommitGroup(
    async (batch) => {
      const keys = batch.map(({ claim }) => claim.key);
      await sleep(1);
      if (breaks(keys)) throw new Error(`cannot write ${keys.join(' ')}`);
      written.push(keys);
      return new Set(batch.map(({ claim }) => claim));
    },
    () => Promise.resolve(),
  );
  return { ...group, written };
}

describe('Decisions that are written together', () => {
  it('wait for those that are on their way, and share one transaction with them', async () => {
    const { expect: expected, commit, written } = groupThat();
    const arrivals = ['b', 'a', 'c'].map((key) => ({ key, arrived: expected() }));
    const done = arrivals.map(async ({ key, arrived }, i) => {
      await sleep(i * 3);
      arrived();
      return commit(decision(key));
    });
    expect(await Promise.all(done)).toEqual([true, true, true]);
    expect(written).toEqual([['a', 'b', 'c']]);
  });

  it('wait for nobody when they are alone', async () => {
    const { expect: expected, commit } = groupThat();
    for (let i = 0; i < 20; i += 1) {
      const arrived = expected();
      arrived();
      await commit(decision('a'));
    }
    const began = performance.now();
    await commit(decision('a'));
    // A wait for others would be 20 ms, a transaction here is one.
    expect(performance.now() - began).toBeLessThan(20);
  });

  it('are written soon although another never comes', async () => {
    const { expect: expected, commit, written } = groupThat();
    expected();
    const began = performance.now();
    await commit(decision('a'));
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(written).toEqual([['a']]);
  });

  it('are written one by one when one of them spoils it, and that one alone is refused', async () => {
    const { commit, written } = groupThat((keys) => keys.includes('b'));
    const ended = await Promise.allSettled(['a', 'b', 'c'].map((key) => commit(decision(key))));
    expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(written.flat().sort()).toEqual(['a', 'c']);
  });

  it('are all written when more come than fit into one transaction', async () => {
    const { commit, written } = groupThat();
    const keys = Array.from({ length: 150 }, (_, i) => `cus_${i}`);
    await Promise.all(keys.map((key) => commit(decision(key))));
    expect(written.flat().sort()).toEqual(keys.toSorted());
    expect(Math.max(...written.map((batch) => batch.length))).toBeLessThanOrEqual(64);
  });
});
