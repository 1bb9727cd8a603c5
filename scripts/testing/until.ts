import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until it holds; otherwise fails after `timeoutMs` with what `words` says then. */
export async function until(
  holds: () => Promise<boolean>,
  words: () => string,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(words());
    await sleep(20);
  }
}
