import { AppError } from './errors.ts';

/** Commands of one account that a process works on or keeps waiting; the next ones are refused. */
export const MAX_AT_ONCE = 25;

/** Runs a task of a key, unless too many of the same key are under way; then it throws 429. */
export type AtOnce = <T>(key: string, task: () => Promise<T>) => Promise<T>;

/**
 * A bound on what one account can keep waiting: they would only wait for each other, and each costs memory, a place at the
 * database and, in the end, an answer that no one waits for any more.
 */
export function createAtOnce(max = MAX_AT_ONCE): AtOnce {
  const running = new Map<string, number>();
  return async (key, task) => {
    const count = running.get(key) ?? 0;
    if (count >= max) {
      throw new AppError('rate_limited', 'Too many changes of this account are under way; wait.', {
        headers: { 'retry-after': '2' },
      });
    }
    running.set(key, count + 1);
    try {
      return await task();
    } finally {
      const left = (running.get(key) ?? 1) - 1;
      if (left === 0) running.delete(key);
      else running.set(key, left);
    }
  };
}

/** Runs tasks of one key in the order in which they came; null when the turn did not come in time. */
export type InOrder = <T>(
  key: string,
  waitMs: number,
  task: () => Promise<T>,
) => Promise<{ result: T } | null>;

/** Waiting in memory: of the requests of a key that reached this process, only the first asks the database. */
export function createInOrder(): InOrder {
  const last = new Map<string, Promise<void>>();
  return async (key, waitMs, task) => {
    const before = last.get(key);
    let done = () => undefined as void;
    const ended = new Promise<void>((resolve) => (done = resolve));
    last.set(key, ended);
    const forget = () => {
      if (last.get(key) === ended) last.delete(key);
      done();
    };
    if (before && !(await endsWithin(before, waitMs))) {
      // Those behind still wait for those before.
      void before.then(forget);
      return null;
    }
    try {
      return { result: await task() };
    } finally {
      forget();
    }
  };
}

async function endsWithin(task: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, ms, false)));
  const inTime = await Promise.race([task.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
