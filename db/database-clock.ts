/** Asked again after this long: two clocks drift apart, and one may be set. */
const VALID_MS = 10_000;

/** What the database's clock says, without asking it each time. */
export interface DatabaseClock {
  /** Now by the database's clock, in ms; by that of this process until the database has answered once. */
  now(): number;
  /** Asks the database. A failure leaves what was known. */
  refresh(): Promise<void>;
}

/**
 * What is due when must not depend on which process says so: a process adds to the database's time what has passed since by a
 * monotonic clock, so that neither a wrong nor a moved clock of its own shows. `read` asks the database, in ms.
 */
export function createDatabaseClock(read: () => Promise<number>): DatabaseClock {
  /** The database's time less the monotonic time, as of the latest answer. */
  let offset: number | null = null;
  let readAt = -Infinity;
  let reading: Promise<void> | null = null;

  async function ask(): Promise<void> {
    const asked = performance.now();
    readAt = asked;
    try {
      const now = await read();
      const took = performance.now() - asked;
      // An answer that took long says too little of when it was given, unless there is none better.
      if (offset === null || took < 1_000) offset = now - asked - took / 2;
    } catch {
      // What needs the database now hears of it from its own query.
    }
  }
  function refresh(): Promise<void> {
    reading ??= ask().finally(() => {
      reading = null;
    });
    return reading;
  }

  return {
    refresh,
    now() {
      if (performance.now() - readAt > VALID_MS) void refresh();
      return offset === null ? Date.now() : Math.round(performance.now() + offset);
    },
  };
}

/** Where the only processes that use a database share its machine's clock. */
export const sameClock: DatabaseClock = {
  now: () => Date.now(),
  refresh: () => Promise.resolve(),
};
