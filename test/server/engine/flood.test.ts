import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFlood } from '../../../server/sync/flood.ts';

describe('A flood of deliveries', () => {
  let storing = false;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    storing = false;
  });
  afterEach(() => vi.useRealTimers());

  /** Deliveries so many ms apart. */
  function deliver(flood: ReturnType<typeof createFlood>, count: number, apart: number): void {
    for (let i = 0; i < count; i += 1) {
      vi.advanceTimersByTime(apart);
      flood.add();
    }
  }

  it.each([
    { perSecond: 1_000, isFlood: true },
    { perSecond: 500, isFlood: true },
    { perSecond: 300, isFlood: false },
    { perSecond: 20, isFlood: false },
  ])('$perSecond in a second are one: $isFlood', ({ perSecond, isFlood }) => {
    const flood = createFlood(() => storing);
    deliver(flood, perSecond, 1_000 / perSecond);
    expect(flood.left() > 0).toBe(isFlood);
  });

  it('does not begin with a handful that come at once', () => {
    const flood = createFlood(() => storing);
    deliver(flood, 20, 0);
    expect(flood.left()).toBe(0);
  });

  it('is over a moment after the last', () => {
    const flood = createFlood(() => storing);
    deliver(flood, 100, 1);
    expect(flood.left()).toBe(30);
    vi.advanceTimersByTime(29);
    expect(flood.left()).toBe(1);
    vi.advanceTimersByTime(1);
    expect(flood.left()).toBe(0);
  });

  it('goes on while the disk hesitates with those that have come', () => {
    const flood = createFlood(() => storing);
    deliver(flood, 100, 1);
    storing = true;
    vi.advanceTimersByTime(5_000);
    expect(flood.left()).toBe(30);
    storing = false;
    flood.add();
    expect(flood.left()).toBe(0);
  });
});
