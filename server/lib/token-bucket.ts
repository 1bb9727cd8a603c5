export interface Turns {
  /** Resolves when it is this caller's turn. */
  take: () => Promise<void>;
  /** Calls back when it is this caller's turn: at once while there is room, else in the order of asking. */
  wait: (go: () => void) => void;
  /** Gives a place in the queue up. */
  leave: (go: () => void) => void;
  /** Turns that could be taken without waiting. */
  room: () => number;
}

/** Turns at `perSecond`, with a tenth of a second's worth at once after a rest. */
export function createTurns(perSecond: number): Turns {
  const interval = 1000 / perSecond;
  const queue = new Set<() => void>();
  let next = 0;
  let timer: NodeJS.Timeout | null = null;

  function serve(): void {
    timer = null;
    for (const go of queue) {
      const now = Date.now();
      next = Math.max(next, now - 100);
      if (next > now) {
        timer ??= setTimeout(serve, next - now);
        return;
      }
      next += interval;
      queue.delete(go);
      go();
    }
  }

  function wait(go: () => void): void {
    queue.add(go);
    if (timer === null) serve();
  }

  return {
    take: () => new Promise(wait),
    wait,
    leave: (go) => queue.delete(go),
    room() {
      const now = Date.now();
      return Math.max(0, Math.floor((now - Math.max(next, now - 100)) / interval) + 1);
    },
  };
}
