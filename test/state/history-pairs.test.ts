import { describe, expect, it } from 'vitest';
import type { HistoryLine } from '../../state/history/lines.ts';
import { pairLines } from '../../state/history/pair-lines.ts';
import type { Move } from '../../state/history/telling.ts';

const line = (causeId: string, guess: boolean): HistoryLine => ({
  from: 'active',
  to: 'active',
  at: 0,
  event: 'upgraded',
  causeId,
  guess,
});

function move(causeId: string, kept: HistoryLine | null): Move {
  const known = { unexpected: false, late: false, detail: {}, source: null };
  return {
    ...known,
    from: 'active',
    to: 'active',
    event: 'upgraded',
    at: 0,
    causeId,
    mrr: null,
    plan: null,
    guess: false,
    line: kept,
  };
}

describe('P-24: a change that was inferred while an event was missing', () => {
  const [one, two] = [line('evt_1', false), line('evt_2', false)];
  const pairsOf = (kept: HistoryLine | null, ...between: HistoryLine[]) => {
    const begun: HistoryLine = { ...line('evt_0', false), from: 'none' };
    const moves = [{ ...move('evt_0', null), from: 'none' as const }, move('evt_1', kept)];
    const lines = [begun, one, ...between, two];
    return pairLines([...moves, move('evt_2', null)], lines, 'none').map((pair) => pair.line);
  };

  it('is gone where the events at hand tell of both sides', () => {
    expect(pairsOf(null, line('evt_2:before', true))).toHaveLength(3);
  });

  it('stays where the event of one side is no longer stored', () => {
    expect(pairsOf(one, line('evt_2:before', true))).toHaveLength(4);
  });

  it('stays where reads have shown that it was made and taken back', () => {
    const shown = [line('evt_1:read', true), line('evt_3:read', true)];
    expect(pairsOf(null, ...shown)).toHaveLength(5);
  });

  it('is gone where a read has shown it and other events have come to tell of it', () => {
    expect(pairsOf(null, line('evt_1:read', true))).toHaveLength(3);
  });
});

describe('S-11: a change that Stripe tells in two events', () => {
  const pause = { from: 'active', to: 'paused', event: 'paused', at: 9_000 } as const;
  const told: HistoryLine = { ...line('evt_1', false), ...pause, number: 2 };
  const begun: HistoryLine = { ...line('evt_0', false), from: 'none', number: 1 };
  const lineOf = (at: number) => {
    const moves = [{ ...move('evt_0', null), from: 'none' as const }];
    const again: Move = { ...move('evt_2', null), ...pause, at };
    return pairLines([...moves, again], [begun, told], 'none').at(-1)?.line;
  };

  it('keeps its line, whichever of them explains it by now', () => {
    expect(lineOf(9_000)).toBe(told);
    expect(lineOf(10_000)).toBe(told);
  });

  it('is another one when it is at another time', () => {
    expect(lineOf(30_000)).toBeNull();
  });
});
